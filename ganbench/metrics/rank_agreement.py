"""Agreement of two rankings: Kendall's tau-b with its interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Agreement", "kendall_agreement"]

_LEAST_FOR_INTERVAL = 5


class Agreement(NamedTuple):
    """Kendall's tau-b of two rankings.

    Attributes:
        tau: From -1, reversed, to 1, the same; NaN where one of them ranks nothing.
        low: Lower end of the interval; NaN for fewer than five items.
        high: Upper end.
        p_value: That the rankings have nothing to do with each other; NaN as tau.
    """

    tau: float
    low: float
    high: float
    p_value: float


def kendall_agreement(first: np.ndarray, second: np.ndarray, *, level: float) -> Agreement:
    """Kendall's tau-b, the p-value of independence (exact without ties), and an interval.

        tau_b = (C - D) / sqrt((C + D + T) (C + D + U))

    with C concordant and D discordant pairs, T tied in the first only and U in the second only. The interval is that of
    the transform z = artanh(tau), whose standard error is sqrt(0.437 / (n - 4)); tau is taken half a pair from 1 and -1
    first, where z would be infinite. Sources: Kendall, "The Treatment of Ties in Ranking Problems" (1945),
    https://doi.org/10.1093/biomet/33.3.239; Fieller, Hartley and Pearson, "Tests for Rank Correlation Coefficients"
    (1957), https://doi.org/10.1093/biomet/44.3-4.470.

    Args:
        first: `[n]`, finite.
        second: `[n]`, finite.
        level: Of the interval, as 0.95.
    """
    from scipy import special, stats

    n = len(first)
    if n < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return Agreement(math.nan, math.nan, math.nan, math.nan)
    found = stats.kendalltau(first, second)
    tau, p_value = float(found.statistic), float(found.pvalue)
    if n < _LEAST_FOR_INTERVAL:
        return Agreement(tau, math.nan, math.nan, p_value)
    inside = 1 - 2 / (n * (n - 1))
    z = math.atanh(min(max(tau, -inside), inside))
    half = float(special.ndtri((1 + level) / 2)) * math.sqrt(0.437 / (n - 4))
    return Agreement(tau, min(math.tanh(z - half), tau), max(math.tanh(z + half), tau), p_value)
