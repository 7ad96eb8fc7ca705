"""Seeds derived from names, so that no run depends on the order in which cells are executed.

Nothing in ganbench touches a global random state: every random number comes from a `torch.Generator` that is handed
down, and every generator is seeded here.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["derive_seed", "torch_generator"]


def derive_seed(base: int, *names: str | int) -> int:
    """Hash a base seed and names into a seed: the first 63 bits of sha256(json([base, *names])).

    >>> derive_seed(0, "digits", "train") == derive_seed(0, "digits", "train")
    True
    >>> derive_seed(0, "digits", "train") == derive_seed(0, "digits", "sample")
    False
    """
    text = json.dumps([base, *names], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_generator(seed: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A torch generator on `device`, seeded with `seed`."""
    import torch

    return torch.Generator(device=device).manual_seed(seed)
