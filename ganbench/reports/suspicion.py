"""Which samples look most like copies of training images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Suspicion", "suspects"]

_NEIGHBOURS = 10
_LEAST = 1e-12  # of distances that are divided by


@dataclass(frozen=True)
class Suspicion:
    """The most suspicious samples, the first most of all.

    Attributes:
        rows: Their numbers among the samples, `[count]`.
        nearest: The numbers of the training examples nearest to them.
        ratios: Their distances to these, in units of what is usual where they lie.
        usual: What the last of as large a share of held-out examples reaches.
    """

    rows: np.ndarray
    nearest: np.ndarray
    ratios: np.ndarray
    usual: float


def suspects(samples: np.ndarray, train: np.ndarray, held_out: np.ndarray, count: int) -> Suspicion:
    """Order samples by their distance to the training data, in units of that of the held-out examples around them.

        ratio(x) = min_t ||x - t|| / mean_h min_t ||h - t||,    h over the ten held-out examples nearest to x

    A copy has 0, an example of the data's law about 1, wherever it lies: distances alone would suspect the simplest
    images, which have near neighbours by nature. Held-out examples are held against the ten nearest of the others.

    Args:
        samples: `[n, *event_shape]`.
        train: Training examples.
        held_out: Examples of the same law that are none, at least two.
        count: How many to return at most.
    """
    from ganbench.metrics import nearest_neighbors

    distances, nearest = (found[:, 0].numpy() for found in nearest_neighbors(samples, train))
    of_held_out = nearest_neighbors(held_out, train)[0][:, 0].numpy()
    k = min(_NEIGHBOURS, len(held_out) - 1)
    around = nearest_neighbors(samples, held_out, k)[1].numpy()
    around_held_out = nearest_neighbors(held_out, held_out, k + 1)[1].numpy()[:, 1:]  # but for itself, or its equal
    ratios = distances / np.maximum(of_held_out[around].mean(1), _LEAST)
    null = of_held_out / np.maximum(of_held_out[around_held_out].mean(1), _LEAST)
    rows = ratios.argsort(kind="stable")[:count]
    return Suspicion(rows, nearest[rows], ratios[rows], float(np.quantile(null, len(rows) / len(samples))))
