"""The masks of dropout."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["dropout_mask"]


def dropout_mask(
    shape: Sequence[int], include: float, *, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Factors of inverted dropout: 1 / include with probability `include`, or else 0.

    Eight random bits decide where `include` is a multiple of 2⁻⁸, or else sixteen, to which it is rounded; 32, as a
    uniform number takes, would be four times as slow.
    """
    bits, integers = (8, torch.int8) if (include * 2**8).is_integer() else (16, torch.int16)
    mask = torch.empty(shape, dtype=dtype, device=generator.device)
    words = torch.empty(-(-mask.numel() * bits // 64), dtype=torch.int64, device=generator.device)
    words.random_(-(2**63), None, generator=generator)
    threshold = round(include * 2**bits) - 2 ** (bits - 1)
    torch.lt(words.view(integers)[: mask.numel()].view(shape), threshold, out=mask)
    return mask.mul_(1 / include)
