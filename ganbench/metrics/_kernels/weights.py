"""How many kernels carry the density of a point, and how much of it the nearest one does.

With w_j = c_j exp(-||x - mu_j||^2 / (2 s^2)) for each distinct centre mu_j, which there are c_j times, and
p_j = w_j / sum w the weights of the kernels at a point x,

    effective kernels = exp(-sum_j p_j log p_j),    largest share = max_j p_j

The first is the perplexity of the weights: as many equal kernels have the same entropy. Equal centres are one kernel: a
model that repeats itself does not see more of the data for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from ganbench.metrics._kernels.distances import DEFAULT_MEMORY, Points, Reference, as_points
from ganbench.metrics._kernels.parzen import as_bandwidths, check_dimensions, deepest_exponent
from ganbench.runtime.matmul import full_precision

__all__ = ["KernelWeights", "effective_kernels", "kernel_weights"]


class KernelWeights(NamedTuple):
    """Of k bandwidths and n points, float64 `[k, n]` each.

    Attributes:
        effective: Effective kernels, between 1 and m.
        largest: The share of the sum that one kernel carries, the nearest where none is repeated, between 1 / m and 1.
    """

    effective: torch.Tensor
    largest: torch.Tensor


def effective_kernels(
    points: Points, centres: Points, bandwidth: float, *, max_memory: int = DEFAULT_MEMORY
) -> torch.Tensor:
    """The perplexity of the kernel weights at each point: a median near 1 speaks of a nearest-neighbour distance.

    Returns:
        float64 `[n]`, between 1 and m.

    Raises:
        UsageError: As `parzen_log_density`.
    """
    return kernel_weights(points, centres, [bandwidth], max_memory=max_memory).effective[0]


@full_precision()
def kernel_weights(
    points: Points, centres: Points, bandwidths: Sequence[float], *, max_memory: int = DEFAULT_MEMORY
) -> KernelWeights:
    """Stream over the centres once for all bandwidths, by float64 products.

    Args:
        points: `[n, d]`.
        centres: `[m, d]`.
        bandwidths: The k standard deviations of the kernel.
        max_memory: Bytes of working memory beyond the inputs and the result.

    Raises:
        UsageError: As `parzen_log_density`.
    """
    x, mu = as_points(points, "points"), as_points(centres, "centres")
    check_dimensions(x, mu)
    factors = 0.5 / as_bandwidths(bandwidths, x.device)[0].square()
    distinct, counts = mu.to(x.device).unique(dim=0, return_counts=True)
    reference = Reference.prepare(distinct, max_memory)
    bands = reference.bands(x, 16 * x.shape[1] + 96 * len(factors))
    parts = [_sums(band, reference, counts.double(), factors) for band in bands]
    sums, depths, largest = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
    effective = torch.exp(torch.log(sums) + depths / sums).clamp(1, len(distinct))
    return KernelWeights(effective, largest / sums)


def _sums(
    points: torch.Tensor, reference: Reference, counts: torch.Tensor, factors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """sum_j w_j, sum_j w_j (e_j - log c_j) and max_j w_j: w_j = c_j exp(-e_j), e_j = 0 for the nearest kernel."""
    queries, deepest = reference.centred(points, torch.float64), deepest_exponent(int(counts.sum()))
    smallest = torch.full_like(queries.squared_norms, math.inf)
    sums = torch.zeros(len(factors), len(points), dtype=torch.float64, device=points.device)
    depths, largest = torch.zeros_like(sums), torch.zeros_like(sums)
    for rows, first, t in reference.tiles(queries):
        lower = torch.minimum(smallest[rows], t.amin(1))
        risen = (smallest[rows] - lower).nan_to_num(posinf=0) * factors.unsqueeze(1)
        depths[:, rows] = (depths[:, rows] + risen * sums[:, rows]) * torch.exp(-risen)
        sums[:, rows] *= torch.exp(-risen)
        largest[:, rows] *= torch.exp(-risen)
        smallest[rows] = lower
        t.sub_(lower.unsqueeze(1))
        times = torch.nn.functional.pad(
            counts[first : first + t.shape[1]], (0, max(0, first + t.shape[1] - len(counts))), value=1
        )
        for k, factor in enumerate(factors.tolist()):
            exponents = torch.mul(t, factor).clamp_(max=deepest)
            kernels = torch.exp(-exponents).mul_(times)
            sums[k, rows] += kernels.sum(1)
            largest[k, rows] = torch.maximum(largest[k, rows], kernels.amax(1))
            depths[k, rows] += exponents.sub_(times.log()).mul_(kernels).sum(1)
    return sums, depths, largest
