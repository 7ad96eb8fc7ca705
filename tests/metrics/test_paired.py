"""Paired statistics: closed forms, scipy's own, and simulated repetitions.

Rates over R repetitions are held against the binomial: at most 3.5 standard errors, sqrt(p (1 - p) / R), from nominal.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganbench.metrics.paired import (
    detectable_difference,
    holm,
    paired_differences,
    sign_flip_p_values,
    training_test,
)

REPEATS, LEVEL = 400, 0.95
LAWS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "skewed": lambda rng, shape: rng.gamma(4.0, size=shape) / 2 - 2,  # mean 0, deviation 1, skewness 1
    "heavy": lambda rng, shape: rng.standard_t(5, shape) / math.sqrt(5 / 3),
}


def within_binomial(rate: float, nominal: float, repeats: int = REPEATS, k: float = 3.5) -> bool:
    return abs(rate - nominal) <= k * math.sqrt(nominal * (1 - nominal) / repeats)


def measured(differences, seed=0, **how):
    how = {"level": LEVEL, "resamples": 999, "flips": 999} | how
    return paired_differences(np.asarray(differences, float), rng=np.random.default_rng(seed), **how)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [30, 300])
def test_coverage_and_size_are_nominal_within_binomial_error(law, n):
    values = LAWS[law](np.random.default_rng(n), (REPEATS, n))
    found = measured(values)
    assert within_binomial(np.mean([row.low <= 0 <= row.high for row in found]), LEVEL)
    assert within_binomial(np.mean([row.p_value <= 1 - LEVEL for row in found]), 1 - LEVEL)


@pytest.mark.parametrize("n", [8, 60, 500])
def test_a_detectable_difference_is_detected_as_often_as_stated(n):
    error = 1 / math.sqrt(n)
    shift = detectable_difference(error, n - 1, alpha=0.05, power=0.8)
    values = shift + np.random.default_rng(3).normal(size=(REPEATS, n))
    power = np.mean([row.p_value <= 0.05 for row in measured(values)])
    assert within_binomial(power, 0.8) or 0 < power - 0.8 < 0.08, "for few examples the sum of quantiles is cautious"
    half = np.mean([row.p_value <= 0.05 for row in measured(values - shift / 2)])
    assert half < 0.6 < power


def test_holm_keeps_the_rate_of_any_false_alarm_and_finds_what_is_there():
    """Six comparisons of correlated models; five of them equal, one far off."""
    rng = np.random.default_rng(5)
    any_false, uncorrected, found = [], [], []
    for repeat in range(REPEATS):
        models = rng.normal(size=(4, 60)) + rng.normal(size=60)
        pairs = np.stack([models[i] - models[j] for i in range(4) for j in range(i)])
        p_values = sign_flip_p_values(pairs, rng=np.random.default_rng(repeat), flips=499)
        any_false.append(min(holm(p_values)) <= 0.05)
        uncorrected.append(min(p_values) <= 0.05)
        pairs[3] += 1
        found.append(holm(sign_flip_p_values(pairs, rng=rng, flips=499))[3] <= 0.05)
    assert np.mean(any_false) <= 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / REPEATS)
    assert np.mean(uncorrected) > 0.12, "without the correction there are many more"
    assert np.mean(found) > 0.9


def test_pairing_finds_what_an_unpaired_test_does_not():
    rng = np.random.default_rng(6)
    hardness = rng.normal(0, 50, 500)
    first, second = hardness + rng.normal(0, 1, 500), hardness + 0.5 + rng.normal(0, 1, 500)
    (paired,) = measured(first - second)
    assert paired.p_value < 0.01
    assert stats.ttest_ind(first, second).pvalue > 0.5


def test_few_examples_are_flipped_in_all_ways_as_scipy_does():
    values = np.random.default_rng(7).normal(0.4, 1, (3, 9))
    ours = sign_flip_p_values(values, rng=np.random.default_rng(0))
    for row, p_value in zip(values, ours, strict=True):
        theirs = stats.permutation_test(
            (row,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided", axis=-1
        )
        assert p_value == pytest.approx(theirs.pvalue)


def test_random_flips_agree_with_all_of_them():
    values = np.random.default_rng(8).normal(0.5, 1, (4, 13))
    every = sign_flip_p_values(values, rng=np.random.default_rng(0), flips=2**13)
    some = sign_flip_p_values(values, rng=np.random.default_rng(0), flips=2**13 - 1)
    errors = np.sqrt(every * (1 - every) / 2**13)
    assert (np.abs(every - some) <= 4 * errors + 1 / 2**13).all()
    assert (every != some).any()


def test_the_interval_is_scipys_at_a_level_that_makes_it_students():
    values = np.random.default_rng(9).normal(size=12)
    (found,) = measured(values, resamples=20000)
    t = stats.t.interval(LEVEL, 11, values.mean(), values.std(ddof=1) / math.sqrt(12))
    assert (found.low, found.high) == pytest.approx(t, abs=0.06 * (t[1] - t[0]))
    plain = stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    assert found.high - found.low > 1.1 * (plain.high - plain.low), "Student's is wider with few examples"


def test_equal_models_ties_and_constant_differences_have_exact_answers():
    equal, constant, tied = measured([[0.0] * 40, [0.25] * 40, [1.0, -1.0] * 20])
    assert equal == (0, 0, 0, 0, 1)
    assert (constant.difference, constant.standard_error, constant.low, constant.high) == (0.25, 0, 0.25, 0.25)
    assert constant.p_value == 1 / 1000
    assert (tied.difference, tied.p_value) == (0, 1)
    (few,) = measured([[0.25] * 5])
    assert few.p_value == 2 / 2**5, "no fewer examples can say more"


def test_one_example_tells_nothing_but_the_difference():
    (found,) = measured([[3.0]])
    assert (found.difference, found.p_value) == (3, 1)
    assert all(map(math.isnan, (found.standard_error, found.low, found.high)))


def test_the_same_numbers_come_from_the_same_generator():
    values = np.random.default_rng(10).normal(size=(2, 50))
    assert measured(values) == measured(values) != measured(values, seed=1)


def test_holm_of_known_values():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []
    corrected = holm([0.02, math.nan])
    assert corrected[0] == 0.02, "a test that could not be made is not counted"
    assert math.isnan(corrected[1])


def test_the_detectable_difference_of_many_examples_is_that_of_the_normal_law():
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * 0.1
    assert detectable_difference(0.1, 1e7, alpha=0.05, power=0.8) == pytest.approx(expected, rel=1e-5)


def test_trainings_are_compared_by_welchs_test():
    rng = np.random.default_rng(11)
    first, second = rng.normal(0, 1, 5), rng.normal(1, 3, 7)
    parts = [(float(np.var(runs, ddof=1)) / len(runs), len(runs) - 1.0) for runs in (first, second)]
    found = training_test(first.mean() - second.mean(), parts)
    theirs = stats.ttest_ind(first, second, equal_var=False)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.df == pytest.approx(theirs.df)


def test_the_training_test_keeps_its_rate_where_trainings_and_examples_both_vary():
    """Equal methods, three trainings of each, a training effect and an example effect."""
    rng = np.random.default_rng(12)
    rejected = []
    for _ in range(REPEATS):
        runs = rng.normal(0, 1, (2, 3, 1)) + rng.normal(0, 2, (2, 1, 40)) + rng.normal(0, 0.1, (2, 3, 40))
        d = runs[0].mean(0) - runs[1].mean(0)
        parts = [(float(np.var(r.mean(1), ddof=1)) / 3, 2.0) for r in runs] + [(float(np.var(d, ddof=1)) / 40, 39.0)]
        rejected.append(training_test(float(d.mean()), parts).p_value <= 0.05)
    assert np.mean(rejected) <= 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / REPEATS)


def test_trainings_without_any_variation():
    assert training_test(0.0, [(0.0, 2.0)]).p_value == 1
    assert training_test(1.0, [(0.0, 2.0)]).p_value == 0
    assert training_test(1.0, [(0.0, 2.0), (0.25, 4.0)]).df == 4
