"""The maximum mean discrepancy of samples and test data under a Gaussian kernel, with a permutation test.

    MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

over the m samples x and the n test examples y, with k(x, y) = exp(-||x - y||^2 / (2 s^2)): the unbiased estimate, which
falls below 0 about as often as not where both are of one law. s is the median distance of two test examples, so that
all models are measured by one ruler. Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A kernel two-sample test"
(2012), https://jmlr.org/papers/v13/gretton12a.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ganbench.errors import DataError
from ganbench.hyperparameters import check_integer, check_number
from ganbench.metrics.influence import ACROSS, Variance, distance_variance, tilted, with_interval
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

    from ganbench.metrics._kernels.pairwise import KernelSums

__all__ = ["MMD", "median_distance", "mmd_with_variance", "permutation_p"]

_FOR_MEDIAN = 1000
_FOR_BEND = 2000
_FEW = 50


class MMD:
    """The squared maximum mean discrepancy, its error, and a permutation p-value.

    Args:
        space: "pixels", "components" (64 principal components of the training data), "classifier" (hidden units),
            "inception", or a program's file, as "features.pt2" (`ganbench.metrics.spaces`).
        bandwidth: s as a multiple of the median distance between test examples.
        permutations: Of the test.
        limit: How many samples, and test examples, the test permutes, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "mmd"
    version = 3
    direction = "lower"

    def __init__(
        self, *, space: str = "pixels", bandwidth: float = 1.0, permutations: int = 499, limit: int = 1000
    ) -> None:
        self.needs = ("test", *space_needs(space))
        self.reads = space_files(space)
        check_number("bandwidth", bandwidth, above=0)
        check_integer("permutations", permutations, least=19, most=100_000)
        check_integer("limit", limit, least=0)
        self.space, self.bandwidth, self.permutations, self.limit = space, bandwidth, permutations, limit

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `mmd_squared` (of all samples and test examples, across both), `p` (of the subsets), `bandwidth`.

        Also the ends of a 95 % interval of the first, `mmd_squared_low` and `mmd_squared_high` (see `influence`).

        Raises:
            DataError: There are fewer than two samples or test examples, or all test examples are equal.
        """
        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, 2, "mmd")
        features = feature_space(self.space, **training)
        x, y = features(chosen(generated)), features(chosen(test))
        bandwidth = self.bandwidth * median_distance(y)
        mmd, variance, bend = mmd_with_variance(x, y, bandwidth)
        limit = self.limit or max(len(x), len(y))
        p = permutation_p(x[:limit], y[:limit], bandwidth, self.permutations)
        values = {
            **with_interval("mmd_squared", Value(mmd, "", variance.error, ACROSS), variance.interval(mmd, bend)),
            "p": Value(p),
            "bandwidth": Value(bandwidth),
        }
        few = min(len(x), len(y))
        text = f"{few} examples on one side are few: only large differences show"
        limits = (Finding("few-examples", text),) if few < _FEW else ()
        of_space = space_findings(self.space, test=test, **training)
        return MetricResult(values, findings=(*limits, *of_space))


def median_distance(examples: torch.Tensor) -> float:
    """The median distance of two of the first thousand examples `[n, d]`, of which there are two or more.

    Raises:
        DataError: It is 0.
    """
    import torch

    median = float(torch.pdist(examples[:_FOR_MEDIAN].double()).median())
    if median == 0:
        raise DataError("test: half of the pairs of test examples are equal, which leaves a kernel no bandwidth.")
    return median


def mmd_with_variance(x: torch.Tensor, y: torch.Tensor, bandwidth: float) -> tuple[float, Variance, float]:
    """The unbiased MMD^2 of `[m, d]` and `[n, d]` points, m, n >= 2, its variance, and its bend (see `influence`).

    The influence of x_i is 2 mean_j k(x_i, x_j) - 2 mean_j k(x_i, y_j). Sets of less than four have no halves: their
    error is up to the square root of 2 too large.
    """
    of_x, of_y = _within(x, bandwidth), _within(y, bandwidth)
    to_y, to_x = _between(x, y, bandwidth)
    mmd = float(of_x[0].mean() + of_y[0].mean() - to_y[0].mean() - to_x[0].mean())
    influences = 2 * of_x - 2 * to_y, 2 * of_y - 2 * to_x
    variance = distance_variance(found.unbind() for found in influences)
    return mmd, variance, _bend(x, y, [found[0] for found in influences], bandwidth)


def _bend(x: torch.Tensor, y: torch.Tensor, influences: Sequence[torch.Tensor], bandwidth: float) -> float:
    """2 sum_{i != j} c_i c_j k(z_i, z_j), c the change of the weight of z_i in the mean of its set, negative for y.

    Of the first two thousand of both sets, whose c are then larger, so that sums are those of all on average.
    """
    import torch

    from ganbench.metrics._kernels.pairwise import squared_distance_tiles

    changes, h = tilted(influences)
    first = [change[:_FOR_BEND] / min(len(change), _FOR_BEND) for change in changes]
    points, c = torch.cat((x[:_FOR_BEND], y[:_FOR_BEND])), torch.cat((first[0], -first[1])) / h
    total = -float(c @ c)  # k(z, z) = 1
    for rows, columns, squared in squared_distance_tiles(points, points):
        kernel = squared.mul_(-0.5 / bandwidth**2).exp_().double().cpu()
        total += float(c[rows] @ kernel @ c[columns])
    return 2 * total


def _within(x: torch.Tensor, bandwidth: float) -> torch.Tensor:
    """The mean similarity of each point to the others: to all, to the first half, and to the rest; float64 `[3, n]`."""
    import torch

    first, rest = (_sums(x, half, bandwidth).rows for half in x.tensor_split(2))
    n, half = len(x), -(-len(x) // 2)
    in_first = (torch.arange(n) < half).double()
    whole = (first + rest - 1) / (n - 1)  # k(x, x) = 1
    if n < 4:
        return whole.expand(3, n)
    return torch.stack(
        (whole, (first - in_first) / (half - in_first), (rest - 1 + in_first) / (n - half - 1 + in_first))
    )


def _between(x: torch.Tensor, y: torch.Tensor, bandwidth: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean similarity of points to those of the other set: to all, half and rest; float64 `[3, m]`, `[3, n]`."""
    import torch

    sums = [[_sums(one, other, bandwidth) for other in y.tensor_split(2)] for one in x.tensor_split(2)]
    to_y = torch.stack([torch.cat([part[h].rows for part in sums]) for h in (0, 1)])
    to_x = torch.stack([torch.cat([part.columns for part in parts]) for parts in sums])
    means = []
    for halves, other in ((to_y, y), (to_x, x)):
        n, half = len(other), -(-len(other) // 2)
        whole = halves.sum(0) / n
        parts = (halves[0] / half, halves[1] / (n - half))
        means.append(torch.stack((whole, *parts)) if n >= 4 else whole.expand(3, len(whole)))
    return means[0], means[1]


def _sums(x: torch.Tensor, y: torch.Tensor, bandwidth: float) -> KernelSums:
    from ganbench.metrics._kernels.pairwise import kernel_sums

    return kernel_sums(x, y, lambda squared: squared.mul_(-0.5 / bandwidth**2).exp_())


def permutation_p(x: torch.Tensor, y: torch.Tensor, bandwidth: float, permutations: int) -> float:
    """The share of permutations of both sets' labels, and the one at hand, whose MMD^2 is no smaller than it.

    The permutations are the same every time. With z the indicator of the set x, all MMD^2 follow from zᵀ K z and
    zᵀ K 1, which are summed tile by tile.
    """
    import torch

    from ganbench.metrics._kernels.pairwise import squared_distance_tiles

    m, n = len(x), len(y)
    total, pooled = m + n, torch.cat((x, y))
    fixed = torch.Generator().manual_seed(0)
    z = torch.zeros(total, permutations + 1)
    z[:m, 0] = 1
    for column in range(1, permutations + 1):
        z[torch.randperm(total, generator=fixed)[:m], column] = 1
    z = z.to(x.device)
    within = torch.zeros(permutations + 1, dtype=torch.float64, device=x.device)
    of_rows = torch.zeros(total, dtype=torch.float64, device=x.device)
    for rows, columns, squared in squared_distance_tiles(pooled, pooled):
        kernel = squared.mul_(-0.5 / bandwidth**2).exp_()
        within += (z[rows] * (kernel @ z[columns])).sum(0).double()
        of_rows[rows] += kernel.sum(1).double()
    touching, everything = z.double().T @ of_rows, of_rows.sum()
    between = touching - within
    others = everything - 2 * between - within
    mmd = (within - m) / (m * (m - 1)) + (others - n) / (n * (n - 1)) - 2 * between / (m * n)
    slack = 1e-6 * float(mmd.abs().max())
    return float((mmd >= mmd[0] - slack).double().mean())
