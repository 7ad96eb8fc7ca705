"""All pairwise squared distances, tile by tile, and what is counted or summed of them; no `[n, m]` matrix is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from ganbench.errors import UsageError
from ganbench.metrics._kernels.distances import DEFAULT_MEMORY, Pairs, Points, Reference, as_points
from ganbench.runtime.matmul import full_precision

__all__ = ["KernelSums", "ball_counts", "kernel_sums", "squared_distance_tiles"]


def squared_distance_tiles(
    queries: Points, reference: Points, *, max_memory: int = DEFAULT_MEMORY
) -> Iterator[tuple[slice, slice, torch.Tensor]]:
    """Yield (rows, columns, squared distances `[rows, columns]`) until every pair has come once.

    In float32, by matrix products; the error is bounded in `distances`. A tile may be changed in place.

    Raises:
        UsageError: Empty, non-finite or mismatched inputs.
    """
    for band, first, prepared in _bands(queries, reference, max_memory):
        centred = prepared.centred(band, torch.float32)
        norms = centred.squared_norms.float().unsqueeze(1)
        for rows, column, t in prepared.tiles(centred):
            columns = slice(column, min(column + t.shape[1], len(prepared.points)))
            squared = t[:, : columns.stop - column].add_(norms[rows]).clamp_(min=0)
            yield slice(first + rows.start, first + rows.stop), columns, squared


@dataclass(frozen=True)
class KernelSums:
    """Sums over the values k(x_i, y_j) of a kernel, in float64.

    Attributes:
        rows: `[n]`, over j.
        columns: `[m]`, over i.
    """

    rows: torch.Tensor
    columns: torch.Tensor


@full_precision()
def kernel_sums(
    queries: Points,
    reference: Points,
    kernel: Callable[[torch.Tensor], torch.Tensor],
    *,
    max_memory: int = DEFAULT_MEMORY,
) -> KernelSums:
    """Sum a kernel over all pairs.

    Args:
        queries: `[n, d]` (or `[n, ...]`, flattened).
        reference: `[m, d]`.
        kernel: From a tile of squared distances to the values; it may change the tile.
        max_memory: Bytes of working memory beyond the inputs.

    Raises:
        UsageError: Empty, non-finite or mismatched inputs.
    """
    rows, columns = (torch.zeros(len(points), dtype=torch.float64) for points in (queries, reference))
    for row, column, squared in squared_distance_tiles(queries, reference, max_memory=max_memory):
        values = kernel(squared)
        rows[row] += values.sum(1).double().cpu()
        columns[column] += values.sum(0).double().cpu()
    return KernelSums(rows, columns)


@full_precision()
def ball_counts(
    points: Points, centres: Points, radii: torch.Tensor, *, max_memory: int = DEFAULT_MEMORY
) -> tuple[torch.Tensor, torch.Tensor]:
    """How many closed balls hold each point, and how many points each ball holds.

    Pairs that the rounding error of the products leaves open are decided in float64.

    Args:
        points: `[n, d]` (or `[n, ...]`, flattened).
        centres: `[m, d]`.
        radii: float64 `[m]`, one for each centre.
        max_memory: Bytes of working memory beyond the inputs.

    Returns:
        int64 `[n]` and int64 `[m]`.

    Raises:
        UsageError: Empty, non-finite or mismatched inputs.
    """
    limits = radii.double().square()
    of_points: list[torch.Tensor] = []
    of_balls = torch.zeros(len(limits), dtype=torch.int64, device=limits.device)
    for band, _, prepared in _bands(points, centres, max_memory):
        queries = prepared.centred(band, torch.float32)
        norms = queries.squared_norms.float().unsqueeze(1)
        counts = torch.zeros(len(band), dtype=torch.int64, device=band.device)
        rounding = 2.0**-22 * (queries.squared_norms + limits.max())  # of sums of norms, t and limits
        bound = (prepared.error_bound(queries) + rounding).float().unsqueeze(1)
        for rows, column, t in prepared.tiles(queries):
            columns = slice(column, min(column + t.shape[1], len(limits)))
            excess = t[:, : columns.stop - column].add_(norms[rows]).sub_(limits[columns].float())
            inside = excess <= 0
            near, among = (excess.abs_() <= bound[rows]).nonzero(as_tuple=True)
            pairs = Pairs(near + rows.start, among + column, excess[near, among])
            exact = prepared.exact_squared_distances(band, pairs)
            inside[near, among] = exact.sqrt() <= radii[pairs.columns]
            counts[rows] += inside.sum(1)
            of_balls[columns] += inside.sum(0)
        of_points.append(counts)
    return torch.cat(of_points), of_balls


def _bands(queries: Points, reference: Points, max_memory: int) -> Iterator[tuple[torch.Tensor, int, Reference]]:
    """Bands of the queries, the number of the first row of each, and the prepared reference."""
    x = as_points(queries, "queries").float()
    points = as_points(reference, "reference").float().to(x.device)
    if x.shape[1] != points.shape[1]:
        raise UsageError(f"queries have {x.shape[1]} dimensions and reference {points.shape[1]}; they must agree.")
    prepared, first = Reference.prepare(points, max_memory), 0
    for band in prepared.bands(x, 12 * x.shape[1] + 64):
        yield band, first, prepared
        first += len(band)
