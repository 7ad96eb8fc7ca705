"""References in an experiment: what they are given, what their metrics see, what is kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

import ganbench
from ganbench.datasets import Dataset
from ganbench.errors import ModelError
from ganbench.experiment.plan import Request, make_plan
from ganbench.protocols import load_protocol
from ganbench.registry.metrics import find_metric

SPY = """
import torch


class Spy:
    reference = "a spy"
    reference_needs = ("held_out", "test", "valid", "labels")

    def __init__(self, event_shape, *, device="cpu"):
        self.event_shape, self.images, self.epoch = tuple(event_shape), torch.zeros(1, *event_shape), 0

    def fit(self, train, *, held_out, test, valid, labels, generator):
        while self.epoch < 1:
            self.epoch += 1
            parts = dict(train=train, held_out=held_out, test=test, valid=valid, labels=labels.float())
            yield {name: float(part.sum()) for name, part in parts.items()}

    def sample(self, n, *, generator):
        return torch.rand(n, *self.event_shape, generator=generator)

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]


class Heights:
    def __init__(self, event_shape, *, device="cpu", width=1.0):
        self.mean, self.width, self.epoch = torch.zeros(1), width, 0

    def fit(self, train, *, generator):
        while self.epoch < 1:
            self.mean, self.epoch = train.mean().view(1), 1
            yield {}

    def sample(self, n, *, generator):
        return self.mean + self.width * torch.randn(n, 1, generator=generator)

    def log_density(self, examples):
        normal = torch.distributions.Normal(self.mean.double(), self.width)
        return normal.log_prob(examples.double())[:, 0]

    def state_dict(self):
        return {"mean": self.mean, "epoch": self.epoch}

    def load_state_dict(self, state):
        self.mean, self.epoch = state["mean"].clone(), state["epoch"]


class Wrong(Heights):
    def log_density(self, examples):
        return super().log_density(examples)[:-1]
"""


@pytest.fixture
def file(tmp_path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(SPY, encoding="utf-8")
    return str(path)


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    parts = {"train": 40, "valid": 20, "test": 30}
    arrays = {role: rng.standard_normal((n, 1)).astype(np.float32) for role, n in parts.items()}
    return Dataset.from_arrays(**arrays, train_labels=np.arange(40), value_range=(-np.inf, np.inf), name="heights")


def test_references_are_given_what_they_declare_and_metrics_the_other_half(file, toy_images):
    with np.load(toy_images) as arrays:
        parts = dict(arrays)
    labels = np.arange(len(parts["train"]))
    data = Dataset.from_arrays(**parts, train_labels=labels)
    record = ganbench.run("digits", models=[f"{file}:Spy"], datasets=[data], metrics=["copies"], results=None).records[
        0
    ]
    assert record.reason == ""
    assert record.model.reference == "a spy"
    own = make_plan(Request(load_protocol("digits"), models=(f"{file}:Spy",), datasets=(data,))).cells[0].split
    assert len(own.train) == 12
    expected = {
        "train": own.train, "held_out": np.delete(parts["train"], own.train_labels, axis=0), "test": parts["test"],
        "valid": parts["valid"], "labels": own.train_labels,
    }  # fmt: skip
    assert record.training.metrics == pytest.approx({k: float(v.sum()) for k, v in expected.items()}, rel=1e-5)
    assert record.score("copies").key == make_plan(
        Request(load_protocol("digits"), (f"{file}:Spy",), (data,), ("copies",))
    ).cells[0].score_key(find_metric("copies"), record.samples)


def test_a_training_depends_on_what_was_given(toy_images):
    """Test images of their own make a training of their own, for references that look at them and for no others."""
    with np.load(toy_images) as arrays:
        parts = dict(arrays)
    other = parts | {"test": parts["test"][::-1].copy()}

    def keys(model):
        cells = [
            make_plan(Request(load_protocol("digits"), (model,), (Dataset.from_arrays(**p),))).cells[0]
            for p in (parts, other)
        ]
        return {cell.train_key for cell in cells}

    assert len(keys("leaked_test_images")) == 2
    assert len(keys("half_split")) == len(keys("training_images")) == len(keys("dbn[preset=digits]")) == 1


def test_the_ladder_comes_after_the_models_and_from_one_seed(toy_images):
    protocol = load_protocol("digits")
    cells = make_plan(Request(protocol, ("mean_image", "noise"), (toy_images,), seeds=(0, 1), ladder=True)).cells
    specs = [cell.variant.label for cell in cells]
    assert specs[:4] == ["mean_image"] * 2 + ["noise"] * 2  # asked for as models
    assert specs[4:] == [spec for spec in protocol.ladder.models if spec not in ("mean_image", "noise")]
    assert make_plan(Request(protocol, ("noise",), (toy_images,))).cells[0].variant.label == "noise"


def test_the_exact_log_likelihood_is_that_of_the_density(file, data, tmp_path):
    model, results = f"{file}:Heights[width=0.5]", tmp_path / "results"

    def run(**settings):
        return ganbench.run("digits", models=[model], datasets=[data], results=results, **settings)

    first = run()
    exact = first.records[0].score("exact_log_likelihood")
    split = data.splits[0]
    expected = norm(split.train.mean(dtype=np.float64), 0.5).logpdf(split.test[:, 0].astype(float))
    value = exact.values["mean_log_density"]
    np.testing.assert_allclose(value.per_example, expected, atol=1e-5)
    assert value.value == pytest.approx(expected.mean(), abs=1e-5)
    assert value.standard_error == pytest.approx(expected.std() / np.sqrt(30), rel=1e-5)
    assert (value.unit, value.across) == ("nats", "examples")
    assert run().new == frozenset()  # it is stored
    again = run(metrics=["sliced_wasserstein"])  # another metric leaves it alone
    assert again.records[0].score("exact_log_likelihood") == exact


def test_a_record_without_it_is_not_done(file, data, tmp_path):
    """From stored samples and the checkpoint, without another training."""
    results, settings = tmp_path / "results", {"models": [f"{file}:Heights"], "datasets": [data]}
    first = ganbench.run("digits", results=results, **settings)
    record = first.records[0]
    exact = record.score("exact_log_likelihood")
    import msgspec

    first.store.write_record(
        msgspec.structs.replace(record, scores=tuple(score for score in record.scores if score != exact))
    )
    second = ganbench.run("digits", results=results, **settings)
    assert len(second.new) == 1
    assert second.records[0].score("exact_log_likelihood") == exact
    assert second.records[0].timing.train_seconds is None


def test_a_density_that_is_none_is_a_reason(file, data):
    record = ganbench.run("digits", models=[f"{file}:Wrong"], datasets=[data], results=None).records[0]
    assert record.status == "failed"
    assert "log_density of 30 examples gives an array of shape [29]" in record.reason


def test_models_are_not_given_what_references_are(file, toy_images, tmp_path):
    path = tmp_path / "greedy.py"
    path.write_text(SPY.replace('reference = "a spy"', ""), encoding="utf-8")
    with pytest.raises(
        ModelError, match="asks for held_out, test, valid, labels by reference_needs, which models never"
    ):
        ganbench.run("digits", models=[f"{path}:Spy"], datasets=[toy_images], results=None)
