"""Data of the cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

__all__ = ["normal", "normal_quantiles", "sets"]


def normal(seed: int, *shape: int, mean: float = 0.0, deviation: float = 1.0) -> torch.Tensor:
    """Independent normal numbers, float32."""
    draws = np.random.default_rng(seed).normal(mean, deviation, shape)
    return torch.from_numpy(draws.astype(np.float32))


def normal_quantiles(n: int, *, mean: float = 0.0, deviation: float = 1.0) -> torch.Tensor:
    """`[n, 1]` points that stand for a normal law better than n draws: its quantiles, scaled to its two moments."""
    from scipy.special import ndtri

    points = ndtri((np.arange(n) + 0.5) / n)
    points *= deviation / points.std(ddof=1)
    return torch.from_numpy((points + mean).astype(np.float32))[:, None]


def sets(generated: torch.Tensor, test: torch.Tensor, **others: Any) -> dict[str, Any]:
    """Samples and test data; training and validation data are the test data unless they are given."""
    return {"generated": generated, "train": test, "valid": test, "test": test, **others}
