"""What was computed of the same data before: a fold's classifier or distances serve several metrics and models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

__all__ = ["fingerprint", "remembered"]

T = TypeVar("T")

_KEPT = 16
_memory: dict[tuple[object, ...], object] = {}


def remembered(key: tuple[object, ...], compute: Callable[[], T]) -> T:
    """What was computed under the same key before, or what is computed now; the oldest of sixteen is forgotten."""
    if key not in _memory:
        while len(_memory) >= _KEPT:
            _memory.pop(next(iter(_memory)))
        _memory[key] = compute()
    return _memory[key]  # type: ignore[return-value]


def fingerprint(tensor: torch.Tensor) -> str:
    """Of the content, the shape and the device."""
    content = hashlib.blake2b(tensor.detach().cpu().contiguous().numpy().data, digest_size=16).hexdigest()
    return f"{tensor.device} {tuple(tensor.shape)} {content}"
