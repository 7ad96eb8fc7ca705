"""The two-sample tests by a classifier and by nearest neighbours: closed forms, scikit-learn, size and power."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import binom, norm
from sklearn.neighbors import NearestNeighbors

from ganbench.conformance import check_metric
from ganbench.errors import DataError
from ganbench.metrics.nearest_neighbor_two_sample import NearestNeighborTwoSample
from ganbench.metrics.subsets import chosen
from ganbench.metrics.two_sample_classifier import ClassifierTwoSample


def _normal(n, d, seed, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


def _values(metric, x, y):
    return {name: value.value for name, value in metric.measure(generated=x, test=y).values.items()}


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.0])
def test_the_classifier_comes_near_the_best_there_is(distance):
    """Phi(D / 2), which no classifier exceeds; 0.69146 for D = 1, 0.84134 for D = 2."""
    x, y = _normal(4000, 2, 1, distance / math.sqrt(2)), _normal(4000, 2, 2)
    found = ClassifierTwoSample().measure(generated=x, test=y).values
    error = found["accuracy"].standard_error
    assert norm.cdf(distance / 2) - 0.02 - 3 * error < found["accuracy"].value < norm.cdf(distance / 2) + 3 * error
    assert (found["p"].value < 1e-10) == (distance > 0)
    halves = found["accuracy_on_samples"].value, found["accuracy_on_test"].value
    assert sum(halves) / 2 == pytest.approx(found["accuracy"].value)


@pytest.mark.parametrize("scale", [0.01, 100.0, 1e4])
def test_the_scale_does_not_hide_a_difference(scale):
    x, y = _normal(500, 5, 1, 1.0) * scale, _normal(500, 5, 2) * scale
    assert _values(ClassifierTwoSample(), x, y)["p"] < 1e-10


def test_the_size_of_the_classifier_test():
    """One law, 40 tests at 5 %."""
    metric = ClassifierTwoSample()
    rejected = [_values(metric, _normal(60, 2, 2 * r), _normal(80, 2, 2 * r + 1))["p"] <= 0.05 for r in range(40)]
    assert np.mean(rejected) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 40)


def test_neighbours_agree_with_scikit_learn():
    x, y = _normal(60, 4, 1, 0.5), _normal(60, 4, 2)
    pooled = torch.cat((x, y)).numpy()
    nearest = NearestNeighbors(n_neighbors=2).fit(pooled).kneighbors(pooled)[1][:, 1]
    labels = np.arange(120) < 60
    own = labels[nearest] == labels
    values = _values(NearestNeighborTwoSample(), x, y)
    expected = own.mean(), own[:60].mean(), own[60:].mean()
    found = tuple(values[name] for name in ("accuracy", "accuracy_on_samples", "accuracy_on_test"))
    assert found == pytest.approx(expected)


def test_the_smallest_p_value_of_neighbours():
    """The sets as they are count among the permutations."""
    values = _values(NearestNeighborTwoSample(permutations=99), _normal(30, 2, 1, 50.0), _normal(30, 2, 2))
    assert (values["accuracy"], values["p"]) == (1, 0.01)


@pytest.mark.parametrize(("right_of_twenty", "on_samples"), [(13, 0.8), (7, 0.2)])
def test_the_classifiers_answers_are_counted(monkeypatch, right_of_twenty, on_samples):
    """Right of eight or two in ten held-out samples, and of five in ten test examples; p is that of as many or more."""
    answers = torch.zeros(10, dtype=torch.int64)
    answers[: round(10 * on_samples)] = 1
    seen = []

    def classifier(examples):
        seen.append(examples)
        return answers if len(seen) == 2 else torch.arange(10) % 2  # first the test data

    monkeypatch.setattr("ganbench.metrics.two_sample_classifier.train_classifier", lambda *_: classifier)
    x, y = _normal(20, 2, 1), _normal(25, 2, 2)
    found = ClassifierTwoSample().measure(generated=x, test=y).values
    assert (found["accuracy_on_samples"].value, found["accuracy_on_test"].value) == (on_samples, 0.5)
    assert found["p"].value == pytest.approx(binom.sf(right_of_twenty - 1, 20, 0.5))
    share = right_of_twenty / 20
    assert found["accuracy"].standard_error == pytest.approx(math.sqrt(share * (1 - share) / 20))
    assert torch.equal(seen[0], chosen(y, 20)[10:])
    assert torch.equal(seen[1], chosen(x, 20)[10:])


def test_copies_of_test_examples_fall_below_one_half():
    y = _normal(200, 5, 1)
    result = NearestNeighborTwoSample().measure(generated=y + 1e-6, test=y)
    assert result.values["accuracy"].value == 0
    assert {finding.code for finding in result.findings} == {"nearer-than-chance"}


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 0.0, 0.05 + 4 * 0.0154), (1.0, 0.9, 1.0)])
def test_size_and_power_of_neighbours(shift, least, most):
    """Of 200 tests at 5 %; the binomial error of the size is 0.0154."""
    metric = NearestNeighborTwoSample(permutations=99)
    ps = [_values(metric, _normal(60, 3, 2 * r, shift), _normal(60, 3, 2 * r + 1))["p"] for r in range(200)]
    assert least <= np.mean(np.array(ps) <= 0.05) <= most


def test_the_error_is_that_of_repetitions():
    """One law, 100 pairs of sets: the permutations have the standard deviation of the accuracy."""
    metric = NearestNeighborTwoSample(permutations=99)
    found = [
        metric.measure(generated=_normal(80, 3, 2 * r), test=_normal(80, 3, 2 * r + 1)).values["accuracy"]
        for r in range(100)
    ]
    deviation = np.std([value.value for value in found])
    assert np.mean([value.standard_error for value in found]) == pytest.approx(deviation, rel=4 / math.sqrt(200))


@pytest.mark.parametrize("metric", [ClassifierTwoSample(), NearestNeighborTwoSample()])
def test_health(metric):
    result = metric.measure(generated=_normal(20, 3, 1), test=_normal(90, 3, 2))
    assert {finding.code for finding in result.findings} == {"few-examples"}
    with pytest.raises(DataError, match="generated: 1 examples"):
        metric.measure(generated=_normal(1, 3, 1), test=_normal(90, 3, 2))


@pytest.mark.parametrize(
    "spec", ["two_sample_classifier:ClassifierTwoSample", "nearest_neighbor_two_sample:NearestNeighborTwoSample"]
)
def test_they_keep_the_contract(spec):
    results = list(check_metric(f"ganbench.metrics.{spec}"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
