"""The epoch that is sampled is the best on validation data; trainings that are stopped go on to the same bits."""

from __future__ import annotations

import dataclasses
import time

import msgspec
import numpy as np
import pytest
import torch
from serial_runs import run_serially, without_times

from ganbench.datasets import Dataset, Split
from ganbench.experiment.plan import make_plan
from ganbench.experiment.selection import EpochSelection
from ganbench.metrics.parzen import Parzen
from ganbench.protocols import Selection

MODEL = '''
import torch

class Wanderer:
    """Its samples lie about a level that comes nearer to the data's until epoch 6, and goes away again."""

    total_epochs = 12

    def __init__(self, event_shape, *, device="cpu", bend=6):
        self.event_shape, self.bend, self.epoch, self.level = tuple(event_shape), bend, 0, 0.0

    def fit(self, train, *, generator):
        while self.epoch < 12:
            self.epoch += 1
            self.level = 0.5 + 0.05 * abs(self.epoch - self.bend) + 1e-3 * float(torch.rand(1, generator=generator))
            yield {"level": self.level}

    def sample(self, n, *, generator):
        return (self.level + 0.05 * torch.randn(n, *self.event_shape, generator=generator)).clamp(0, 1)

    def state_dict(self):
        return {"epoch": self.epoch, "level": self.level}

    def load_state_dict(self, state):
        self.epoch, self.level = state["epoch"], state["level"]
'''


def images(level: float, n: int, seed: int) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(level, 0.05, (n, 3, 3)), 0, 1).astype(np.float32)


@pytest.fixture
def wander(request_toys, tmp_path):
    """Plans the model above on validation data of level .5 and test data of level .8."""
    path = tmp_path / "wanderer.py"
    path.write_text(MODEL)
    split = Split("standard", images(0.5, 40, 0), images(0.5, 30, 1), images(0.8, 20, 2))
    data = Dataset("levels", (3, 3), (0.0, 1.0), "a" * 64, (split,), is_own=True)

    def make(settings="", **rule):
        selection = {"models": ["Wanderer"], "every": 2, **rule}
        return request_toys(f"{path}:Wanderer{settings}", datasets=[data], n_samples=200, selection=selection)

    return make


def test_the_best_epoch_on_validation_data_is_sampled_whatever_the_test_data_say(wander, store):
    (record,) = run_serially(wander(), store)
    training = record.training
    assert (training.epochs, training.selected_epoch, training.stopped) == (12, 6, "")
    curve = training.curves["selection"]
    assert curve.x == (2, 4, 6, 8, 10, 12)
    assert curve.y.index(max(curve.y)) == 2
    assert training.curves["level"].x == tuple(range(1, 13))
    samples, _ = store.read_samples(record.samples.key)
    assert samples.mean() == pytest.approx(training.curves["level"].y[5], abs=5 * 0.05 / np.sqrt(samples.size))


def test_the_curve_is_that_of_the_metric(wander, store):
    rule = Selection(("any",), every=3, metric="parzen[grid=[0.05,0.2],refinement_steps=0]")
    valid = torch.tensor(images(0.5, 30, 1))
    selection = EpochSelection(rule, valid, lambda model, epoch: torch.tensor(images(model.level, 50, epoch)))

    class Model:
        level = 0.5

        def state_dict(self):
            return {"level": self.level}

    for epoch in range(1, 8):
        selection.look(Model(), epoch, last=epoch == 7)
    assert selection.epochs == [3, 6, 7]
    for epoch, value in zip(selection.epochs, selection.values, strict=True):
        generated = torch.tensor(images(0.5, 50, epoch))
        score = Parzen(grid=[0.05, 0.2], refinement_steps=0).measure(generated=generated, valid=valid, test=valid)
        assert value == score.values["valid_mean_log_likelihood"].value


def test_patience_ends_a_training(wander, store, epochs):
    (record,) = run_serially(wander(patience=3), store)
    assert epochs == list(range(1, 11))  # nothing better at 8, nor at 10
    assert (record.training.epochs, record.training.selected_epoch, record.training.stopped) == (10, 6, "")
    run_serially(wander(patience=3), store)
    assert epochs == list(range(1, 11))


def test_without_a_rule_for_it_the_last_epoch_is_sampled(wander, store):
    (record,) = run_serially(wander(models=["Other"]), store)
    assert record.training.selected_epoch is None
    samples, _ = store.read_samples(record.samples.key)
    assert samples.mean() == pytest.approx(0.8, abs=0.02)


def test_another_rule_does_not_train_again_and_does_not_use_the_old_choice(wander, store, epochs):
    (first,) = run_serially(wander(), store)
    (second,) = run_serially(wander(every=5), store)
    assert epochs == list(range(1, 13))
    assert first.samples.key != second.samples.key
    assert second.training.selected_epoch is None  # the epochs are over: there was nothing to look at


def test_folds_that_share_a_training_choose_by_the_first_of_them(request_toys, tmp_path):
    (tmp_path / "wanderer.py").write_text(MODEL)
    train, rule = images(0.5, 40, 0), {"models": ["Wanderer"], "every": 2}

    def keys(*seeds: int) -> list[str]:
        splits = tuple(Split(f"fold{k}", train, images(0.5, 30, s), images(0.8, 20, 2)) for k, s in enumerate(seeds))
        data = Dataset("levels", (3, 3), (0.0, 1.0), "a" * 64, splits)
        cells = make_plan(request_toys(f"{tmp_path}/wanderer.py:Wanderer", datasets=[data], selection=rule)).cells
        assert all(np.array_equal(cell.selection_examples, splits[0].valid) for cell in cells)
        return [cell.samples_key for cell in cells]

    first, second = keys(3, 4)
    assert first == second == keys(3, 5)[0]
    assert first != keys(6, 4)[0]


def test_a_metric_that_is_not_the_parzen_estimate_is_refused(wander, store):
    (record,) = run_serially(wander(metric="nearest_neighbors"), store)
    assert "selection.metric is 'nearest_neighbors'; accepted: parzen" in record.reason


def test_a_training_that_is_stopped_is_scored_and_goes_on_to_the_same_bits(wander, store, tmp_path, epochs):
    undisturbed = without_times(run_serially(wander(), store)[0])
    other = dataclasses.replace(store, root=tmp_path / "other")
    other.prepare()
    cell = make_plan(wander()).cells[0]
    seen = []
    for _ in range(12):
        (record,) = run_serially(wander(), other, cell_seconds=1e-9)  # an epoch each
        seen.append((record.training.epochs, record.training.stopped))
        assert len(record.scores) == 2
        assert cell.is_answered_by(record) == (record.training.epochs == 12)
    assert seen == [(epoch, "time limit") for epoch in range(1, 12)] + [(12, "")]
    assert len(list((other.root / "samples").iterdir())) == 1  # those of the way are gone
    assert without_times(record) == undisturbed


def test_when_the_time_is_over_nothing_is_begun_and_nothing_stored(wander, store):
    (record,) = run_serially(wander(), store, run_until=time.monotonic() - 1)
    assert "The time of the run was over before it began" in record.reason
    assert list(store.records()) == []


def test_when_the_time_is_over_a_training_stops_after_its_epoch(wander, store):
    (record,) = run_serially(wander(), store, run_until=time.monotonic() + 0.5)
    assert record.status == "done"
    assert msgspec.structs.asdict(record.training)["stopped"] in ("", "time limit")
