"""Subsets of examples that depend on what the examples are and not on the order they come in."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from ganbench.errors import DataError

if TYPE_CHECKING:
    import torch

__all__ = ["chosen", "require"]


def chosen(examples: torch.Tensor, most: int = 0) -> torch.Tensor:
    """At most so many of the examples (0 for all), as if drawn at random, in an order as if shuffled.

    Examples are ranked by a hash of their numbers and of how many equal ones came before, so that the choice is the
    same in any order of rows, and each of many equal examples is drawn by itself.

    Args:
        examples: `[n, *event_shape]`.
        most: How many to choose.

    Returns:
        `[min(n, most), *event_shape]`.
    """
    import numpy as np
    import torch

    rows, seen, ranks = examples.detach().cpu().contiguous().numpy() + 0.0, Counter[bytes](), []  # -0 becomes 0
    for row in rows:
        content = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        ranks.append(hashlib.blake2b(content + seen[content].to_bytes(8), digest_size=8).digest())
        seen[content] += 1
    order = np.array([int.from_bytes(rank) for rank in ranks], np.uint64).argsort(kind="stable")
    return examples[torch.from_numpy(order[: most or len(order)]).to(examples.device)]


def require(role: str, examples: torch.Tensor, least: int, why: str) -> None:
    """Refuse fewer examples than a metric can work with.

    Raises:
        DataError: There are fewer than `least`.
    """
    if len(examples) < least:
        raise DataError(f"{role}: {len(examples)} examples; {why} needs at least {least}. Give more of them.")
