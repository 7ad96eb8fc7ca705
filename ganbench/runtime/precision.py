"""The choice of a precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["PRECISIONS", "resolve_precision"]

PRECISIONS = ("float32", "bfloat16")


def resolve_precision(name: str) -> torch.dtype:
    """The data type of a model's hyper-parameter `precision`, in which it makes its activations and gradients.

    Parameters and what optimisers remember stay in float32. bfloat16 pays where the device has units for it
    (AVX512-BF16, AMX, CUDA from the Ampere generation on); elsewhere it is slower than float32, and as right.

    Raises:
        ValueError: The name is none of `PRECISIONS`.
    """
    import torch

    if name not in PRECISIONS:
        raise ValueError(f"precision is {name!r}; accepted: {', '.join(map(repr, PRECISIONS))}.")
    return torch.float32 if name == "float32" else torch.bfloat16
