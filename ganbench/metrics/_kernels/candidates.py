"""Which reference points may be among the nearest of a query, or hardly farther, given what products may be off.

Let t be exact and T what the product gave, with |T - t| <= e before T itself was rounded (`Reference.error_bound`), and
T* the k-th smallest T of a query. The k-th smallest t is at most T* + e: k points have a t as low. So a point whose
t lies within b of it has

    T <= t + e <= T* + b + 2 e

and whatever has a larger T does not matter. Of the k smallest minima of groups of columns, the largest serves for T*,
and is at least as large, as each group holds a point of its own.
"""

from __future__ import annotations

import math

import torch

from ganbench.metrics._kernels.distances import GROUP, Centred, NearPairs, Pairs, Reference

__all__ = ["candidates"]

_HALF_A_UNIT = 1.02 * 2.0**-8  # of bfloat16, relative, and some for products of such


def candidates(
    queries: Centred,
    reference: Reference,
    k: int,
    most: int,
    *,
    beyond: float = 0.0,
    bearable: float = 1.0,
) -> tuple[Pairs, torch.Tensor]:
    """All pairs whose t may be no more than `beyond` above the k-th smallest of their row.

    Args:
        queries: n centred points, in the precision of the products.
        reference: The points they are compared with.
        k: Between 1 and the number of reference points.
        most: Pairs that a row may have; one with more, even for a while, is crowded and has none.
        beyond: Of t.
        bearable: The search ends, with all rows crowded, when a larger share of the rows that it has looked at is.

    Returns:
        The pairs, and the crowded rows, bool `[n]`.
    """
    margin = 2 * reference.error_bound(queries) + beyond
    near = NearPairs(~torch.isfinite(margin), most)
    rounded = queries.values.dtype is torch.bfloat16  # as are its t
    best = torch.full(
        (len(queries), k),
        math.inf,
        dtype=torch.float32 if rounded else queries.values.dtype,
        device=queries.values.device,
    )
    for rows, first, t in reference.tiles(queries):
        minima = t.view(len(t), -1, GROUP).amin(2)
        few = 2 * minima.shape[1] < 3 * k  # in a narrow tile they would leave the limit too high, or infinite
        best[rows] = _smallest(best[rows], t if few else minima)
        near.collect(t, minima, _limit(best[rows], margin[rows], rounded), rows, first)
        if bearable < 1 and float(near.crowded[: rows.stop if first == 0 else None].double().mean()) > bearable:
            near.crowded[:] = True
            break
    pairs = near.pairs()
    return pairs.where(pairs.t <= _limit(best, margin, rounded)[pairs.rows]), near.crowded


def _smallest(best: torch.Tensor, minima: torch.Tensor) -> torch.Tensor:
    """The k smallest of `best` `[n, k]` and `minima` `[n, groups]`, in any order: `[n, k]`."""
    if best.shape[1] == 1:  # many times faster than topk
        return torch.minimum(best, minima.amin(1, keepdim=True))
    return torch.cat((best, minima), dim=1).topk(best.shape[1], dim=1, largest=False).values


def _limit(best: torch.Tensor, margin: torch.Tensor, rounded: bool) -> torch.Tensor:
    """The largest of each row plus its margin, rounded up, lest rounding exclude a candidate: `[n]`.

    Where the t themselves were rounded to bfloat16, what was the largest, and what rounds to the limit, may lie half a
    unit higher.
    """
    largest = best.amax(1).double()
    limit = largest + margin
    if rounded:
        limit = limit + _HALF_A_UNIT * (largest.abs() + limit.abs())
    limit = limit.to(best.dtype)
    return torch.nextafter(limit, torch.full_like(limit, math.inf))
