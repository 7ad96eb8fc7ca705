"""Paired differences of two models on the same test examples: interval, test, correction, what could have been found.

The difference of a test example's values under two models varies far less than either value, as both find the same
examples hard. What follows speaks of *these* samples of the models and of test examples like these; whether another
training would end on the same side is judged by `training_test`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = [
    "FLIPS",
    "PairedDifference",
    "TrainingTest",
    "detectable_difference",
    "holm",
    "paired_differences",
    "sign_flip_p_values",
    "training_test",
]

_RESAMPLES = 1999  # the ends of a 95 % interval are then known to 6 % of the standard error
FLIPS = 9999
"""Random flips of sign; the least p-value is 1 / (1 + FLIPS)."""

_BLOCK = 2**24  # numbers held at a time


class PairedDifference(NamedTuple):
    """The mean difference of two models across test examples.

    Attributes:
        difference: First minus second, in the unit of the values.
        standard_error: Of the difference, across examples, with n - 1 in the variance; NaN for one example.
        low: Lower end of the interval; NaN for one example.
        high: Upper end.
        p_value: That the difference is 0, by flips of sign.
    """

    difference: float
    standard_error: float
    low: float
    high: float
    p_value: float


def paired_differences(
    differences: np.ndarray, *, level: float, rng: np.random.Generator, resamples: int = _RESAMPLES, flips: int = FLIPS
) -> list[PairedDifference]:
    """Means, errors, bootstrap intervals and p-values of several pairs of models at once.

    The interval is the expanded percentile interval: the percentiles of the means of resamples, at the level at which
    for normal values it is as wide as Student's,

        alpha' / 2 = Phi(-sqrt(n / (n - 1)) t)

    with t the quantile of Student's distribution with n - 1 degrees of freedom. Source: Hesterberg, "What Teachers
    Should Know About the Bootstrap" (2015), section 4.3, https://doi.org/10.1080/00031305.2015.1089789.

    Args:
        differences: `[pairs, n]`, of every test example, finite.
        level: Of the intervals, as 0.95.
        rng: Random numbers of resamples and flips.
        resamples: How many resamples.
        flips: How many flips, where not all can be looked at; see `sign_flip_p_values`.

    Returns:
        One for each pair.
    """
    differences = np.atleast_2d(np.asarray(differences, np.float64))
    n = differences.shape[1]
    means = differences.mean(1)
    errors = differences.std(1, ddof=1) / math.sqrt(n) if n > 1 else np.full(len(means), np.nan)
    low, high = _bootstrap(differences, level, rng, resamples)
    p_values = sign_flip_p_values(differences, rng=rng, flips=flips)
    return [PairedDifference(*map(float, row)) for row in zip(means, errors, low, high, p_values, strict=True)]


def _bootstrap(
    differences: np.ndarray, level: float, rng: np.random.Generator, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    from scipy import special

    n = differences.shape[1]
    if n == 1:
        unknown = np.full(len(differences), np.nan)
        return unknown, unknown
    low, high = differences.mean(1), differences.mean(1)  # where all examples differ by the same
    varies = np.ptp(differences, axis=1) > 0
    if varies.any():
        t = special.stdtrit(n - 1, (1 + level) / 2)
        expanded = 1 - 2 * special.ndtr(-math.sqrt(n / (n - 1)) * t)
        shown = differences[varies].T
        block = max(1, _BLOCK // n)
        counts = [min(block, resamples - start) for start in range(0, resamples, block)]
        means = np.concatenate([rng.multinomial(n, np.full(n, 1 / n), count) @ shown / n for count in counts])
        tail = (1 - expanded) / 2
        low[varies], high[varies] = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def sign_flip_p_values(differences: np.ndarray, *, rng: np.random.Generator, flips: int = FLIPS) -> np.ndarray:
    """Two-sided p-values of "the difference of an example is as likely to be d as to be -d", by flips of sign.

    The share of the flips whose mean is at least as far from 0 as the one that was found. All 2^n flips are looked at
    where they are no more than `flips`, and the p-value is exact; else so many random ones, with the one that was found
    counted among them, so that the test never rejects too often. Source: Phipson and Smyth, "Permutation P-values
    Should Never Be Zero" (2010), https://doi.org/10.2202/1544-6115.1585.

    Args:
        differences: `[pairs, n]`; all pairs are flipped alike.
        rng: Random numbers.
        flips: How many random flips.

    Returns:
        `[pairs]`; 1 where all differences are 0.
    """
    n = differences.shape[1]
    found = np.abs(differences.sum(1))
    least = found - 1e-12 * np.abs(differences).sum(1)  # sums in another order are equal
    is_exact = n < 60 and 2**n <= flips
    total = 2**n if is_exact else flips
    extreme = np.zeros(len(differences), np.int64)
    block = max(1, _BLOCK // max(n, len(differences)))
    for start in range(0, total, block):
        count = min(block, total - start)
        bits = _all_bits(start, count, n) if is_exact else _random_bits(rng, count, n)
        flipped = (2.0 * bits - 1.0) @ differences.T
        extreme += (np.abs(flipped) >= least).sum(0)
    p_values: np.ndarray = extreme / total if is_exact else (extreme + 1) / (total + 1)
    return p_values


def _all_bits(start: int, count: int, n: int) -> np.ndarray:
    bits: np.ndarray = (np.arange(start, start + count)[:, None] >> np.arange(n)) & 1
    return bits


def _random_bits(rng: np.random.Generator, count: int, n: int) -> np.ndarray:
    octets = np.frombuffer(rng.bytes(count * -(-n // 8)), np.uint8).reshape(count, -1)
    return np.unpackbits(octets, axis=1)[:, :n]


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected so that of all true hypotheses together any is rejected at the stated rate at most.

        p'_(i) = max_{j <= i} min(1, (m - j + 1) p_(j))

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979), https://www.jstor.org/stable/4615733.

    Args:
        p_values: NaN stands for a test that could not be made, and is not counted.

    >>> holm([0.01, 0.04, 0.03, math.nan])
    [0.03, 0.06, 0.06, nan]
    """
    corrected, largest = list(p_values), 0.0
    order = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    for rank, (p, i) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[i] = largest
    return corrected


def detectable_difference(error: float, df: float, *, alpha: float, power: float) -> float:
    """The true difference that a two-sided test at `alpha` would find with the probability `power`.

        (t_{1 - alpha / 2} + t_{power}) error

    with quantiles of Student's distribution. Source: Bloom, "Minimum Detectable Effects" (1995),
    https://doi.org/10.1177/0193841X9501900504.

    Args:
        error: Standard error of the difference.
        df: Its degrees of freedom.
        alpha: Rate of false alarms.
        power: Rate of detection.
    """
    from scipy.special import stdtrit

    return float((stdtrit(df, 1 - alpha / 2) + stdtrit(df, power)) * error)


class TrainingTest(NamedTuple):
    """A difference held against what other trainings would have given.

    Attributes:
        standard_error: Of the difference, across test examples and across trainings.
        df: Its degrees of freedom.
        p_value: That models trained again and again would not differ.
    """

    standard_error: float
    df: float
    p_value: float


def training_test(difference: float, parts: Sequence[tuple[float, float]]) -> TrainingTest:
    """Welch's test of a difference whose error has several independent parts.

        t = d / sqrt(sum_i v_i),    df = (sum_i v_i)^2 / sum_i (v_i^2 / df_i)

    Source: Welch, "The Generalization of 'Student's' Problem" (1947), https://doi.org/10.1093/biomet/34.1-2.28.

    Args:
        difference: d.
        parts: The variances v_i with their degrees of freedom df_i: of the mean across examples, and of the mean across
            the trainings of either model.
    """
    from scipy.special import stdtr

    total = math.fsum(variance for variance, _ in parts)
    if total == 0:
        return TrainingTest(0.0, math.inf, 1.0 if difference == 0 else 0.0)
    df = total**2 / math.fsum(variance**2 / freedom for variance, freedom in parts if variance)
    return TrainingTest(math.sqrt(total), df, float(2 * stdtr(df, -abs(difference) / math.sqrt(total))))
