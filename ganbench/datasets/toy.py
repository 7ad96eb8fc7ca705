"""Toy densities whose log-likelihood is known exactly: the ground that an estimate is checked against.

Each is an equal-weight mixture of Gaussians with one common covariance, drawn with a fixed seed: 10,000 examples to
train on, 2,000 for validation and 5,000 for the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.datasets.base import Dataset, Split, content_checksum

__all__ = ["GaussianMixture", "load_figure1", "load_gaussian", "load_mixture"]

_SEED = 2014
_SIZES = {"train": 10_000, "valid": 2_000, "test": 5_000}


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """An equal-weight mixture of k Gaussians in d dimensions with covariance `factor @ factor.T`.

    Args:
        means: `[k, d]`.
        factor: `[d, d]`, lower triangular, with a positive diagonal.
    """

    means: np.ndarray
    factor: np.ndarray

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points: `[n, d]` float32. Computed in float64, so that machines agree after rounding."""
        component = rng.integers(len(self.means), size=n)
        noise = rng.standard_normal((n, self.means.shape[1]))
        return np.ascontiguousarray(self.means[component] + noise @ self.factor.T, dtype=np.float32)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """The exact log density in nats.

        `log p(x) = logsumexp_k(-|L^-1 (x - m_k)|^2 / 2) - log k - log det L - d/2 log(2 pi)` with the factor L.

        Args:
            points: `[n, d]`, of any float type.

        Returns:
            `[n]` float64.

        Raises:
            ValueError: The points do not have d dimensions.
        """
        from scipy.special import logsumexp

        k, d = self.means.shape
        if points.ndim != 2 or points.shape[1] != d:
            raise ValueError(f"Expected points of shape [n, {d}], found {points.shape}.")
        offsets = np.asarray(points, np.float64)[:, None, :] - self.means
        whitened = np.linalg.solve(self.factor, offsets.reshape(-1, d).T)
        exponents = -0.5 * np.square(whitened).sum(0).reshape(-1, k)
        constant = np.log(k) + np.log(np.diag(self.factor)).sum() + 0.5 * d * np.log(2 * np.pi)
        return logsumexp(exponents, axis=1) - constant


def load_gaussian(root: Path, *, download: bool = False) -> Dataset:
    """One Gaussian in ten dimensions: mean `i / 9` for i in 0..9, covariance `0.5 ** |i - j|`.

    Its entropy is `d/2 log(2 pi e) + (d - 1)/2 log(1 - 0.25)`: the truth has a mean log-likelihood of -12.8948 nats.

    Args:
        root: Not used: the examples are drawn.
        download: Not used.
    """
    axis = np.arange(10)
    covariance = 0.5 ** np.abs(axis[:, None] - axis)
    return _draw("toy-gaussian", GaussianMixture(axis[None, :] / 9, np.linalg.cholesky(covariance)))


def load_mixture(root: Path, *, download: bool = False) -> Dataset:
    """Eight Gaussians in the plane, on a ring of radius 4, each with standard deviation 0.5.

    Neighbours are 3.06 apart, so that modes are distinct and a model that drops one is seen.

    Args:
        root: Not used: the examples are drawn.
        download: Not used.
    """
    angles = 2 * np.pi * np.arange(8) / 8
    means = 4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _draw("toy-mixture", GaussianMixture(means, 0.5 * np.eye(2)))


def load_figure1(root: Path, *, download: bool = False) -> Dataset:
    """The data density of Figure 1 of Goodfellow et al. 2014, as we read it: the standard normal.

    The figure shows one bump on the line and gives no numbers; shape and place are our reading.

    Args:
        root: Not used: the examples are drawn.
        download: Not used.
    """
    notes = "The figure gives no numbers; one Gaussian bump, here the standard normal, is our reading of it."
    return _draw("toy-figure1", GaussianMixture(np.zeros((1, 1)), np.eye(1)), notes)


def _draw(name: str, density: GaussianMixture, notes: str = "") -> Dataset:
    rng = np.random.default_rng(_SEED)
    parts = {role: density.sample(n, rng) for role, n in _SIZES.items()}
    return Dataset(
        name=name,
        event_shape=(density.means.shape[1],),
        value_range=(-np.inf, np.inf),
        checksum=content_checksum(*parts.values()),
        splits=(Split("standard", **parts),),
        log_density=density.log_density,
        notes=notes,
    )
