"""Exact nearest neighbours, for the question whether a model has memorised its training set.

Source: Goodfellow et al., "Generative Adversarial Nets" (2014), Figure 2, shows every sample beside the training image
nearest to it in Euclidean distance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from ganbench.errors import UsageError
from ganbench.metrics._kernels.candidates import candidates
from ganbench.metrics._kernels.copies import Classes
from ganbench.metrics._kernels.distances import DEFAULT_MEMORY, Pairs, Points, Reference, as_points
from ganbench.runtime.matmul import full_precision, has_bfloat16_units

__all__ = ["nearest_neighbors"]

_MAX_CANDIDATES = 64  # of a query, beyond k; with more the products are too coarse for it
_MANY_DIMENSIONS = 256  # with fewer the products are not what takes the time


@full_precision()
def nearest_neighbors(
    queries: Points,
    reference: Points,
    k: int = 1,
    *,
    max_memory: int = DEFAULT_MEMORY,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The k nearest reference points of every query, in Euclidean distance.

    Matrix products find all points that may be among the nearest, given the bound on their rounding error; differences
    in float64 rank them. The products are in bfloat16 where the processor has units for it, otherwise and for the
    queries to which that leaves too many candidates in float32, and for those left again in float64. Of equal points,
    to which many candidates are most often due, only one is then looked at.

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
    m = points.shape[0]
    if not 1 <= k <= m:
        raise UsageError(f"k must be between 1 and the {m} reference points; got {k}.")
    prepared = Reference.prepare(points, max_memory)
    squared = torch.empty(len(x), k, dtype=torch.float64, device=x.device)
    indices = torch.empty(len(x), k, dtype=torch.int64, device=x.device)
    first, *others = _passes(x, k, m)
    left = _fill(squared, indices, x, torch.arange(len(x), device=x.device), prepared, k, [first])
    if len(left):
        for rows, *found in _without_copies(x, left, prepared, k, others):
            squared[rows], indices[rows] = found
    return squared.sqrt_(), indices


def _fill(
    squared: torch.Tensor,
    indices: torch.Tensor,
    x: torch.Tensor,
    rows: torch.Tensor,
    reference: Reference,
    k: int,
    passes: list[tuple[torch.dtype, int]],
) -> torch.Tensor:
    """Find the neighbours of the rows `[r]` of x, pass after pass, and put them in `[r, k]`; returns the rows left."""
    places = torch.arange(len(rows), device=rows.device)
    for dtype, most in passes:
        crowded = [places[:0]]
        for band in reference.bands(
            places, max(4, dtype.itemsize) * (x.shape[1] + 2 * k) + 48 * min(most, reference.m)
        ):
            of_band = x if len(band) == len(x) else x[rows[band]]  # all of them need no copy
            settled, *found = _search(of_band, reference, k, dtype, most)
            squared[band[settled]], indices[band[settled]] = found
            crowded.append(band[~settled])
        places = torch.cat(crowded)
    return rows[places]


def _without_copies(
    x: torch.Tensor, rows: torch.Tensor, reference: Reference, k: int, passes: list[tuple[torch.dtype, int]]
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """The neighbours of the rows `[r]` of x, found for one of equal points at a time: rows, squared distances, indices.

    The k nearest points lie in the k classes of equal points whose lowest rows are nearest.
    """
    queries, classes = Classes.of(x, rows), Classes.of(reference.points)
    hidden = torch.ones(reference.m, dtype=torch.bool, device=x.device)
    hidden[classes.first] = False
    distinct, of_each = replace(reference, hidden=hidden), min(k, len(classes.first))
    for band in reference.bands(torch.arange(len(queries.first), device=x.device), 256 * k):
        squared = torch.empty(len(band), of_each, dtype=torch.float64, device=x.device)
        indices = torch.empty(len(band), of_each, dtype=torch.int64, device=x.device)
        _fill(squared, indices, x, rows[queries.first[band]], distinct, of_each, passes)
        settled = torch.ones(len(band), dtype=torch.bool, device=x.device)
        squared, indices = _nearest(*_all_copies(squared, indices, classes, k), settled, k)
        which, members = queries.members(band, len(rows))
        for some in torch.arange(len(which), device=x.device).split(len(band)):
            yield rows[members[some]], squared[which[some]], indices[which[some]]


def _all_copies(squared: torch.Tensor, indices: torch.Tensor, classes: Classes, k: int) -> tuple[Pairs, torch.Tensor]:
    """All points of the nearest classes, at least k for each query, with their squared distances."""
    found = classes.of_row[indices]
    enough = (classes.sizes[found].cumsum(1) >= k).int().argmax(1, keepdim=True)
    rows, which = (squared <= squared.gather(1, enough)).nonzero(as_tuple=True)
    member, columns = classes.members(found[rows, which], k)
    distances = squared[rows, which][member]
    return Pairs(rows[member], columns, distances), distances


def _passes(x: torch.Tensor, k: int, m: int) -> list[tuple[torch.dtype, int]]:
    """Precision of the products and most candidates, one pass after the other for the queries that the last left."""
    most = k + _MAX_CANDIDATES
    exact = [(torch.float32, most), (torch.float64, most), (torch.float64, m)]
    coarse = x.shape[1] >= _MANY_DIMENSIONS and has_bfloat16_units(x.device)
    return [(torch.bfloat16, most + _MAX_CANDIDATES), *exact] if coarse else exact


def _search(
    queries: torch.Tensor, reference: Reference, k: int, dtype: torch.dtype, most: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Which queries have at most `most` candidates, bool `[n]`; the k nearest of those, `[settled, k]`."""
    pairs, crowded = candidates(reference.centred(queries, dtype), reference, k, most)
    squared, indices = _nearest(pairs, reference.exact_squared_distances(queries, pairs), ~crowded, k)
    return ~crowded, squared, indices


def _nearest(pairs: Pairs, squared: torch.Tensor, settled: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first k pairs of every settled row, by distance and then by column: squared distances and columns."""
    order = pairs.columns.argsort(stable=True)
    order = order[squared[order].argsort(stable=True)]
    order = order[pairs.rows[order].argsort(stable=True)]
    counts = torch.bincount(pairs.rows, minlength=len(settled))
    starts = (counts.cumsum(0) - counts)[settled]
    chosen = order[starts.unsqueeze(1) + torch.arange(k, device=starts.device)]
    return squared[chosen], pairs.columns[chosen]
