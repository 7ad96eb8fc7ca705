"""Distances of samples to their nearest training examples, beside those of test examples.

Source: Goodfellow et al., "Generative Adversarial Nets" (2014), https://arxiv.org/abs/1406.2661: Figure 2 shows samples
beside the training image nearest to them in Euclidean distance, to show that the model has not memorised them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Curve, MetricResult, Value

if TYPE_CHECKING:
    import torch

__all__ = ["NearestNeighbors"]

_LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class NearestNeighbors:
    """Euclidean distances to the nearest training example: medians, means and quantiles.

    Args:
        limit: How many of the first samples, and of the first test examples, are looked at.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "nearest_neighbors"
    version = 1
    direction = "neither"  # right is as far as test examples are
    needs = ("train", "test")

    def __init__(self, *, limit: int = 1000) -> None:
        check_integer("limit", limit)
        self.limit = limit

    def measure(self, *, generated: torch.Tensor, train: torch.Tensor, test: torch.Tensor) -> MetricResult:
        """Values `generated_median`, `test_median`, and their means; the curves hold quantiles."""
        import numpy as np

        from ganbench.metrics._kernels.neighbors import nearest_neighbors

        values, curves = {}, {}
        for role, examples in (("generated", generated), ("test", test)):
            distances = nearest_neighbors(examples[: self.limit], train)[0][:, 0].cpu().numpy()
            quantiles = np.quantile(distances, _LEVELS).tolist()
            values[f"{role}_median"] = Value(quantiles[_LEVELS.index(0.5)])
            values[f"{role}_mean"] = Value(float(distances.mean()))
            curves[f"{role}_quantiles"] = Curve("share of examples", "distance", _LEVELS, tuple(quantiles))
        return MetricResult(values, curves)
