"""Distances of examples to the nearest training examples, searched for once by all metrics of one evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ganbench.metrics._kernels.neighbors import nearest_neighbors
from ganbench.metrics.metric import Curve
from ganbench.metrics.remembering import fingerprint, remembered
from ganbench.metrics.subsets import chosen

__all__ = ["Nearest", "nearest_other", "nearest_train", "quantile_curve"]

_LEVELS = (0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class Nearest:
    """The training examples nearest to some examples, of which there are n.

    Attributes:
        by_part: float64 `[parts, n]`, distances to the nearest of each part of the training data.
        distances: float64 `[n]`, to the nearest of all.
        rows: int64 `[n]`, the number of that one; of equally near ones the lowest.
    """

    by_part: torch.Tensor
    distances: torch.Tensor
    rows: torch.Tensor


def nearest_train(examples: torch.Tensor, *, train: torch.Tensor, test: torch.Tensor, limit: int = 0) -> Nearest:
    """Find them for at most `limit` of the examples (0 for all), in the order of `chosen`.

    The training data are searched in interleaved parts, as few as have no more than there are test examples each. What
    was found for fewer of the same examples is not looked for again.
    """
    parts, wanted = -(-len(train) // len(test)), chosen(examples, limit)
    known: list[Nearest] = remembered(("nearest", fingerprint(examples), fingerprint(train), parts), list)
    done = sum(len(found.rows) for found in known)
    if done < len(wanted):
        known.append(_search(wanted[done:], train, parts))
    return Nearest(
        torch.cat([found.by_part for found in known], 1)[:, : len(wanted)],
        torch.cat([found.distances for found in known])[: len(wanted)],
        torch.cat([found.rows for found in known])[: len(wanted)],
    )


def _search(examples: torch.Tensor, train: torch.Tensor, parts: int) -> Nearest:
    found = [nearest_neighbors(examples, train[part::parts]) for part in range(parts)]
    by_part = torch.stack([distances[:, 0] for distances, _ in found])
    rows = torch.stack([rows[:, 0] * parts + part for part, (_, rows) in enumerate(found)])
    distances = by_part.amin(0)
    return Nearest(by_part, distances, rows.where(by_part == distances, len(train)).amin(0))


def nearest_other(train: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Distances of some training examples to the nearest of all others: float64 `[rows]`."""
    distinct, back = rows.unique(return_inverse=True)
    distances, _ = nearest_neighbors(train[distinct], train, 2)
    return distances[back, 1]  # the first is the example itself, or its equal


def quantile_curve(distances: torch.Tensor) -> Curve:
    """The quantiles of distances, from the lowest to the highest."""
    levels = torch.tensor(_LEVELS, dtype=torch.float64)
    return Curve("share of examples", "distance", _LEVELS, tuple(distances.cpu().quantile(levels).tolist()))
