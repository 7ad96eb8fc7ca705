"""The sliced Wasserstein distance against scipy in one dimension and a closed form in ten."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from ganbench.conformance import check_metric
from ganbench.errors import DataError
from ganbench.metrics.sliced_wasserstein import SlicedWasserstein, _influences, _weighted_powers, wasserstein_powers
from ganbench.metrics.subsets import chosen


def _normal(n, d, seed, scale=1.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) * scale


@pytest.mark.parametrize(("m", "n"), [(40, 40), (37, 53), (10, 40), (1, 7)])
def test_one_dimension(m, n):
    x, y = _normal(m, 3, 1).double(), _normal(n, 3, 2, 2.0).double()
    expected = [wasserstein_distance(x[:, i], y[:, i]) for i in range(3)]
    assert wasserstein_powers(x, y, 1).tolist() == pytest.approx(expected, rel=1e-12)


def test_squares_of_sorted_differences():
    x, y = _normal(30, 2, 1).double(), _normal(30, 2, 2).double()
    expected = (x.sort(0).values - y.sort(0).values).square().mean(0)
    torch.testing.assert_close(wasserstein_powers(x, y, 2), expected)
    torch.testing.assert_close(wasserstein_powers(x.repeat(2, 1), y.repeat(3, 1), 2), expected)


def test_the_optimal_transport_library():
    ot = pytest.importorskip("ot")
    x, y = _normal(41, 1, 1).double(), _normal(29, 1, 2).double()
    expected = ot.wasserstein_1d(x[:, 0].numpy(), y[:, 0].numpy(), p=2)
    assert float(wasserstein_powers(x, y, 2)) == pytest.approx(float(expected), rel=1e-9)


def test_isotropic_normal_laws():
    """||mu||^2 / d + (s_1 - s_2)^2 = 1.1 for d = 10, ||mu|| = 1, s = 1, 2."""
    x, y = _normal(4000, 10, 1), _normal(4000, 10, 2, 2.0) + 1 / math.sqrt(10)
    result = SlicedWasserstein().measure(generated=x, valid=y[:100], test=y).values
    value, null = result["sliced_wasserstein"], result["null_sliced_wasserstein"]
    across_directions = 0.1 * math.sqrt(2 / 200) / 2 / math.sqrt(1.1)  # (u.mu)^2 has variance 2 / d^2
    assert value.value == pytest.approx(math.sqrt(1.1), abs=3 * math.hypot(value.standard_error, across_directions))
    assert null.value < 0.5


@pytest.mark.parametrize("scale", [2.0, 1.0])
def test_the_error_is_that_of_repetitions(scale):
    """Of 200 pairs of sets; of one law too, where groups left out by turns would say 1.4 times as much."""
    metric = SlicedWasserstein(directions=20)
    found = []
    for r in range(200):
        x, y = _normal(80, 8, 2 * r), _normal(120, 8, 2 * r + 1, scale)
        value = metric.measure(generated=x, valid=y[:4], test=y).values["sliced_wasserstein"]
        found.append((value.value, value.standard_error))
    estimates, errors = np.array(found).T
    assert math.sqrt((errors**2).mean()) == pytest.approx(estimates.std(ddof=1), rel=4 / math.sqrt(400))


def test_the_interval_covers_near_one_law():
    """Of 300 pairs of sets; 1.96 errors of the square to either side hold 88 %."""
    metric, y, found = SlicedWasserstein(directions=20), _normal(4, 2, 0), []
    for r in range(300):
        values = metric.measure(
            generated=_normal(100, 2, 2 * r) + 0.15, valid=y, test=_normal(100, 2, 2 * r + 1)
        ).values
        found.append([values[f"sliced_wasserstein{end}"].value for end in ("", "_low", "_high")])
    estimates, low, high = np.array(found).T
    covers = (low <= estimates.mean()) & (estimates.mean() <= high)
    assert covers.mean() == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 300))


@pytest.mark.parametrize("order", [1, 2])
def test_whole_weights_repeat_examples(order):
    x, y = _normal(30, 4, 1).double(), _normal(20, 4, 2, 2.0).double()
    times = [torch.randint(0, 4, (size,), generator=torch.Generator().manual_seed(size)) for size in (30, 20)]
    expected = wasserstein_powers(x.repeat_interleave(times[0], 0), y.repeat_interleave(times[1], 0), order)
    weights = [of.double() / of.double().mean() for of in times]
    torch.testing.assert_close(_weighted_powers(x, y, *weights, order), expected)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("m", "n"), [(24, 24), (20, 30)])
def test_influences_are_those_of_examples_that_are_given_a_little_more_weight(order, m, n):
    """By repeating all examples 400 times and one of them once more, or once less."""
    x, y = _normal(m, 1, 1).double(), _normal(n, 1, 2, 2.0).double() + 0.3
    times = 400
    many = x.repeat(times, 1), y.repeat(times, 1)
    for which, (own, other) in enumerate(((x, y), (y, x))):
        found = _influences(own, other, order)[0]
        for i in (0, 3, 11):
            more, less = list(many), list(many)
            more[which] = torch.cat((many[which], own[i : i + 1]))
            less[which] = torch.cat((many[which][:i], many[which][i + 1 :]))
            change = float(wasserstein_powers(*more, order)) - float(wasserstein_powers(*less, order))
            assert float(found[i] - found.mean()) == pytest.approx(change * times * len(own) / 2, abs=0.02)


def test_few_and_equal_examples():
    """Three of both have no halves to compare; a set and itself have no distance, nor an error."""
    metric, y = SlicedWasserstein(directions=5), _normal(9, 3, 1)
    assert metric.measure(generated=_normal(3, 3, 2), valid=y, test=y).values["sliced_wasserstein"].across == ""
    value = metric.measure(generated=y, valid=y, test=y).values["sliced_wasserstein"]
    assert (value.value, value.standard_error) == (0, 0)


def test_the_null_is_that_of_as_many_validation_examples():
    y = _normal(500, 4, 1)
    values = SlicedWasserstein().measure(generated=_normal(50, 4, 2), valid=_normal(400, 4, 3), test=y).values
    assert values["sliced_wasserstein"].value == pytest.approx(values["null_sliced_wasserstein"].value, rel=0.5)


def test_the_null_is_measured_as_samples_are():
    """Of validation examples, as many as there are samples."""
    metric, y, valid = SlicedWasserstein(directions=10), _normal(60, 4, 1), _normal(90, 4, 2, 1.5)
    null = metric.measure(generated=_normal(40, 4, 3), valid=valid, test=y).values["null_sliced_wasserstein"]
    assert null == metric.measure(generated=chosen(valid, 40), valid=y, test=y).values["sliced_wasserstein"]


def test_refusals():
    with pytest.raises(DataError, match="test: 1 examples; sliced_wasserstein needs at least 2"):
        SlicedWasserstein().measure(generated=_normal(9, 3, 1), valid=_normal(9, 3, 1), test=_normal(1, 3, 1))
    with pytest.raises(ValueError, match="order is 3"):
        SlicedWasserstein(order=3)


@pytest.mark.parametrize("settings", ["order=1", "space=components", "space=classifier"])
def test_it_keeps_the_contract(settings):
    results = list(check_metric(f"ganbench.metrics.sliced_wasserstein:SlicedWasserstein[{settings}]"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
