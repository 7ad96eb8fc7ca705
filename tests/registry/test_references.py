"""What references declare, and what they are given."""

from __future__ import annotations

import numpy as np
import pytest

from ganbench.datasets import Split
from ganbench.errors import ModelError
from ganbench.registry.models import ModelObject, find_model
from ganbench.registry.references import reference_data, split_for


@pytest.fixture
def split() -> Split:
    rows = {
        role: np.arange(2 * n, dtype=np.float32).reshape(n, 2) for role, n in (("train", 7), ("valid", 3), ("test", 4))
    }
    return Split("standard", **rows, train_labels=np.arange(7))


def written(tmp_path, body: str):
    path = tmp_path / "mine.py"
    path.write_text(f"class Mine:\n{body}\n", encoding="utf-8")
    return find_model(f"{path}:Mine")


def test_declarations_are_read_without_an_import(tmp_path):
    text = "    reference = (\n        'real '\n        'images'\n    )\n"
    model = written(tmp_path, f"{text}    reference_needs = ['test', 'labels']\n    raise RuntimeError")
    assert (model.reference, model.reference_needs, model.has_log_density) == ("real images", ("test", "labels"), False)
    plain = written(tmp_path, "    def log_density(self, examples): ...")
    assert (plain.reference, plain.reference_needs, plain.has_log_density) == ("", (), True)


def test_so_are_those_of_a_base_in_the_same_module():
    model = find_model("gaussian_fit")
    assert model.has_log_density
    assert "means and covariances" in model.reference
    assert not find_model("training_images").has_log_density
    assert [find_model(name).reference for name in ("dbn", "adversarial")] == ["", ""]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("    reference = 'x' + 'y'", "reference must be a literal string"),
        ("    reference = 3", "reference must be a literal string"),
        (
            "    reference = 'x'\n    reference_needs = ['tests']",
            "names 'tests'; accepted: valid, test, labels, held_out",
        ),
        ("    reference_needs = ['test']", "which models never see"),
    ],
)
def test_other_declarations_are_refused(tmp_path, body, message):
    model = written(tmp_path, body)
    with pytest.raises(ModelError, match=message):
        _ = model.reference, model.reference_needs


def test_a_class_of_a_notebook_declares_alike():
    class Mine:
        reference = "real"
        reference_needs = ("test",)

        def log_density(self, examples): ...

    model = ModelObject(Mine)
    assert (model.reference, model.reference_needs, model.has_log_density) == ("real", ("test",), True)
    Mine.reference = ""
    with pytest.raises(ModelError, match="which models never see"):
        _ = model.reference_needs


def test_held_out_data_are_the_other_half(split):
    own = split_for(("held_out",), split)
    given = reference_data(("held_out", "labels", "valid", "test"), split)
    assert (len(own.train), len(given["held_out"])) == (4, 3)
    both = np.concatenate([own.train, given["held_out"]])
    np.testing.assert_array_equal(both[both[:, 0].argsort()], split.train)
    np.testing.assert_array_equal(own.train, split.train[own.train_labels])
    np.testing.assert_array_equal(given["labels"], own.train_labels)
    assert given["valid"] is split.valid is own.valid
    assert given["test"] is split.test is own.test
    assert own.train is split_for(("held_out",), split).train  # once, however often it is asked for


def test_halves_are_random():
    """Where rows come from two sources in turn, either half has as many of both, within five standard errors."""
    sources = np.tile([0.0, 1.0], 1000).astype(np.float32)[:, None]
    own = split_for(("held_out",), Split("standard", sources, sources[:1], sources[:1]))
    assert abs(own.train.mean() - 0.5) < 5 * 0.5 / np.sqrt(1000)


def test_nothing_is_cut_for_others(split):
    for needs in ((), ("test",), ("labels",)):
        assert split_for(needs, split) is split
    assert reference_data((), split) == {}
    np.testing.assert_array_equal(reference_data(("labels",), split)["labels"], np.arange(7))
