"""The sliced Wasserstein distance: how far samples and test data are apart along random directions.

    SW_p^p = mean over unit vectors u of W_p^p(u.x, u.y),    W_p^p = integral_0^1 |F^-1(q) - G^-1(q)|^p dq

with F and G the distribution functions of both sets along u. Source: Bonneel, Rabin, Peyré and Pfister, "Sliced and
Radon Wasserstein barycenters of measures" (2015), https://doi.org/10.1007/s10851-014-0506-3. Two finite sets of one law
are not at distance 0, so that of validation examples stands beside it.

Errors are by the influence of each example (see `influence`), its Kantorovich potential along the directions, whose
derivative at x is that of |x - y|^p with y where the optimal map takes x (Santambrogio, "Optimal Transport for Applied
Mathematicians", 2015, section 7.2, https://doi.org/10.1007/978-3-319-20828-2). The interval is that of SW_p^2, which is
quadratic near one law.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganbench.hyperparameters import check_integer
from ganbench.metrics.influence import ACROSS, distance_variance, tilted, with_interval
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["SlicedWasserstein", "wasserstein_powers"]

_AT_ONCE = 25  # directions
_FOR_BEND = 50


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
    version = 3
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
        """Values `sliced_wasserstein` and `null_sliced_wasserstein`, with their errors, and 95 % intervals of the mean.

        Raises:
            DataError: There are fewer than two samples or test examples.
        """
        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, 2, "sliced_wasserstein")
        features = feature_space(self.space, **training)
        y = self._project(features(chosen(test)))
        values: dict[str, Value] = {}
        for prefix, examples in (("", generated), ("null_", valid)):
            x = self._project(features(chosen(examples, len(generated))))
            values |= self._values(f"{prefix}sliced_wasserstein", x, y)
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

    def _values(self, name: str, x: torch.Tensor, y: torch.Tensor) -> dict[str, Value]:
        """SW_p of `[m, directions]` and `[n, directions]` numbers; of four or more, error and interval."""
        power, sets = 0.0, [x.new_zeros(3, len(points)).double() for points in (x, y)]
        for columns in zip(x.split(_AT_ONCE, 1), y.split(_AT_ONCE, 1), strict=True):
            power += float(wasserstein_powers(*columns, self.order).sum()) / self.directions
            for influences, own, other in zip(sets, columns, columns[::-1], strict=True):
                influences.add_(_influences(own, other, self.order), alpha=1 / self.directions)
        distance = power ** (1 / self.order)
        if min(len(x), len(y)) < 4:
            return {name: Value(distance)}
        if distance == 0:
            return with_interval(name, Value(0.0, "", 0.0, ACROSS), (0.0, 0.0))
        on_square = [2 / self.order * distance ** (2 - self.order) * influences for influences in sets]
        variance = distance_variance(map(tuple, on_square))
        changes, h = tilted([found[0] for found in on_square])
        some = x[:, :_FOR_BEND], y[:, :_FOR_BEND]
        down, here, up = (self._squared(*some, *(1 + step * change for change in changes)) for step in (-1, 0, 1))
        low, high = variance.interval(distance**2, (up + down - 2 * here) / h**2)
        error = variance.error / (2 * distance)
        return with_interval(name, Value(distance, "", error, ACROSS), (max(low, 0.0) ** 0.5, high**0.5))

    def _squared(self, x: torch.Tensor, y: torch.Tensor, x_weights: torch.Tensor, y_weights: torch.Tensor) -> float:
        """SW_p^2 of examples with weights `[m]` and `[n]`, of mean 1."""
        power = 0.0
        for columns in zip(x.split(_AT_ONCE, 1), y.split(_AT_ONCE, 1), strict=True):
            power += float(_weighted_powers(*columns, x_weights, y_weights, self.order).sum()) / x.shape[1]
        return power ** (2 / self.order)


def wasserstein_powers(x: torch.Tensor, y: torch.Tensor, order: int) -> torch.Tensor:
    """W_p^p between the columns of `[m, l]` and `[n, l]` numbers, equal weights each: float64 `[l]`."""
    import torch

    m, n = len(x), len(y)
    levels = torch.cat((torch.arange(1, m + 1, device=x.device) * n, torch.arange(1, n + 1, device=x.device) * m))
    levels = levels.unique()  # ends of the steps of either quantile function, times m n
    widths = torch.diff(levels, prepend=levels.new_zeros(1)).double() / (m * n)
    ours, theirs = x.sort(0).values[(levels - 1) // n], y.sort(0).values[(levels - 1) // m]
    return widths @ (ours - theirs).double().abs().pow(order)


def _weighted_powers(
    x: torch.Tensor, y: torch.Tensor, x_weights: torch.Tensor, y_weights: torch.Tensor, order: int
) -> torch.Tensor:
    """W_p^p between the columns of `[m, l]` and `[n, l]` numbers with weights, `[m]` and `[n]`, of mean 1: `[l]`."""
    import torch

    sides = []
    for points, weights in ((x, x_weights), (y, y_weights)):
        at, rows = points.T.double().contiguous().sort(1)
        sides.append((at, weights[rows].cumsum(1) / len(points)))  # the ends of the steps of the quantile function
    levels = torch.cat([ends for _, ends in sides], 1).sort(1).values
    widths = levels.diff(dim=1, prepend=levels.new_zeros(len(levels), 1))
    middles = levels - widths / 2
    ours, theirs = (at.gather(1, torch.searchsorted(ends, middles).clamp(max=at.shape[1] - 1)) for at, ends in sides)
    return (widths * (ours - theirs).abs() ** order).sum(1)


def _influences(own: torch.Tensor, other: torch.Tensor, order: int) -> torch.Tensor:
    """Of `[m, l]` numbers on W_p^p to `[n, l]` others, summed over the columns: float64 `[3, m]`.

    Found in all of the numbers, and in every other of both from the first and from the second on.
    """
    at, rows = own.T.double().contiguous().sort(1)
    others, other_rows = other.T.double().contiguous().sort(1)
    found = at.new_zeros(3, len(own))
    for total, part in zip(found, (None, 0, 1), strict=True):
        sides = (at, others)
        if part is not None:
            sides = (at[rows % 2 == part].view(len(at), -1), others[other_rows % 2 == part].view(len(at), -1))
        total.index_add_(0, rows.flatten(), _potentials(at, *sides, order).flatten())
    return found


def _potentials(at: torch.Tensor, own: torch.Tensor, other: torch.Tensor, order: int) -> torch.Tensor:
    """The Kantorovich potential between sorted `[l, m]` and `[l, n]` numbers at sorted `[l, k]`: 0 at the first."""
    import torch

    m, n = own.shape[1], other.shape[1]
    below = torch.searchsorted(own, (at[:, 1:] + at[:, :-1]) / 2) * n  # times m n is the level at which the map is read
    steps = at.new_zeros(at.shape)
    for place in ((below + m - 1) // m - 1, below // m):  # where the level ends a step of the map, to both sides of it
        to = other.gather(1, place.clamp(0, n - 1))
        steps[:, 1:] += ((at[:, 1:] - to).abs() ** order - (at[:, :-1] - to).abs() ** order) / 2
    return steps.cumsum(1)
