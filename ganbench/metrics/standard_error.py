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

__all__ = ["MeanWithError", "mean_with_error"]


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
