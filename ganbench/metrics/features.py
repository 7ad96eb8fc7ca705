"""Feature spaces in which metrics compare examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["pixels"]


def pixels(examples: torch.Tensor) -> torch.Tensor:
    """The numbers of every example as they are: `[n, *event_shape]` to `[n, d]`."""
    return examples.flatten(1)
