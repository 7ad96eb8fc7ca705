"""Exact nearest neighbours, for the question whether a model has memorised its training set.

Source: Goodfellow et al., "Generative Adversarial Nets" (2014), Figure 2, shows every sample beside the training image
nearest to it in Euclidean distance.
"""

from __future__ import annotations

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

__all__ = ["nearest_neighbors"]

_SPARE = 8  # candidates beyond k that the float32 pass keeps


def nearest_neighbors(
    queries: torch.Tensor | np.ndarray,
    reference: torch.Tensor | np.ndarray,
    k: int = 1,
    *,
    max_memory: int = DEFAULT_MEMORY,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The k nearest reference points of every query, in Euclidean distance.

    Candidates are found by float32 matrix products and ranked by differences in float64; a query whose k-th neighbour
    not closer than the first point left out by more than the rounding error is searched again in float64.

    Args:
        queries: `[n, d]` (or `[n, ...]`, flattened), tensor or array.
        reference: `[m, d]`.
        k: Number of neighbours, between 1 and m.
        max_memory: Bytes of working memory beyond the inputs and the result.

    Returns:
        distances: float64 `[n, k]`, ascending.
        indices: int64 `[n, k]` rows of `reference`; of equal distances the lower row first.

    Raises:
        UsageError: Empty, non-finite or mismatched inputs, or k out of range.
    """
    x = as_points(queries, "queries")
    points = as_points(reference, "reference").to(x.device)
    if x.shape[1] != points.shape[1]:
        raise UsageError(f"queries have {x.shape[1]} dimensions and reference {points.shape[1]}; they must agree.")
    if not 1 <= k <= points.shape[0]:
        raise UsageError(f"k must be between 1 and the {points.shape[0]} reference points; got {k}.")
    rows, columns = row_blocks(x.shape[0], x.shape[1], points.shape[0], max_memory)
    prepared = Reference.prepare(points, columns)
    blocks = [_search(block, prepared, k, max_memory) for block in x.split(rows)]
    return torch.cat([d for d, _ in blocks]), torch.cat([i for _, i in blocks])


def _search(block: torch.Tensor, reference: Reference, k: int, max_memory: int) -> tuple[torch.Tensor, torch.Tensor]:
    queries = reference.centred_queries(block)
    squared, indices, doubtful = _ranked(block, queries, reference, k, torch.float32, max_memory)
    if bool(doubtful.any()):
        rows = doubtful.nonzero()[:, 0]
        squared[rows], indices[rows], doubtful = _ranked(
            block[rows], queries[rows], reference, k, torch.float64, max_memory
        )
        for row in rows[doubtful].tolist():  # more equal distances than candidates
            squared[row], indices[row] = _by_differences(block[row : row + 1], reference, k, max_memory)
    return squared.sqrt(), indices


def _by_differences(
    query: torch.Tensor, reference: Reference, k: int, max_memory: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """All distances of one query, sorted stably."""
    columns = torch.arange(reference.points.shape[0], device=query.device)
    width = max(1, max_memory // (32 * query.shape[1]))
    parts = [
        exact_squared_distances(query, reference.points, part[None], max_memory)[0] for part in columns.split(width)
    ]
    squared, order = torch.cat(parts).sort(stable=True)
    return squared[:k], order[:k]


def _ranked(
    block: torch.Tensor, queries: torch.Tensor, reference: Reference, k: int, dtype: torch.dtype, max_memory: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Exact squared distances and indices of the k nearest candidates, and which rows may have missed one."""
    near = torch.empty(queries.shape[0], 0, dtype=dtype, device=queries.device)
    indices = torch.empty(queries.shape[0], 0, dtype=torch.int64, device=queries.device)
    for first, t in reference.tiles(queries, dtype):
        near, indices = merge_smallest(near, indices, t, first, k + _SPARE)
    indices, _ = indices.sort(dim=1)  # so that the stable sort below puts the lower row first
    exact, order = exact_squared_distances(block, reference.points, indices, max_memory).sort(dim=1, stable=True)
    error = reference.error_bound(queries) * (1.0 if dtype is torch.float32 else 2.0**-29)
    left_out = near[:, -1].double() + queries.square().sum(1) - error
    complete = indices.shape[1] == reference.points.shape[0]
    doubtful = torch.zeros_like(left_out, dtype=torch.bool) if complete else ~(exact[:, k - 1] < left_out)
    return exact[:, :k], indices.gather(1, order)[:, :k], doubtful
