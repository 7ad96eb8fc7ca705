"""The masks of dropout."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ganbench.modelling import random_integers

__all__ = ["dropout_mask"]


def dropout_mask(
    shape: Sequence[int], include: float, *, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Factors of inverted dropout: 1 / include with probability `include`, or else 0.

    Eight random bits decide where `include` is a multiple of 2⁻⁸, or else sixteen, to which it is rounded.
    """
    bits, kind = (8, torch.int8) if (include * 2**8).is_integer() else (16, torch.int16)
    integers = random_integers(shape, kind, generator=generator)
    mask = torch.empty(shape, dtype=dtype, device=generator.device)
    return torch.lt(integers, round(include * 2**bits) - 2 ** (bits - 1), out=mask).mul_(1 / include)
