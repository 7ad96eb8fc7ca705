"""Kendall's tau-b: known values, and an interval that covers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ganbench.metrics.rank_agreement import kendall_agreement


def agreement(first, second):
    return kendall_agreement(np.array(first, float), np.array(second, float), level=0.95)


def test_known_values():
    assert agreement([1, 2, 3, 4], [1, 2, 3, 4]).tau == pytest.approx(1)
    assert agreement([1, 2, 3, 4], [4, 3, 2, 1]).tau == pytest.approx(-1)
    assert agreement([1, 2, 3, 4], [2, 1, 3, 4]).tau == pytest.approx((5 - 1) / 6)
    # five concordant pairs, one tied in the first ruler only
    assert agreement([1, 1, 2, 3], [1, 2, 3, 4]).tau == pytest.approx(5 / math.sqrt(5 * 6))


def test_a_ruler_that_tells_nothing_apart_has_no_agreement():
    for found in (agreement([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]), agreement([1], [1])):
        assert all(map(math.isnan, found))


def test_an_interval_takes_five_models():
    assert math.isnan(agreement([1, 2, 3, 4], [1, 3, 2, 4]).low)
    found = agreement([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert (found.tau, found.high) == pytest.approx((1, 1))
    assert 0 < found.low < 0.5, "five models in the same order are no proof"


@pytest.mark.parametrize("n", [6, 10, 25])
@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_the_interval_covers_as_often_as_stated(n, correlation):
    """Of normal pairs tau is 2 / pi arcsin(rho); the transform is not exact, and may cover up to 4 % more."""
    rng, tau, repeats = np.random.default_rng(n), 2 / math.pi * math.asin(correlation), 400
    covered = []
    for _ in range(repeats):
        first = rng.normal(size=n)
        second = correlation * first + math.sqrt(1 - correlation**2) * rng.normal(size=n)
        found = kendall_agreement(first, second, level=0.95)
        covered.append(found.low <= tau <= found.high)
    error = math.sqrt(0.95 * 0.05 / repeats)
    assert 0.95 - 3.5 * error <= np.mean(covered) <= min(1.0, 0.95 + 3.5 * error + 0.04)
