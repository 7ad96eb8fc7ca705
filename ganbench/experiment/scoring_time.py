"""How long samples will take to be scored, for the estimate of a plan."""

from __future__ import annotations

import math

from ganbench.experiment.plan import Cell
from ganbench.registry.models import ModelObject, ModelSource

__all__ = ["needs_no_training", "seconds_of_scoring"]

_SECONDS = {
    "authenticity": 9,
    "birthdays": 5,
    "class_histogram": 4,
    "classifier_two_sample": 3,
    "copies": 16,
    "data_copying": 4,
    "frechet": 0.4,
    "kid": 1.3,
    "mmd": 6,
    "nearest_neighbor_two_sample": 5,
    "nearest_neighbors": 1.4,
    "parzen": 9,
    "prdc": 9,
    "shifted_copies": 7,
    "sliced_wasserstein": 4,
    "vendi": 0.7,
}
"""Of one core (EPYC, Zen 4) for 10,000 samples on MNIST, in the order in which `--metrics all` has them."""

_EXAMPLES, _DIMENSIONS = 10_000 * 50_000, 784


def seconds_of_scoring(cell: Cell) -> float:
    """Rough seconds by the metrics of a cell, as if all grew with samples x training examples x dimensions."""
    size = (
        cell.protocol.n_samples * len(cell.split.train) / _EXAMPLES * math.prod(cell.dataset.event_shape) / _DIMENSIONS
    )
    return size * sum(_SECONDS.get(metric.name, 0) for metric in cell.metrics)


def needs_no_training(cell: Cell) -> bool:
    """Whether its samples are given."""
    return not isinstance(cell.model, ModelSource | ModelObject)
