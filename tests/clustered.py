"""Data like images of digits, for the tests of metrics."""

from __future__ import annotations

import numpy as np
import torch


def images(n: int, d: int, seed: int) -> np.ndarray:
    """Points in [0, 1] in ten clusters, with many exact zeros, as in images of digits."""
    layout, rng = np.random.default_rng(0), np.random.default_rng(seed)
    prototypes = layout.random((10, d)) * (layout.random((10, d)) < 0.3)
    noisy = prototypes[rng.integers(10, size=n)] + 0.1 * rng.standard_normal((n, d))
    return np.clip(noisy, 0, 1).astype(np.float32)


def tensors(**arrays: np.ndarray) -> dict[str, torch.Tensor]:
    """Arrays as float32 tensors, by their roles."""
    return {role: torch.from_numpy(np.asarray(array, np.float32)) for role, array in arrays.items()}
