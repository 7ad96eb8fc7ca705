"""The sliced Wasserstein distance: how far samples and test data are apart along random directions.

    SW_p^p = mean over unit vectors u of W_p^p(u.x, u.y),    W_p^p = integral_0^1 |F^-1(q) - G^-1(q)|^p dq

with F and G the distribution functions of both sets along u. Source: Bonneel, Rabin, Peyré and Pfister, "Sliced and
Radon Wasserstein barycenters of measures" (2015), https://doi.org/10.1007/s10851-014-0506-3. Two finite sets of one law
are not at distance 0, so that of validation examples stands beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.standard_error import jackknife_error
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["SlicedWasserstein", "wasserstein_powers"]

_GROUPS = 10
_ACROSS = "samples and test examples"


class SlicedWasserstein:
    """SW_p of the samples, its error, and SW_p of as many validation examples.

    Args:
        space: "pixels", "components" (64 principal components of the training data), "classifier" (hidden units),
            "inception", or a program's file, as "features.pt2" (`ganbench.metrics.spaces`).
        order: p, 1 or 2.
        directions: How many; they are the same every time.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "sliced_wasserstein"
    version = 1
    direction = "lower"
    symmetric = True

    def __init__(self, *, space: str = "pixels", order: int = 2, directions: int = 200) -> None:
        self.needs = ("valid", "test", *space_needs(space))
        self.reads = space_files(space)
        check_integer("order", order, most=2)
        check_integer("directions", directions, most=100_000)
        self.space, self.order, self.directions = space, order, directions

    def measure(
        self, *, generated: torch.Tensor, valid: torch.Tensor, test: torch.Tensor, **training: Any
    ) -> MetricResult:
        """Values `sliced_wasserstein` (its error by the jackknife over ten groups of both sets) and `null_`...

        Raises:
            DataError: There are fewer than two samples or test examples.
        """
        import numpy as np

        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, 2, "sliced_wasserstein")
        features = feature_space(self.space, **training)
        y = self._project(features(chosen(test)))
        values = {}
        for prefix, examples in (("", generated), ("null_", valid)):
            x = self._project(features(chosen(examples, len(generated))))
            groups = min(_GROUPS, len(x), len(y))
            without = [self._distance(_drop(x, g, groups), _drop(y, g, groups)) for g in range(groups * (groups > 1))]
            error = jackknife_error(np.array(without)) if without else None
            across = "" if error is None else _ACROSS
            values[f"{prefix}sliced_wasserstein"] = Value(self._distance(x, y), "", error, across)
        few = min(len(generated), len(test))
        text = f"{few} examples on one side are few: compare with the null"
        limits = (Finding("few-examples", text, "note"),) if few < 100 else ()
        of_space = space_findings(self.space, test=test, **training)
        return MetricResult(values, findings=(*limits, *of_space))

    def _project(self, points: torch.Tensor) -> torch.Tensor:
        """`[n, d]` points along the directions: `[n, directions]`."""
        import torch

        fixed = torch.Generator().manual_seed(0)
        directions = torch.randn(points.shape[1], self.directions, generator=fixed, dtype=torch.float64)
        return points @ (directions / directions.norm(dim=0)).to(points)

    def _distance(self, x: torch.Tensor, y: torch.Tensor) -> float:
        return float(wasserstein_powers(x, y, self.order).mean()) ** (1 / self.order)


def wasserstein_powers(x: torch.Tensor, y: torch.Tensor, order: int) -> torch.Tensor:
    """W_p^p between the columns of `[m, l]` and `[n, l]` numbers, equal weights each: float64 `[l]`."""
    import torch

    m, n = len(x), len(y)
    levels = torch.cat((torch.arange(1, m + 1, device=x.device) * n, torch.arange(1, n + 1, device=x.device) * m))
    levels = levels.unique()  # ends of the steps of either quantile function, times m n
    widths = torch.diff(levels, prepend=levels.new_zeros(1)).double() / (m * n)
    ours, theirs = x.sort(0).values[(levels - 1) // n], y.sort(0).values[(levels - 1) // m]
    return widths @ (ours - theirs).double().abs().pow(order)


def _drop(points: torch.Tensor, group: int, groups: int) -> torch.Tensor:
    """All but every `groups`-th row, from `group` on."""
    import torch

    return points[torch.arange(len(points), device=points.device) % groups != group]
