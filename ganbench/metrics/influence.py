"""Standard errors of distances between two sets, by the influence of each example.

A distance D changes by phi(x) / m when a share 1 / m of the weight is moved to the example x, so to first order

    error^2 = sum over both sets of var(phi) / m

Where the laws are nearly alike, phi is mostly noise: D is then quadratic in the deviations of both sets, with linear
variance L and quadratic variance Q (Serfling, "Approximation Theorems of Mathematical Statistics", 1980, section 5.2,
https://doi.org/10.1002/9780470316481), and the sum above is L + 2 Q on average, where the truth is L + Q. Jackknife and
bootstrap do no better (Efron and Stein, "The Jackknife Estimate of Variance", 1981,
https://doi.org/10.1214/aos/1176345462, section 4: the jackknife is too large on average). With phi_A and phi_B found
in two halves of the data, whose noise is independent, L is free of it:

    L = sum over both sets of cov(phi_A, phi_B) / m

As no variance is negative, L counts as 0 where it comes out below, so that of one law in very few dimensions errors are
still somewhat too large: by a third in two, by a tenth in twenty.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["influence_error"]


def influence_error(sets: Iterable[Sequence[torch.Tensor]], quadratic: float = 1.0) -> float:
    """The standard error of a distance between sets.

    Args:
        sets: For each of both sets, the influences `[m]` of its m >= 2 examples, as found in all of the data and in
            each of two halves of both sets.
        quadratic: The variance of the estimate's quadratic part, in units of Q.
    """
    noisy = linear = 0.0
    for whole, first, second in sets:
        m = len(whole)
        noisy += float(whole.var()) / m
        linear += float((first - first.mean()) @ (second - second.mean())) / (m - 1) / m
    linear = min(max(linear, 0.0), noisy)  # neither variance is negative
    return math.sqrt(linear + quadratic * (noisy - linear) / 2)
