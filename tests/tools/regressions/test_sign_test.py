"""The verdict on paired rounds keeps its error rates: false alarms at the nominal rate, the power that is promised."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from tools.regressions import sign_test

ROUNDS, THRESHOLD, LEVEL = 21, 1.15, 0.01 / 34
RULE = sign_test.Rule(ROUNDS, THRESHOLD, LEVEL)


def rate(rule, draws) -> float:
    return np.mean([rule.judge(list(series)) == "slower" for series in draws])


def standard_error(probability: float, n: int) -> float:
    return math.sqrt(probability * (1 - probability) / n)


@pytest.mark.parametrize("rounds", [1, 5, 10, 11, 21, 42, 200])
@pytest.mark.parametrize("level", [0.3, 0.05, 0.01, LEVEL, 1e-9])
def test_contradictions_allowed_agree_with_the_binomial_distribution(rounds, level):
    allowed = sign_test.contradictions_allowed(rounds, level)
    assert binom.cdf(allowed, rounds, 0.5) <= level < binom.cdf(allowed + 1, rounds, 0.5)


@pytest.mark.parametrize("level", [0.3, 0.05, 0.01, LEVEL, 1e-9])
def test_the_fewest_rounds_are_the_fewest(level):
    fewest = sign_test.fewest_rounds(level)
    assert sign_test.contradictions_allowed(fewest, level) == 0
    assert sign_test.contradictions_allowed(fewest - 1, level) == -1


@pytest.mark.parametrize("noise", ["normal", "cauchy"])
def test_false_alarms_come_at_the_nominal_rate(noise):
    """With no threshold to speak of, the rate is that of the sign test, whatever the noise; 4 standard errors."""
    rng, n, level = np.random.default_rng(1), 20_000, 0.05
    draws = rng.standard_normal((n, ROUNDS)) if noise == "normal" else rng.standard_cauchy((n, ROUNDS))
    nominal = binom.cdf(sign_test.contradictions_allowed(ROUNDS, level), ROUNDS, 0.5)
    assert 0.03 < nominal <= level
    found = rate(sign_test.Rule(ROUNDS, 1 + 1e-12, level), draws)
    assert abs(found - nominal) < 4 * standard_error(nominal, n)


def test_a_whole_suite_has_few_false_alarms_even_without_the_second_look():
    """34 series, noise as wide as the threshold is far: within 4 standard errors above 0.01."""
    rng, suites = np.random.default_rng(2), 1000
    alarms = [rate(RULE, rng.standard_normal((34, ROUNDS)) * 0.2) > 0 for _ in range(suites)]
    assert np.mean(alarms) < 0.01 + 4 * standard_error(0.01, suites)


@pytest.mark.parametrize(("spread", "least"), [(0.05, 0.999), (0.10, 0.999), (0.15, 0.948), (0.20, 0.67)])
def test_a_slow_down_of_1_3_is_seen(spread, least):
    """The power of two looks, as the docstring of the tool states it; 4 standard errors below."""
    rng, n = np.random.default_rng(3), 4000
    first = rate(RULE, math.log(1.3) + spread * rng.standard_normal((n, ROUNDS)))
    longer = sign_test.Rule(2 * ROUNDS, THRESHOLD, LEVEL)
    second = rate(longer, math.log(1.3) + spread * rng.standard_normal((n, 2 * ROUNDS)))
    assert first * second > least - 4 * standard_error(least, n)


def test_bursts_that_hit_one_side_are_no_slow_down():
    """A third of the samples of either side take up to many times as long."""
    rng, shape = np.random.default_rng(4), (4000, ROUNDS)

    def side():
        return 0.02 * rng.standard_normal(shape) + (rng.random(shape) < 1 / 3) * rng.exponential(2.0, shape)

    assert rate(RULE, side() - side()) < 4 * math.sqrt(LEVEL / 4000)


def test_a_slow_down_is_seen_through_bursts():
    rng, shape = np.random.default_rng(5), (1000, ROUNDS)
    bursts = (rng.random(shape) < 0.1) * rng.exponential(2.0, shape) * rng.choice([-1, 1], shape)
    assert rate(RULE, math.log(1.3) + 0.05 * rng.standard_normal(shape) + bursts) > 0.9


@pytest.mark.parametrize(("ratio", "verdict"), [(1.05, "same"), (1.14, "same"), (1.16, "slower"), (1 / 1.2, "faster")])
def test_the_threshold_divides(ratio, verdict):
    rng = np.random.default_rng(6)
    series = list(math.log(ratio) + 0.001 * rng.standard_normal(ROUNDS))
    assert RULE.judge(series) == verdict


@pytest.mark.parametrize("rounds", [11, 20, 21])
def test_stopping_early_changes_no_verdict(rounds):
    rng, rule = np.random.default_rng(7), sign_test.Rule(rounds, THRESHOLD, LEVEL)
    stopped = 0
    for centre in rng.uniform(-0.4, 0.4, 2000):
        series = list(centre + rng.uniform(0.01, 0.3) * rng.standard_normal(rounds))
        made = next(i for i in range(rounds + 1) if rule.is_settled(series[:i]))
        if made < rounds:
            stopped += 1
            assert rule.judge(series) == rule.judge(series[:made]) == "same"
    assert stopped > 200


def test_the_interval_covers_the_median():
    rng, n = np.random.default_rng(8), 4000
    covered = [low <= 0 <= high for low, high in map(sign_test.median_interval, rng.standard_cauchy((n, ROUNDS)))]
    nominal = 1 - 2 * binom.cdf(sign_test.contradictions_allowed(ROUNDS, 0.025), ROUNDS, 0.5)
    assert nominal >= 0.95
    assert abs(np.mean(covered) - nominal) < 4 * standard_error(nominal, n)
