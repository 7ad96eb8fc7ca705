"""Minibatches in a new random order every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["shuffled_minibatches"]


def shuffled_minibatches(train: torch.Tensor, batch_size: int, *, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """One epoch of minibatches: a fresh permutation, cut in order, the last partial batch kept.

    Args:
        train: `[n, ...]` on any device.
        batch_size: Rows in a minibatch, at least 1.
        generator: On the device of `train`.
    """
    import torch

    order = torch.randperm(train.shape[0], generator=generator, device=train.device)
    for rows in order.split(batch_size):
        yield train.index_select(0, rows)
