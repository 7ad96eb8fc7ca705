"""Plans: which cells there are, and what their keys depend on."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from ganbench.datasets import Dataset, Split
from ganbench.errors import DataError, StoreError, UnknownNameError, UsageError
from ganbench.experiment import plan
from ganbench.experiment.plan import Request, make_plan
from ganbench.protocols import load_protocol
from ganbench.records.record import SamplesRef


def _images(seed: int, n: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 2, 2), np.float32)


def _dataset(*splits, checksum="c") -> Dataset:
    return Dataset("squares", (2, 2), (0.0, 1.0), checksum, splits)


@pytest.fixture
def cells_of(request_toys):
    """Plans toy models on given splits."""

    def make(splits, *models, **changes):
        return make_plan(request_toys(*models or ("PixelwiseGaussian",), datasets=[_dataset(*splits)], **changes)).cells

    return make


def _keys(cell):
    return (
        cell.train_key,
        cell.samples_key,
        [cell.score_key(metric, SamplesRef(1, cell.samples_key)) for metric in cell.metrics],
    )


_STANDARD = Split("standard", _images(1), _images(2), _images(3))


def test_cells_are_models_by_seeds_by_folds(cells_of):
    splits = [Split(f"fold{k}", _images(k), _images(8), _images(9)) for k in range(3)]
    cells = cells_of(splits, "PixelwiseGaussian", "uniform", seeds=2)
    expected = [(m, s, f"fold{k}") for m in ("PixelwiseGaussian", "uniform") for s in range(2) for k in range(3)]
    assert [(c.model.name, c.seed, c.split.name) for c in cells] == expected
    assert len({cell.place for cell in cells}) == len({cell.train_key for cell in cells}) == 12


def test_folds_with_the_same_training_images_share_one_training(cells_of):
    train = _images(1)
    cells = cells_of([Split(f"fold{k}", train, _images(2 + k), _images(12 + k)) for k in range(5)])
    keys = [_keys(cell) for cell in cells]
    assert [len({str(key[i]) for key in keys}) for i in range(3)] == [1, 1, 5]


def test_what_is_asked_twice_is_done_once(cells_of, toys):
    same = [
        "PixelwiseGaussian",
        "PixelwiseGaussian[]",
        "PixelwiseGaussian[ epochs = 3 ]",
        "PixelwiseGaussian[spread=1]",
    ]
    assert len(cells_of([_STANDARD], *same)) == 1
    assert len(cells_of([_STANDARD], *same, "PixelwiseGaussian[epochs=4]")) == 2


@pytest.mark.parametrize(
    ("models", "changes", "expected"),
    [
        (["PixelwiseGaussian"], {}, (False, False, [False, False])),
        (["PixelwiseGaussian[epochs=4]"], {}, (True, True, [True, True])),
        (["uniform"], {}, (True, True, [True, True])),
        (["PixelwiseGaussian"], {"n_samples": 21}, (False, True, [True, True])),
        (["PixelwiseGaussian"], {"metrics": ["parzen", "nearest_neighbors[limit=5]"]}, (False, False, [True, False])),
        (["PixelwiseGaussian"], {"title": "Other", "name": "other", "threads": 1}, (False, False, [False, False])),
    ],
)
def test_keys_of_model_and_protocol(cells_of, models, changes, expected):
    (before,), (after,) = cells_of([_STANDARD]), cells_of([_STANDARD], *models, **changes)
    (*steps, scores), (*others, other_scores) = _keys(before), _keys(after)
    differ = [a != b for a, b in zip(steps, others, strict=True)]
    assert (*differ, [a != b for a, b in zip(scores, other_scores, strict=True)]) == expected


# Parzen needs validation and test examples, nearest neighbours need training and test examples.
@pytest.mark.parametrize(
    ("role", "expected"),
    [("train", (True, [False, True])), ("valid", (False, [True, False])), ("test", (False, [True, True]))],
)
def test_keys_of_data(cells_of, role, expected):
    (before,), (after,) = cells_of([_STANDARD]), cells_of([dataclasses.replace(_STANDARD, **{role: _images(7)})])
    assert (before.train_key != after.train_key) == (before.samples_key != after.samples_key) == expected[0]
    keys = [[cell.score_key(metric, SamplesRef(1, "0" * 64)) for metric in cell.metrics] for cell in (before, after)]
    assert [a != b for a, b in zip(*keys, strict=True)] == expected[1]


def test_keys_of_seeds(cells_of):
    first, second = cells_of([_STANDARD], seeds=2)
    assert all(a != b for a, b in zip(_keys(first), _keys(second), strict=True))
    assert first.seed_for("train") != first.seed_for("sample")


def test_keys_of_source_code(tmp_path, cells_of, toys):
    source = Path(toys).read_text(encoding="utf-8")
    keys = []
    for text in (source, "# comment\n" + source, source.replace("0.5 * self.velocity", "0.4 * self.velocity")):
        (tmp_path / "mine.py").write_text(text)
        ((cell),) = cells_of([_STANDARD], f"{tmp_path}/mine.py:PixelwiseGaussian")
        keys.append(_keys(cell))
    assert keys[0] == keys[1]
    assert all(a != b for a, b in zip(keys[0], keys[2], strict=True))


def test_own_data_are_known_by_their_content(request_toys, toy_images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "copy.npz").write_bytes(Path(toy_images).read_bytes())
    cells = make_plan(request_toys("uniform", datasets=["squares.npz", "./squares.npz", toy_images])).cells
    assert len(cells) == 1
    (copy,) = make_plan(request_toys("uniform", datasets=["elsewhere/copy.npz"])).cells
    assert [cells[0].seed_for(p) for p in ("train", "sample")] == [copy.seed_for(p) for p in ("train", "sample")]


def test_data_that_are_not_here_have_no_cells(request_toys, toy_images, tmp_path):
    request = request_toys("uniform", datasets=["tfd", toy_images])
    found = make_plan(dataclasses.replace(request, data_root=str(tmp_path)))
    assert [missing.name for missing in found.unavailable] == ["tfd"]
    assert str(tmp_path) in found.unavailable[0].reason
    assert [cell.data.name for cell in found.cells] == ["squares"]


@pytest.mark.parametrize(("asked", "text"), [({"models": ("no.npz",)}, "no.npz"), ({"metrics": ("parsen",)}, "parzen")])
def test_mistyped_names_are_told_before_data_are_fetched(request_toys, tmp_path, asked, text):
    request = dataclasses.replace(request_toys("uniform", datasets=["tfd"]), data_root=str(tmp_path), **asked)
    with pytest.raises(UsageError, match=text):
        make_plan(request)


def test_bad_requests(request_toys, tmp_path):
    request = request_toys("uniform")
    with pytest.raises(UsageError, match="No seeds"):
        make_plan(dataclasses.replace(request, seeds=()))
    with pytest.raises(UnknownNameError, match=r"Unknown model 'bdn'.*Did you mean 'dbn'"):
        make_plan(dataclasses.replace(request, models=("bdn",)))
    with pytest.raises(UnknownNameError, match=r"Unknown dataset 'mnits'.*Did you mean 'mnist'"):
        make_plan(dataclasses.replace(request, datasets=("mnits",)))
    with pytest.raises(UnknownNameError, match=r"Unknown metric 'parsen'.*Did you mean 'parzen'"):
        make_plan(dataclasses.replace(request, metrics=("parsen",)))
    with pytest.raises(UsageError, match="has no preset 'tfdd'; it has:"):
        make_plan(dataclasses.replace(request, models=("dbn[preset=tfdd]",)))
    with pytest.raises(UsageError, match="there is no file"):
        make_plan(dataclasses.replace(request, models=(f"{tmp_path}/no.py:M",)))


class NeedsLabels:
    name, version, direction, needs = "by_class", 1, "lower", ("labels",)

    def measure(self, *, generated, labels):
        raise NotImplementedError


def test_a_metric_that_needs_labels_is_refused_where_there_are_none(request_toys):
    with pytest.raises(DataError, match="'by_class' needs class labels, and these data have none"):
        make_plan(request_toys("uniform", more_metrics=[NeedsLabels()]))


def test_data_sets_by_default_and_by_name(monkeypatch):
    monkeypatch.setattr(plan, "as_dataset", lambda spec, *_, **__: plan.UnavailableDataset(spec, "not here"))
    protocol = load_protocol("goodfellow2014")
    assert [name for _, _, name in plan._datasets(Request(protocol))] == ["mnist", "tfd", "cifar10"]
    chosen = plan._datasets(Request(protocol, datasets=("fer2013", "digits", "mine.npz", "fer2013")))
    assert [(p.name, p.preset) for p, _, _ in chosen] == [
        ("fer2013", "fer2013-laptop"),
        ("digits", ""),
        ("mine.npz", ""),
    ]


@pytest.fixture
def cell(request_toys, toy_images):
    plan._read_again.cache_clear()
    (cell,) = make_plan(request_toys("PixelwiseGaussian")).cells
    yield cell
    plan._read_again.cache_clear()


def test_a_cell_travels_without_its_arrays(cell):
    sent = pickle.dumps(cell)
    assert cell.split.train.tobytes() not in sent
    again = pickle.loads(sent)
    assert (again.place, _keys(again), again.model_ref) == (cell.place, _keys(cell), cell.model_ref)
    np.testing.assert_array_equal(again.split.test, cell.split.test)


@pytest.fixture
def with_copies(request_toys, toy_images):
    """Makes the plan for images of which two tested ones are trained on, by a rule for copies."""
    with np.load(toy_images) as archive:
        arrays = dict(archive)
    arrays["test"][:2] = arrays["train"][3:5]
    np.savez(toy_images, **arrays)

    def make(rule: str):
        datasets = f"[{{ name = {json.dumps(toy_images)}, duplicates = {json.dumps(rule)} }}]"
        return make_plan(request_toys("PixelwiseGaussian", of_protocol=datasets))

    return make


def test_copies_are_left_out_here_and_in_other_processes(with_copies):
    plan._read_again.cache_clear()
    (kept,), (clean,) = (with_copies(rule).cells for rule in ("keep", "exclude"))
    assert (len(kept.split.train), len(clean.split.train)) == (24, 22)
    assert kept.train_key != clean.train_key
    assert kept.place == clean.place
    for cell, end in ((kept, "all are kept"), (clean, "the former are left out")):
        (finding,) = cell.data.findings
        assert (finding.about, finding.severity) == ("data", "note")
        assert finding.text.startswith("2 training examples are copies of validation or test examples (2 of these)")
        assert finding.text.endswith(end)
        plan._read_again.cache_clear()
        again = pickle.loads(pickle.dumps(cell))
        np.testing.assert_array_equal(again.split.train, cell.split.train)
    with pytest.raises(DataError, match="2 training examples are copies"):
        with_copies("refuse")


def test_the_epoch_is_chosen_on_all_data_but_those_named(request_toys):
    rule = {"models": ["PixelwiseGaussian"]}
    (chosen,) = make_plan(request_toys("PixelwiseGaussian", selection=rule)).cells
    (elsewhere,) = make_plan(request_toys("PixelwiseGaussian", selection=rule | {"not_on": ["tfd"]})).cells
    (not_here,) = make_plan(request_toys("PixelwiseGaussian", selection=rule | {"not_on": ["squares"]})).cells
    assert (chosen.selection is None, elsewhere.selection is None, not_here.selection is None) == (False, False, True)
    assert chosen.samples_key == elsewhere.samples_key != not_here.samples_key


def test_what_changed_on_the_way_is_noticed(cell, toy_images):
    sent = pickle.dumps(cell)
    with np.load(toy_images) as archive:
        np.savez(toy_images, **{**archive, "test": archive["test"] / 2})
    with pytest.raises(StoreError, match="The data or a metric changed while the run went on"):
        pickle.loads(sent)


def test_a_metric_that_changed_on_the_way_is_noticed(request_toys, rulers, tmp_path):
    text = Path(rulers).read_text(encoding="utf-8")
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    (cell,) = make_plan(request_toys("uniform", more_metrics=[f"{tmp_path}/mine.py:Spread"])).cells
    sent = pickle.dumps(cell)
    assert pickle.loads(sent).metrics[2].label == cell.metrics[2].label
    (tmp_path / "mine.py").write_text(text.replace("generated.std()", "generated.var()"), encoding="utf-8")
    with pytest.raises(StoreError, match="The data or a metric changed"):
        pickle.loads(sent)
