"""Standard errors and intervals of distances between two sets, by the influence of each example.

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

L grows with the distance: estimates that fall low bring small errors, and a value and two errors to either side miss
what lies above it. Near one law D is the square of a norm and L = a D, where a depends on which way the laws differ.
The root of a D + Q then has a variance that does not depend on D (Bartlett, "The use of transformations", 1947,
https://doi.org/10.2307/3001536), and an interval about it, taken back, is

    D +- z error + z^2 a / 4

As weights 1 + h phi(x) / m move, which is the way on which nearby laws are hardest to tell apart (DiCiccio and Efron,
"More accurate confidence intervals in exponential families", 1992, https://doi.org/10.1093/biomet/79.2.231), D grows
with D' = L + 2 Q, and this with 2 D'', so that a = 2 D'' / D'.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganbench.metrics.metric import Value

if TYPE_CHECKING:
    import torch

__all__ = ["ACROSS", "Variance", "distance_variance", "tilted", "with_interval"]

ACROSS = "samples and test examples"

_Z = 1.959963984540054  # of 95 %


@dataclass(frozen=True)
class Variance:
    """Of an estimated distance, by its parts.

    Attributes:
        linear: L.
        quadratic: That of the estimate's quadratic part, Q or a multiple of it.
        of_influences: L + 2 Q.
    """

    linear: float
    quadratic: float
    of_influences: float

    @property
    def error(self) -> float:
        """The standard error."""
        return math.sqrt(self.linear + self.quadratic)

    def interval(self, distance: float, bend: float) -> tuple[float, float]:
        """The 95 % interval of the mean of such estimates, about one whose square root has a law near a normal one.

        Args:
            distance: D, the estimate.
            bend: D'', of the sets as they are; 0 gives D +- z error.
        """
        slope = 2 * bend / self.of_influences if bend > 0 else 0.0
        error, half = self.error, _Z * slope / 2
        below = _Z * (error - half / 2) if error >= half else error**2 / slope  # where a D + Q is 0 the root ends
        return distance - below, distance + _Z * (error + half / 2)


def distance_variance(sets: Iterable[Sequence[torch.Tensor]], quadratic: float = 1.0) -> Variance:
    """The variance of a distance between two sets.

    Args:
        sets: For each of both, the influences `[m]` of its m >= 2 examples, as found in all of the data and in
            each of two halves of both sets.
        quadratic: The variance of the estimate's quadratic part, in units of Q.
    """
    noisy = linear = 0.0
    for whole, first, second in sets:
        m = len(whole)
        noisy += float(whole.var()) / m
        linear += float((first - first.mean()) @ (second - second.mean())) / (m - 1) / m
    linear = min(max(linear, 0.0), noisy)  # neither variance is negative
    return Variance(linear, quadratic * (noisy - linear) / 2, noisy)


def tilted(influences: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], float]:
    """The changes h phi / m of the weights of all examples, and h, the largest that leaves no weight below 0.

    Args:
        influences: For each of both sets, `[m]`, as found in all of the data.
    """
    changes = [(found - found.mean()) / len(found) for found in influences]
    most = max(float(change.abs().max()) for change in changes)
    return ([change / most for change in changes], 1 / most) if most else (changes, 1.0)


def with_interval(name: str, value: Value, interval: tuple[float, float]) -> dict[str, Value]:
    """A value and the ends of its 95 % interval, `<name>_low` and `<name>_high`."""
    low, high = interval
    return {name: value, f"{name}_low": Value(low, value.unit), f"{name}_high": Value(high, value.unit)}
