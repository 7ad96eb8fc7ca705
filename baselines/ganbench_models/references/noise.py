"""Noise: the lower end of every ruler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

__all__ = ["Noise"]


class Noise:
    """Independent uniform noise in the range of the training data.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
    """

    reference = "the lower end of every ruler"
    total_epochs = 1

    def __init__(self, event_shape: tuple[int, ...], *, device: str = "cpu") -> None:
        self.event_shape, self.device = tuple(event_shape), device
        self.low, self.high, self.epoch = 0.0, 1.0, 0

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        """Look at the range."""
        while self.epoch < self.total_epochs:
            self.low, self.high = float(train.min()), float(train.max())
            self.epoch += 1
            yield {"low": self.low, "high": self.high}

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Draw uniform numbers."""
        uniform = torch.rand(n, *self.event_shape, generator=generator, device=self.device)
        return (self.low + (self.high - self.low) * uniform).clamp(self.low, self.high)

    def state_dict(self) -> dict[str, Any]:
        """The range."""
        return {"low": self.low, "high": self.high, "epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the range."""
        self.low, self.high, self.epoch = state["low"], state["high"], state["epoch"]
