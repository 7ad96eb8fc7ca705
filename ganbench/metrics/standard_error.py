"""Standard errors of a mean, and across what they are taken.

Two are in use for Parzen log-likelihoods. *Across examples*: the spread of the log-likelihood over test points, one
model and one bandwidth given. *Across folds*: the spread of the fold means, each fold with its own bandwidth. They
answer different questions and are never printed without saying which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ganbench.errors import UsageError

__all__ = ["MeanWithError", "jackknife_error", "mean_with_error", "prediction_error"]


@dataclass(frozen=True)
class MeanWithError:
    """A mean, its standard error, and what the error is across.

    Attributes:
        mean: The sample mean.
        standard_error: Population standard deviation over sqrt(n): the convention of the source for examples, and of
            the evaluations that followed it for folds. Too small by sqrt((n - 1) / n), which matters for five folds.
            NaN for a single value.
        standard_error_unbiased: The same with n - 1 in the variance; NaN for a single value.
        across: "examples", "folds" or "seeds".
        n: Number of values.
    """

    mean: float
    standard_error: float
    standard_error_unbiased: float
    across: str
    n: int


def mean_with_error(values: np.ndarray, *, across: str) -> MeanWithError:
    """Mean and standard errors of independent values: se = sqrt(sum (v - mean)^2 / n / n).

    Args:
        values: `[n]`, finite.
        across: What the values differ in: "examples", "folds" or "seeds".

    Raises:
        UsageError: There is no value, or one is not finite.

    >>> mean_with_error(np.array([1.0, 2.0, 3.0, 4.0]), across="folds").mean
    2.5
    """
    values = np.asarray(values, dtype=np.float64).ravel()
    if len(values) == 0 or not np.isfinite(values).all():
        raise UsageError(f"A mean across {across} needs at least one value, all finite; got {values!r}.")
    n = len(values)
    deviation = float(values.std())
    unbiased = deviation / math.sqrt(n - 1) if n > 1 else math.nan
    biased = deviation / math.sqrt(n) if n > 1 else math.nan
    return MeanWithError(float(values.mean()), biased, unbiased, across, n)


def jackknife_error(without: np.ndarray) -> float:
    """Standard error of an estimate from its values without one group of the data after the other.

        se^2 = (g - 1) / g sum_j (t_j - mean t)^2

    with t_j the estimate from all data but those of group j, of g groups about equally large and independent of each
    other. Source: Efron and Stein, "The Jackknife Estimate of Variance" (1981), https://doi.org/10.1214/aos/1176345462.

    Args:
        without: `[g]`, the t_j.

    Returns:
        The error; NaN for a single group.
    """
    g = len(without)
    return math.sqrt((g - 1) * float(np.var(without))) if g > 1 else math.nan


def prediction_error(values: np.ndarray, *, level: float) -> float:
    """Half the width of an interval around the mean of k values in which the next one falls with probability `level`.

        t s sqrt(1 + 1 / k)

    with s their standard deviation (k - 1 in the variance) and t the quantile of Student's distribution with k - 1
    degrees of freedom at (1 + level) / 2. Exact for independent normal values. It says where another training will
    end, which the standard error of the mean does not. Source: Hahn and Meeker, "Statistical Intervals" (1991),
    section 4.7, https://doi.org/10.1002/9780470316771.

    Returns:
        The half width, in the unit of the values; NaN for a single value.

    >>> round(prediction_error(np.array([1.0, 2.0, 3.0]), level=0.95), 3)
    4.968
    """
    from scipy.special import stdtrit

    k = len(values)
    if k < 2:
        return math.nan
    return float(stdtrit(k - 1, (1 + level) / 2) * np.std(values, ddof=1) * math.sqrt(1 + 1 / k))
