"""How far a Parzen estimate can be trusted: what it owes to a few kernels, and to the number of samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ganbench.metrics.metric import Finding, Value
from ganbench.metrics.standard_error import jackknife_error

if TYPE_CHECKING:
    import torch

    from ganbench.metrics._kernels.distances import Points

__all__ = ["GROUPS_OF_SAMPLES", "GroupSums", "Growth", "findings"]

GROUPS_OF_SAMPLES = "groups of samples"
"""What the error of a value is across that changes with the order of the samples, which are dealt into groups."""

_FRACTIONS = (8, 4, 2, 1)  # an eighth of the samples, a quarter, ...
_FEW_KERNELS, _LARGE_SHARE = 2.0, 0.5


@dataclass(frozen=True)
class Growth:
    """What more samples would change.

    Attributes:
        by_doubling: What the second half of the samples added, in nats.
        limit: The mean log-likelihood of infinitely many samples.
        error: Its standard error.
    """

    by_doubling: float
    limit: float
    error: float


@dataclass(frozen=True)
class GroupSums:
    """Kernel sums of test examples over groups of the samples, from one pass over all pairs.

    Attributes:
        sizes: Samples of each of the g groups.
        sums: float64 `[g, bandwidths, n]`, their logarithms.
    """

    sizes: tuple[int, ...]
    sums: torch.Tensor

    @classmethod
    def of(cls, test: Points, samples: Points, bandwidths: Sequence[float], groups: int) -> GroupSums:
        """Deal the samples into groups in turn, and sum their kernels."""
        import torch

        from ganbench.metrics._kernels.parzen import parzen_log_density

        parts = [samples[first::groups] for first in range(min(groups, len(samples)))]
        sums = [parzen_log_density(test, part, bandwidths) + math.log(len(part)) for part in parts]
        return cls(tuple(map(len, parts)), torch.stack(sums))

    @cached_property
    def _up_to(self) -> torch.Tensor:
        """The sums over the first 1, 2, ..., g groups."""
        return self.sums.logcumsumexp(0)

    def log_likelihoods(self, which: int) -> np.ndarray:
        """Of every test example, `[n]`, by all samples, at one of the bandwidths."""
        result: np.ndarray = (self._up_to[-1, which] - math.log(sum(self.sizes))).cpu().numpy()
        return result

    def error(self, which: int) -> float:
        """The standard error of their mean across samples, by the jackknife; NaN for a single sample."""
        if len(self.sizes) < 2:
            return math.nan
        return jackknife_error(self._without_each(slice(0, len(self.sizes)), which))

    def curve(self, which: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Numbers of samples, and the mean log-likelihood by as many: of nested sets of whole groups."""
        counts = sorted({max(1, len(self.sizes) // fraction) for fraction in _FRACTIONS})
        numbers = [sum(self.sizes[:count]) for count in counts]
        means = self._up_to[:, which].mean(1).tolist()
        return tuple(numbers), tuple(means[c - 1] - math.log(n) for c, n in zip(counts, numbers, strict=True))

    def growth(self, which: int) -> Growth | None:
        """The limit of infinitely many samples, by a line in 1 / n through the means of all samples and of halves.

        The logarithm of a mean of n independent kernels falls short of its limit by var / (2 n mean^2) + O(1 / n^2),
        which is what the line takes off (Richardson's extrapolation). The error is that of the jackknife over groups of
        samples and, beside it, the distance from the limit by halves and quarters, which is large where 1 / n is not
        the law yet: where each example is decided by one kernel, the mean grows as log n and its limit is not in sight.

        Source: Chong and Forsyth, "Effectively Unbiased FID and Inception Score" (2020),
        https://arxiv.org/abs/1911.07023, for extrapolation in 1 / n.

        Returns:
            None for fewer than 8 groups.
        """
        g = len(self.sizes)
        if g < 8:
            return None
        whole, halves, quarters = (_blocks(g, count) for count in (1, 2, 4))
        (n, mean), (n2, mean2), (n4, mean4) = (self._average(blocks, which) for blocks in (whole, halves, quarters))
        limit = (n * mean - n2 * mean2) / (n - n2)
        coarse = (n2 * mean2 - n4 * mean4) / (n2 - n4)
        # Without one group the mean of its half changes by half as much as that half itself.
        of_all = self._without_each(whole[0], which)
        of_half = np.full(g, mean2)
        for block in halves:
            of_half[block] += (self._without_each(block, which) - self._mean(block, which)) / 2
        error = math.hypot(jackknife_error((n * of_all - n2 * of_half) / (n - n2)), limit - coarse)
        return Growth(mean - mean2, limit, error)

    def _mean(self, block: slice, which: int) -> float:
        """The mean log-likelihood by the groups of a block."""
        return float(self.sums[block, which].logsumexp(0).mean()) - math.log(sum(self.sizes[block]))

    def _average(self, blocks: Sequence[slice], which: int) -> tuple[float, float]:
        """How many samples the blocks have, and the mean log-likelihood by one, on average."""
        sizes = [sum(self.sizes[block]) for block in blocks]
        return float(np.mean(sizes)), float(np.mean([self._mean(block, which) for block in blocks]))

    def _without_each(self, block: slice, which: int) -> np.ndarray:
        """The mean log-likelihood by a block of at least two groups without the first of them, the second, ..."""
        import torch

        sums, sizes = self.sums[block, which], np.array(self.sizes[block])
        before, after = sums.logcumsumexp(0), sums.flip(0).logcumsumexp(0).flip(0)
        between = torch.logaddexp(before[:-2], after[2:])  # all but the first and the last
        means = torch.cat((after[1:2], between, before[-2:-1])).mean(1).cpu().numpy()
        result: np.ndarray = means - np.log(sizes.sum() - sizes)
        return result


def _blocks(groups: int, count: int) -> list[slice]:
    """So many equal blocks of neighbouring groups."""
    length = groups // count
    return [slice(block * length, (block + 1) * length) for block in range(count)]


def findings(values: dict[str, Value], growth: Growth | None, n_samples: int) -> Iterator[Finding]:
    """What limits the trust in an estimate, but for its bandwidth."""
    kernels, share = values["effective_kernels"].value, values["nearest_kernel_share"].value
    if kernels < _FEW_KERNELS:
        text = f"the median test example sees {kernels:.1f} kernels: this is a nearest-neighbour distance in disguise"
        yield Finding("few-effective-kernels", text, "note")
    if share > _LARGE_SHARE:
        text = f"the nearest kernel alone carries {share:.0%} of the density of a test example, on average"
        yield Finding(
            "nearest-kernel-decides", f"{text}: one sample close to it counts for more than all others", "note"
        )
    across_examples = values["mean_log_likelihood"].standard_error
    across_samples = values["mean_log_likelihood_across_samples"].standard_error
    if (
        growth is not None
        and across_examples is not None
        and growth.limit - values["mean_log_likelihood"].value > across_examples
    ):
        text = (
            f"the last doubling of the number of samples added {growth.by_doubling:.1f} nats, infinitely many would "
            f"reach {growth.limit:.0f} ± {growth.error:.0f}: comparable with estimates by {n_samples} samples only"
        )
        yield Finding("grows-with-samples", text, "note")
    if across_samples is None:
        yield Finding("too-few-samples", "one sample does not tell what others of its model would give")
    elif across_examples is not None and across_samples > across_examples:
        text = (
            f"{n_samples} other samples would change it by ± {across_samples:.2g} nats, other test examples by "
            f"± {across_examples:.2g}"
        )
        yield Finding("too-few-samples", text)
