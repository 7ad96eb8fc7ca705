"""Random decisions from few bits.

On a processor random numbers come one after the other, 32 bits for a uniform one, and take longer than what is done
with them. A decision with a given probability needs no more than 16 bits, four of which come at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["random_integers"]


def random_integers(shape: Sequence[int], dtype: torch.dtype, *, generator: torch.Generator) -> torch.Tensor:
    """Integers that are uniform over all values of `dtype` (torch.int8 or torch.int16), on the generator's device."""
    numbers = torch.Size(shape).numel()
    words = torch.empty(-(-numbers * dtype.itemsize // 8), dtype=torch.int64, device=generator.device)
    return words.random_(-(2**63), None, generator=generator).view(dtype)[:numbers].view(shape)
