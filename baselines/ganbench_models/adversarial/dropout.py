"""The masks of inverted dropout.

Source: Improving neural networks by preventing co-adaptation of feature detectors (Hinton et al., 2012).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ganbench.modelling import random_integers

__all__ = ["dropout_mask"]


def dropout_mask(
    shape: Sequence[int], keep_probability: float, *, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Factors that are each 1 / p with the keep probability p, and 0 otherwise, so that their mean is 1.

    Eight random bits decide where p is a multiple of 2⁻⁸, and sixteen, to which p is rounded, where it is not.
    """
    bits, kind = (8, torch.int8) if (keep_probability * 2**8).is_integer() else (16, torch.int16)
    integers = random_integers(shape, kind, generator=generator)
    mask = torch.empty(shape, dtype=dtype, device=generator.device)
    threshold = round(keep_probability * 2**bits) - 2 ** (bits - 1)
    return torch.lt(integers, threshold, out=mask).mul_(1 / keep_probability)
