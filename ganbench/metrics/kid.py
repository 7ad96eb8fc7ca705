"""The kernel distance as in KID: MMD^2 under a cubic kernel, by blocks.

    k(x, y) = (x.y / d + 1)^3

The unbiased MMD^2 (see `mmd`) is taken on disjoint blocks of as many samples and test examples, and averaged; blocks
are independent, so that the spread of their values gives the error of the mean, which the usual standard deviation over
overlapping subsets does not. Source: Binkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs" (2018),
https://arxiv.org/abs/1801.01401.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ganbench.hyperparameters import check_integer
from ganbench.metrics.influence import with_interval
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["KernelDistance", "cubic_mmd"]


class KernelDistance:
    """The mean of the blocks' MMD^2, with its error and its 95 % interval by Student's t.

    Args:
        space: "pixels", "components" (64 principal components of the training data), "classifier" (hidden units),
            "inception", or a program's file, as "features.pt2" (`ganbench.metrics.spaces`).
        block: Examples of either side in a block; fewer where there are not enough for ten blocks.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "kid"
    version = 1
    direction = "lower"
    symmetric = True

    def __init__(self, *, space: str = "pixels", block: int = 1000) -> None:
        self.needs = ("test", *space_needs(space))
        self.reads = space_files(space)
        check_integer("block", block, least=2, most=10_000)
        self.space, self.block = space, block

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `kid`, `kid_low`, `kid_high`, `block`.

        Raises:
            DataError: There are fewer than four samples or test examples.
        """
        from scipy.special import stdtrit

        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, 4, "kid")
        features, n = feature_space(self.space, **training), min(len(generated), len(test))
        size = max(2, min(self.block, n // 10))
        blocks = n // size
        x, y = (features(chosen(examples, n)).double() for examples in (generated, test))
        parts = [slice(first * size, (first + 1) * size) for first in range(blocks)]
        found = [cubic_mmd(x[part], y[part]) for part in parts]
        mean = fmean(found)
        error = math.sqrt(math.fsum((value - mean) ** 2 for value in found) / (blocks - 1) / blocks)
        half = float(stdtrit(blocks - 1, 0.975)) * error
        values = {
            **with_interval("kid", Value(mean, "", error, "blocks"), (mean - half, mean + half)),
            "block": Value(size),
        }
        text = f"blocks of {size} examples are small: the interval is wide"
        limits = (Finding("few-examples", text),) if size < 50 else ()
        of_space = space_findings(self.space, test=test, **training)
        return MetricResult(values, findings=(*limits, *of_space))


def cubic_mmd(x: torch.Tensor, y: torch.Tensor) -> float:
    """The unbiased MMD^2 of `[m, d]` and `[n, d]` points, a block of each, under the cubic kernel."""
    d, m, n = x.shape[1], len(x), len(y)

    def total(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a @ b.T / d + 1).pow(3).sum()

    def diagonal(a: torch.Tensor) -> torch.Tensor:
        return (a.square().sum(1) / d + 1).pow(3).sum()

    within = (total(x, x) - diagonal(x)) / (m * (m - 1)) + (total(y, y) - diagonal(y)) / (n * (n - 1))
    return float(within - 2 * total(x, y) / (m * n))
