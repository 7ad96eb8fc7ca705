"""Averages of training images: fewer than they are, smoother than they are, and better than they are on some rulers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from ganbench.modelling import check_integer
from ganbench_models.references.images import Dealt

__all__ = ["KMeansCentroids", "MeanImage"]

_BATCH = 4096


class MeanImage(Dealt):
    """The mean of the training images, every time.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
    """

    reference = "one image, every time: a model above it at least tells images apart"

    def __init__(self, event_shape: tuple[int, ...], *, device: str = "cpu") -> None:
        super().__init__(event_shape, device=device)

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        """Take the mean."""
        return self._choose(train.mean(0, dtype=torch.float64).float().unsqueeze(0), generator)


class KMeansCentroids(Dealt):
    """The centroids of k-means over training images, by scikit-learn's `MiniBatchKMeans`.

    Theis, van den Oord and Bethge (2016), https://arxiv.org/abs/1511.01844, found that the Parzen estimate prefers them
    to real images. Each centroid is dealt out as often as any other, so that the estimate is that of the centroids.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
        clusters: How many; fewer where there are fewer than ten training images for each.
        examples: How many training images are clustered at most.
        iterations: How often it goes over the images.

    Raises:
        ValueError: A hyper-parameter is less than 1.
    """

    reference = (
        "averages of training images: a ruler that puts them above the training images themselves rewards something "
        "else than likeness to the data"
    )

    def __init__(
        self,
        event_shape: tuple[int, ...],
        *,
        device: str = "cpu",
        clusters: int = 1000,
        examples: int = 100_000,
        iterations: int = 10,
    ) -> None:
        for name, value in {"clusters": clusters, "examples": examples, "iterations": iterations}.items():
            check_integer(name, value)
        super().__init__(event_shape, device=device, distinct=clusters)
        self.examples, self.iterations = examples, iterations

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        """Cluster."""
        if self.epoch < self.total_epochs:
            yield from self._choose(self._cluster(train, generator), generator)

    def _cluster(self, train: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        from sklearn.cluster import MiniBatchKMeans

        rows = torch.randperm(len(train), generator=generator, device=train.device)[: self.examples]
        clusters = max(1, min(self.distinct, len(rows) // 10))
        seed = int(torch.randint(2**31 - 1, (1,), generator=generator, device=train.device))
        k_means = MiniBatchKMeans(
            clusters, n_init=1, max_iter=self.iterations, batch_size=_BATCH, random_state=seed, max_no_improvement=None
        )
        k_means.fit(train[rows].flatten(1).cpu().numpy())
        centres = torch.from_numpy(k_means.cluster_centers_).to(train)
        return centres.clamp(float(train.min()), float(train.max())).view(-1, *train.shape[1:])
