"""Distances of examples to the nearest training examples, computed once for all metrics of one evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ganbench.metrics._kernels.neighbors import nearest_neighbors
from ganbench.metrics.metric import Curve
from ganbench.metrics.remembering import fingerprint, remembered

__all__ = ["Nearest", "nearest_other", "nearest_train", "quantile_curve"]

_LEVELS = (0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class Nearest:
    """The training examples nearest to some examples, of which there are n.

    Attributes:
        by_part: float64 `[parts, n]`, distances to the nearest of each part of the training data.
        distances: float64 `[n]`, to the nearest of all.
        rows: int64 `[n]`, the number of that one.
    """

    by_part: torch.Tensor
    distances: torch.Tensor
    rows: torch.Tensor


def nearest_train(examples: torch.Tensor, train: torch.Tensor, most: int) -> Nearest:
    """Find them, in as few interleaved parts as have no more than `most` training examples each."""
    parts = -(-len(train) // most)

    def compute() -> Nearest:
        found = [nearest_neighbors(examples, train[part::parts]) for part in range(parts)]
        by_part = torch.stack([distances[:, 0] for distances, _ in found])
        distances, part = by_part.min(0)
        rows = torch.stack([rows[:, 0] for _, rows in found]).gather(0, part.unsqueeze(0))[0]
        return Nearest(by_part, distances, rows * parts + part)

    return remembered(("nearest", fingerprint(examples), fingerprint(train), parts), compute)


def nearest_other(train: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Distances of some training examples to the nearest of all others: float64 `[rows]`."""
    distinct, back = rows.unique(return_inverse=True)
    distances, _ = nearest_neighbors(train[distinct], train, 2)
    return distances[back, 1]  # the first is the example itself, or its equal


def quantile_curve(distances: torch.Tensor) -> Curve:
    """The quantiles of distances, from the lowest to the highest."""
    levels = torch.tensor(_LEVELS, dtype=torch.float64)
    return Curve("share of examples", "distance", _LEVELS, tuple(distances.cpu().quantile(levels).tolist()))
