"""The Parzen-window (Gaussian kernel density) log-likelihood and the choice of its bandwidth.

    log p(x) = log (1/m) sum_j exp(-||x - mu_j||^2 / (2 s^2)) - (d/2) log(2 pi s^2)

with the samples of a model as centres mu_j and a bandwidth s chosen on validation data. Sources: Breuleux, Bengio and
Vincent, "Quickly generating representative samples from an RBM-derived process" (2011); Goodfellow et al., "Generative
Adversarial Nets" (2014), section 5.

The estimate is a biased ruler (Theis, van den Oord and Bethge, "A note on the evaluation of generative models", 2016):
in high dimension it is close to a nearest-neighbour distance, grows with the number of samples, and prefers k-means
centroids to real data. `effective_kernels` says how many centres a test point really sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ganbench.errors import UsageError
from ganbench.metrics._distances import (
    DEFAULT_MEMORY,
    Reference,
    as_points,
    exact_squared_distances,
    merge_smallest,
    row_blocks,
)

__all__ = [
    "PAPER_GRID",
    "BandwidthSelection",
    "effective_kernels",
    "parzen_log_density",
    "refine_bandwidth",
    "select_bandwidth",
]

PAPER_GRID: tuple[float, ...] = tuple(float(s) for s in np.logspace(-1, 0, 10))
"""The ten bandwidths of the source: 0.1 to 1, evenly spaced in the logarithm."""

_CANDIDATES = 16  # kernels of a point that are recomputed in float64
_TOLERANCE = 5e-4  # nats; a float32 row whose remaining error may be larger is computed in float64


@dataclass(frozen=True)
class BandwidthSelection:
    """The bandwidth with the highest mean log-likelihood on validation data.

    Attributes:
        bandwidth: The chosen bandwidth, in units of the data.
        grid: All bandwidths that were tried, ascending.
        mean_log_likelihoods: Their mean log-likelihoods per validation example, in nats.
        at_edge: The choice is the smallest or the largest of the grid, so the optimum may lie outside.
    """

    bandwidth: float
    grid: tuple[float, ...]
    mean_log_likelihoods: tuple[float, ...]
    at_edge: bool

    def __float__(self) -> float:
        """The chosen bandwidth."""
        return self.bandwidth


def parzen_log_density(
    points: torch.Tensor | np.ndarray,
    centres: torch.Tensor | np.ndarray,
    bandwidth: float | Sequence[float] | np.ndarray | torch.Tensor,
    *,
    max_memory: int = DEFAULT_MEMORY,
) -> torch.Tensor:
    """Log density of points under an isotropic Gaussian kernel at every centre, in nats.

    Computed by float32 matrix products; the kernels that carry a point's density are recomputed in float64, and a point
    whose remaining error could exceed 5e-4 nats is computed in float64 altogether.

    Args:
        points: `[n, d]` (or `[n, ...]`, flattened) points to be judged, tensor or array.
        centres: `[m, d]` kernel centres: the samples.
        bandwidth: The kernel's standard deviation s > 0; a sequence of k of them shares the distances.
        max_memory: Bytes of working memory beyond the inputs and the result.

    Returns:
        float64 `[n]`; `[k, n]` for a sequence of bandwidths; on the device of `points`.

    Raises:
        UsageError: Empty, non-finite or mismatched inputs, or a bandwidth that is not positive and finite.

    >>> round(float(parzen_log_density(np.zeros((1, 784)), np.zeros((1, 784)), 0.2)), 4)
    541.3515
    """
    x = as_points(points, "points")
    reference = as_points(centres, "centres").to(x.device)
    if x.shape[1] != reference.shape[1]:
        raise UsageError(f"points have {x.shape[1]} dimensions and centres {reference.shape[1]}; they must agree.")
    bandwidths, single = _as_bandwidths(bandwidth, x.device)
    n, d = x.shape
    rows, columns = row_blocks(n, d, reference.shape[0], max_memory)
    prepared = Reference.prepare(reference, columns)
    result = torch.empty(len(bandwidths), n, dtype=torch.float64, device=x.device)
    for start in range(0, n, rows):
        block = x[start : start + rows]
        result[:, start : start + rows] = _log_mean_kernel(block, prepared, bandwidths, max_memory)
    result -= 0.5 * d * torch.log(2 * math.pi * bandwidths**2).unsqueeze(1)
    return result[0] if single else result


def select_bandwidth(
    valid: torch.Tensor | np.ndarray,
    centres: torch.Tensor | np.ndarray,
    grid: Sequence[float] | np.ndarray | torch.Tensor = PAPER_GRID,
    *,
    max_memory: int = DEFAULT_MEMORY,
) -> BandwidthSelection:
    """Choose the bandwidth of `grid` under which validation data are most likely; the smaller one of a tie.

    Args:
        valid: `[n, d]` validation points. Never the test set.
        centres: `[m, d]` kernel centres.
        grid: Bandwidths to try.
        max_memory: Bytes of working memory beyond the inputs.

    Raises:
        UsageError: As `parzen_log_density`.
    """
    candidates = sorted({float(s) for s in grid})
    means = parzen_log_density(valid, centres, candidates, max_memory=max_memory).mean(1)
    best = int(means.argmax())
    return BandwidthSelection(
        bandwidth=candidates[best],
        grid=tuple(candidates),
        mean_log_likelihoods=tuple(means.tolist()),
        at_edge=best in (0, len(candidates) - 1),
    )


def refine_bandwidth(
    valid: torch.Tensor | np.ndarray,
    centres: torch.Tensor | np.ndarray,
    coarse: BandwidthSelection,
    *,
    steps: int = 16,
    max_memory: int = DEFAULT_MEMORY,
) -> BandwidthSelection:
    """Search again between the neighbours of a coarse choice, evenly in the logarithm, on the same validation data.

    `at_edge` of the result speaks of the coarse grid: refinement cannot look beyond it.
    """
    position = coarse.grid.index(coarse.bandwidth)
    low, high = coarse.grid[max(position - 1, 0)], coarse.grid[min(position + 1, len(coarse.grid) - 1)]
    grid = {*np.geomspace(low, high, steps + 1).tolist(), coarse.bandwidth}
    fine = select_bandwidth(valid, centres, sorted(grid), max_memory=max_memory)
    at_edge = coarse.at_edge and fine.bandwidth in (coarse.grid[0], coarse.grid[-1])
    return BandwidthSelection(fine.bandwidth, fine.grid, fine.mean_log_likelihoods, at_edge)


def effective_kernels(
    points: torch.Tensor | np.ndarray,
    centres: torch.Tensor | np.ndarray,
    bandwidth: float,
    *,
    max_memory: int = DEFAULT_MEMORY,
) -> torch.Tensor:
    """How many kernels carry the density of each point: (sum_j w_j)^2 / sum_j w_j^2, w_j the kernel values.

    A median near one says that the Parzen estimate is a nearest-neighbour distance in disguise. It needs no new sums:
    w_j^2 is the kernel of bandwidth s / sqrt 2, so with L(s) = log mean_j w_j it is m exp(2 L(s) - L(s / sqrt 2)).

    Returns:
        float64 `[n]`, between 1 and m.
    """
    d, m = as_points(points, "points").shape[1], as_points(centres, "centres").shape[0]
    pair = (bandwidth / math.sqrt(2), bandwidth)
    squared, plain = parzen_log_density(points, centres, pair, max_memory=max_memory)
    plain = plain + 0.5 * d * math.log(2 * math.pi * pair[1] ** 2)
    squared = squared + 0.5 * d * math.log(2 * math.pi * pair[0] ** 2)
    return (m * torch.exp(2 * plain - squared)).clamp(1, m)


def _as_bandwidths(
    bandwidth: float | Sequence[float] | np.ndarray | torch.Tensor, device: torch.device
) -> tuple[torch.Tensor, bool]:
    values = torch.as_tensor(bandwidth, dtype=torch.float64, device=device)
    single = values.dim() == 0
    values = values.reshape(-1)
    if len(values) == 0 or not bool((torch.isfinite(values) & (values > 0)).all()):
        raise UsageError(f"A bandwidth must be a positive finite number (or several); got {bandwidth!r}.")
    return values, single


def _log_mean_kernel(
    points: torch.Tensor, reference: Reference, bandwidths: torch.Tensor, max_memory: int
) -> torch.Tensor:
    """Log (1/m) sum_j exp(-||x - mu_j||^2 / (2 s^2)) for one block of points: float64 `[k, rows]`."""
    queries = reference.centred_queries(points)
    result, doubtful = _by_float32(points, queries, reference, bandwidths, max_memory)
    if bool(doubtful.any()):
        chosen = queries[doubtful]
        sums, smallest, _, _ = _kernel_sums(chosen, reference, bandwidths, torch.float64, candidates=0)
        result[:, doubtful] = _assemble(sums, smallest, chosen, bandwidths)
    return result - math.log(reference.points.shape[0])


def _by_float32(
    points: torch.Tensor, queries: torch.Tensor, reference: Reference, bandwidths: torch.Tensor, max_memory: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The log kernel sums by float32 products, and which points they may be wrong for."""
    sums, smallest, near, indices = _kernel_sums(queries, reference, bandwidths, torch.float32, candidates=_CANDIDATES)
    shift = queries.square().sum(1)
    exact = exact_squared_distances(points, reference.points, indices, max_memory) - shift.unsqueeze(1)
    approximate_kernels = _kernels(near.double(), smallest, bandwidths)
    rest = (sums - approximate_kernels.sum(2)).clamp_min(0)
    corrected = rest + _kernels(exact, smallest, bandwidths).sum(2)
    uncertainty = reference.error_bound(queries) / (2 * bandwidths.square().unsqueeze(1))
    remaining = uncertainty * (rest / corrected)
    doubtful = ~((remaining < _TOLERANCE) & (uncertainty < 1.0)).all(0)
    return _assemble(corrected, smallest, queries, bandwidths), doubtful


def _kernels(t: torch.Tensor, smallest: torch.Tensor, bandwidths: torch.Tensor) -> torch.Tensor:
    """exp(-(t - smallest) / (2 s^2)): float64 `[k, rows, candidates]`."""
    return torch.exp((smallest.unsqueeze(1) - t) / (2 * bandwidths.square().view(-1, 1, 1)))


def _assemble(
    sums: torch.Tensor, smallest: torch.Tensor, queries: torch.Tensor, bandwidths: torch.Tensor
) -> torch.Tensor:
    return torch.log(sums) - (smallest + queries.square().sum(1)) / (2 * bandwidths.square().unsqueeze(1))


def _kernel_sums(
    queries: torch.Tensor, reference: Reference, bandwidths: torch.Tensor, dtype: torch.dtype, candidates: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stream over the centres: kernel sums relative to the nearest centre, and the nearest centres.

    Returns:
        sums: float64 `[k, rows]`, sum_j exp(-(t_j - min t) / (2 s^2)), always >= 1 up to rounding.
        smallest: float64 `[rows]`, min t.
        near, indices: `[rows, candidates]` smallest t and their columns.
    """
    rows, device = queries.shape[0], queries.device
    factors = 0.5 / bandwidths.square()
    sums = torch.zeros(len(bandwidths), rows, dtype=torch.float64, device=device)
    smallest = torch.full((rows,), math.inf, dtype=torch.float64, device=device)
    near = torch.empty(rows, 0, dtype=dtype, device=device)
    indices = torch.empty(rows, 0, dtype=torch.int64, device=device)
    for first, t in reference.tiles(queries, dtype):
        if candidates:
            near, indices = merge_smallest(near, indices, t, first, candidates)
        lower = torch.minimum(smallest, t.amin(1).double())
        sums *= torch.exp((lower - smallest) * factors.unsqueeze(1))
        smallest = lower
        t = t.sub_(lower.to(dtype).unsqueeze(1))
        for k, factor in enumerate(factors.tolist()):
            sums[k] += torch.mul(t, -factor).exp_().sum(1)
    return sums, smallest, near, indices
