"""The asv suite runs: every class of it, with its quickest parameters, gives numbers that can be true."""

from __future__ import annotations

import inspect
import math
from functools import partial

import pytest

from benchmarks import accuracy, command_line, metrics, models
from benchmarks._ratios import medians_in_turns

QUICK = {
    metrics.Parzen: (2000, 64, 10, "cpu"),
    metrics.NearestNeighbors: (2000, 10_000, 64, 10, "cpu"),
    models.ShortEpoch: ("cae", "cpu"),
    models.Step: ("dbn", "bfloat16", "cpu"),
    models.StepAndItsProducts: ("adversarial", "float32", "cpu"),
    models.AdversarialSampler: ("adversarial", "cpu"),
    models.ShortChains: ("gsn", "cpu"),
    accuracy.FrozenSamples: ("refined",),
    command_line.Help: (),
}
MINUTES = {  # only `tox -e bench` runs these
    metrics.ParzenAtFullSize,
    metrics.ParzenOfImages,
    metrics.NearestNeighborsAtFullSize,
    models.Sampler,
    command_line.CachedRunAll,
}
KINDS = ("time_", "peakmem_", "track_")


CLASSES = [
    found
    for module in (accuracy, command_line, metrics, models)
    for _, found in inspect.getmembers(module, inspect.isclass)
    if found.__module__ == module.__name__ and not found.__name__.startswith("_")
]


def benchmarks_of(found):
    return [name for name in dir(found) if name.startswith(KINDS)]


def test_all_classes_are_known():
    assert set(CLASSES) == set(QUICK) | MINUTES


@pytest.mark.parametrize("found", CLASSES, ids=lambda found: found.__name__)
def test_parameters_have_names(found):
    assert benchmarks_of(found)
    assert all(callable(getattr(found, name)) for name in benchmarks_of(found))
    parameters = getattr(found, "params", ())
    assert len(getattr(found, "param_names", ())) == len(parameters)
    if found in QUICK:
        assert all(value in choices for value, choices in zip(QUICK[found], parameters, strict=True))


@pytest.mark.parametrize("found", QUICK, ids=lambda found: found.__name__)
def test_runs(found, monkeypatch):
    monkeypatch.setattr(models._Training, "seconds", models.ShortEpoch.seconds)
    monkeypatch.setattr(metrics, "medians_in_turns", partial(medians_in_turns, rounds=1))
    monkeypatch.setattr(models, "medians_in_turns", lambda functions, rounds: medians_in_turns(functions, 1))
    suite, arguments = found(), QUICK[found]
    if hasattr(suite, "setup"):
        suite.setup(*arguments)
    for name in benchmarks_of(found):
        value = getattr(suite, name)(*arguments)
        if name.startswith("track_"):
            assert value > 0
            assert math.isfinite(value)
            assert getattr(suite, name).unit


def test_log_likelihood_of_the_frozen_samples():
    """Changes of the metrics must not move it; float64 on the coarse grid, by scikit-learn, says the same."""
    from sklearn.neighbors import KernelDensity

    suite = accuracy.FrozenSamples()
    suite.setup("refined")
    points, centres = (values.reshape(len(values), -1) for values in (suite.test, suite.centres))
    density = KernelDensity(bandwidth=suite.bandwidth, leaf_size=len(centres) + 1).fit(centres)
    assert suite.track_mean_log_likelihood("refined") == pytest.approx(density.score_samples(points).mean(), abs=1e-3)
    assert suite.track_mean_log_likelihood("refined") == pytest.approx(10.206, abs=1e-3)
