"""Standard errors of a mean."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ganbench.errors import UsageError
from ganbench.metrics import jackknife_error, mean_with_error, prediction_error


def test_both_conventions_by_hand():
    summary = mean_with_error(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), across="folds")
    assert summary.mean == 3
    assert summary.standard_error == pytest.approx(math.sqrt(2) / math.sqrt(5))
    assert summary.standard_error_unbiased == pytest.approx(math.sqrt(2.5) / math.sqrt(5))
    assert (summary.across, summary.n) == ("folds", 5)


def test_a_single_value_has_no_error():
    summary = mean_with_error(np.array([2.0]), across="seeds")
    assert (summary.mean, summary.n) == (2, 1)
    assert math.isnan(summary.standard_error)
    assert math.isnan(summary.standard_error_unbiased)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_bad_values_are_refused(values):
    with pytest.raises(UsageError, match="at least one value, all finite"):
        mean_with_error(np.array(values), across="examples")


def test_the_jackknife_of_a_mean_is_its_standard_error():
    """Without one value each: the textbook's identity with s / sqrt(n), n - 1 in the variance."""
    values = np.array([1.0, 2.0, 4.0, 9.0])
    without = (values.sum() - values) / 3
    assert jackknife_error(without) == pytest.approx(values.std(ddof=1) / 2)
    assert math.isnan(jackknife_error(values[:1]))


@pytest.mark.parametrize(
    ("k", "level", "quantile"), [(2, 0.95, 12.7062), (3, 0.95, 4.3027), (5, 0.95, 2.7764), (5, 0.8, 1.5332)]
)
def test_the_prediction_is_students(k, level, quantile):
    """Quantiles of Student's distribution from the printed tables."""
    values = np.arange(k, dtype=float) ** 2
    expected = quantile * values.std(ddof=1) * math.sqrt(1 + 1 / k)
    assert prediction_error(values, level=level) == pytest.approx(expected, rel=1e-4)
    assert math.isnan(prediction_error(values[:1], level=level))


@pytest.mark.parametrize("level", [0.6827, 0.95])
@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_prediction_covers_the_next_value_as_often_as_it_says(k, level):
    """4,000 sets of k normal values and one more; four binomial standard errors."""
    values = 225 + 7 * np.random.default_rng(k).standard_normal((4000, k + 1))
    covered = [abs(row[-1] - row[:-1].mean()) <= prediction_error(row[:-1], level=level) for row in values]
    assert np.mean(covered) == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / 4000))
