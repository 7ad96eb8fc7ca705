"""Exact nearest neighbours, for the question whether a model has memorised its training set.

Source: Goodfellow et al., "Generative Adversarial Nets" (2014), Figure 2, shows every sample beside the training image
nearest to it in Euclidean distance.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ganbench.errors import UsageError
from ganbench.metrics._distances import DEFAULT_MEMORY, GROUP, Pairs, Reference, as_points, near_pairs

__all__ = ["nearest_neighbors"]

_MAX_PAIRS = 64  # candidates a query, on average, beyond k; with more the float32 products are too coarse


def nearest_neighbors(
    queries: torch.Tensor | np.ndarray,
    reference: torch.Tensor | np.ndarray,
    k: int = 1,
    *,
    max_memory: int = DEFAULT_MEMORY,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The k nearest reference points of every query, in Euclidean distance.

    Matrix products find all points that may be among the nearest, given the bound on their rounding error; differences
    in float64 rank them. Float64 products take over where the bound of float32 leaves too many candidates.

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
    prepared = Reference.prepare(points, max_memory)
    bands = [_search(band, prepared, k) for band in prepared.bands(x, GROUP * k)]
    return torch.cat([distances for distances, _ in bands]), torch.cat([indices for _, indices in bands])


def _search(queries: torch.Tensor, reference: Reference, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    centred = reference.centred(queries)
    most = (k + _MAX_PAIRS) * len(queries)
    pairs = _candidates(centred, reference, k, torch.float32, most)
    if pairs is None:
        pairs = _candidates(centred, reference, k, torch.float64, None)
    if pairs is None:
        raise RuntimeError("A search without a limit on its candidates has no result.")
    return _nearest(pairs, reference.exact_squared_distances(queries, pairs), len(queries), k)


def _candidates(
    centred: torch.Tensor, reference: Reference, k: int, dtype: torch.dtype, most: int | None
) -> Pairs | None:
    """All pairs that may be among the k nearest of their row; None where there are more than `most` of them.

    Of the k smallest minima of groups, the largest is at least the k-th smallest t, as each group holds a point of its
    own. A true neighbour lies within twice the error bound of that.
    """
    margin = 2 * reference.error_bound(centred, dtype)
    best = torch.full((len(centred), k), math.inf, dtype=dtype, device=centred.device)
    kept: list[Pairs] = []
    for rows, first, t in reference.tiles(centred, dtype):
        minima = t.view(len(t), -1, GROUP).amin(2)
        best[rows] = torch.cat((best[rows], minima), dim=1).topk(k, dim=1, largest=False, sorted=True).values
        limit = (best[rows, -1].double() + margin[rows]).to(dtype)
        limit = torch.nextafter(limit, torch.full_like(limit, math.inf))  # rounding must not exclude a candidate
        pairs = near_pairs(t, minima, limit, rows.start, first)
        kept.append(pairs.where(pairs.columns < reference.points.shape[0]))
        if most is not None and sum(len(part.t) for part in kept) > 2 * most:
            return None
    pairs = Pairs.join(kept, centred)
    pairs = pairs.where(pairs.t <= (best[:, -1].double() + margin)[pairs.rows])
    return None if most is not None and len(pairs.t) > most else pairs


def _nearest(pairs: Pairs, squared: torch.Tensor, n: int, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first k pairs of every row, by distance and then by column."""
    order = pairs.columns.argsort(stable=True)
    order = order[squared[order].argsort(stable=True)]
    order = order[pairs.rows[order].argsort(stable=True)]
    counts = torch.bincount(pairs.rows, minlength=n)
    starts = counts.cumsum(0) - counts
    chosen = order[starts.unsqueeze(1) + torch.arange(k, device=starts.device)]
    return squared[chosen].sqrt(), pairs.columns[chosen]
