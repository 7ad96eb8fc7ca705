"""Plans: which cells there are, and what their keys depend on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ganbench.datasets import Dataset, Split
from ganbench.errors import DataError, ModelError, UnknownNameError, UsageError
from ganbench.experiment import plan
from ganbench.experiment.plan import ExperimentRequest, plan_cells
from ganbench.protocols import load_protocol


def _images(seed: int, n: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 2, 2), np.float32)


def _dataset(splits, checksum="c") -> Dataset:
    return Dataset("squares", (2, 2), (0.0, 1.0), checksum, tuple(splits))


@pytest.fixture
def cells_of(monkeypatch, request_toys):
    """Plans toy models on given splits."""

    def make(splits, *models, **changes):
        monkeypatch.setattr(plan, "load_dataset", lambda *_, **__: _dataset(splits))
        return plan_cells(request_toys(*models or ("PixelwiseGaussian",), **changes))

    return make


def _keys(cell):
    return cell.train_key, cell.samples_key, cell.record_key


_STANDARD = Split("standard", _images(1), _images(2), _images(3))


def test_cells_are_models_by_seeds_by_folds(cells_of):
    splits = [Split(f"fold{k}", _images(k), _images(8), _images(9)) for k in range(3)]
    cells = cells_of(splits, "PixelwiseGaussian", "uniform", seeds=2)
    expected = [(m, s, f"fold{k}") for m in ("PixelwiseGaussian", "uniform") for s in range(2) for k in range(3)]
    assert [(c.model.name, c.seed, c.fold) for c in cells] == expected
    assert len({cell.place for cell in cells}) == 12
    assert all(len({_keys(cell)[i] for cell in cells}) == 12 for i in range(3))


def test_folds_with_the_same_training_images_share_one_training(cells_of):
    train = _images(1)
    cells = cells_of([Split(f"fold{k}", train, _images(2 + k), _images(12 + k)) for k in range(5)])
    assert [len({_keys(cell)[i] for cell in cells}) for i in range(3)] == [1, 1, 5]


def test_what_is_asked_twice_is_done_once(cells_of):
    assert len(cells_of([_STANDARD], "uniform", "uniform")) == 1


# what changes -> which of the keys of training, samples and record change
@pytest.mark.parametrize(
    ("models", "changes", "expected"),
    [
        (["PixelwiseGaussian"], {}, (False, False, False)),
        (["PixelwiseGaussian[epochs=3]"], {}, (True, True, True)),
        (["uniform"], {}, (True, True, True)),
        (["PixelwiseGaussian"], {"n_samples": 21}, (False, True, True)),
        (["PixelwiseGaussian"], {"bandwidth_grid": [0.1, 0.3]}, (False, False, True)),
        (["PixelwiseGaussian"], {"refinement_steps": 9}, (False, False, True)),
        (["PixelwiseGaussian"], {"n_neighbor_samples": 6}, (False, False, True)),
        (["PixelwiseGaussian"], {"title": "Other", "name": "other"}, (False, False, False)),
    ],
)
def test_keys_of_model_and_protocol(cells_of, models, changes, expected):
    (before,), (after,) = cells_of([_STANDARD]), cells_of([_STANDARD], *models, **changes)
    assert tuple(a != b for a, b in zip(_keys(before), _keys(after), strict=True)) == expected


@pytest.mark.parametrize(
    ("role", "expected"),
    [("train", (True, True, True)), ("valid", (False, False, True)), ("test", (False, False, True))],
)
def test_keys_of_data(cells_of, role, expected):
    (before,), (after,) = cells_of([_STANDARD]), cells_of([dataclasses.replace(_STANDARD, **{role: _images(7)})])
    assert tuple(a != b for a, b in zip(_keys(before), _keys(after), strict=True)) == expected


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


def test_data_that_cannot_be_loaded_are_cells_with_a_problem(monkeypatch, request_toys):
    def fail(*_, **__):
        raise DataError("there is no such file")

    monkeypatch.setattr(plan, "load_dataset", fail)
    cells = plan_cells(request_toys("PixelwiseGaussian", "uniform", seeds=2))
    assert [(c.problem, c.fold, c.split) for c in cells] == [("there is no such file", "all", None)] * 4
    assert len({cell.place for cell in cells}) == 4


def test_bad_requests(request_toys, tmp_path):
    request = request_toys("uniform")
    with pytest.raises(UsageError, match="number of seeds must be at least 1; got 0"):
        plan_cells(dataclasses.replace(request, seeds=0))
    with pytest.raises(UnknownNameError, match=r"Unknown model 'bdn'.*Did you mean 'dbn'"):
        plan_cells(dataclasses.replace(request, models=("bdn",)))
    with pytest.raises(UnknownNameError, match=r"Unknown dataset 'mnits'.*Did you mean 'mnist'"):
        plan_cells(dataclasses.replace(request, datasets=("mnits",)))
    with pytest.raises(UsageError, match="has no preset 'tfdd'; it has:"):
        plan_cells(dataclasses.replace(request, models=("dbn[preset=tfdd]",)))
    with pytest.raises(ModelError, match="there is no file"):
        plan_cells(dataclasses.replace(request, models=(f"{tmp_path}/no.py:M",)))


def test_data_sets_by_default_and_by_name():
    protocol = load_protocol("goodfellow2014")
    chosen = plan._dataset_plans(ExperimentRequest(protocol))
    assert [p.name for p in chosen] == ["mnist", "tfd", "cifar10"]
    chosen = plan._dataset_plans(ExperimentRequest(protocol, datasets=("fer2013", "digits", "mine.npz", "fer2013")))
    assert [(p.name, p.preset) for p in chosen] == [("fer2013", "tfd"), ("digits", ""), ("mine.npz", "")]
