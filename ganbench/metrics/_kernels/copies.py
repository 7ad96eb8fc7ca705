"""Equal points, found by their content, so that one of them stands for all where many would only repeat its work."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch

__all__ = ["Classes"]

_ROWS = 256  # hashed at once


class Classes(NamedTuple):
    """Points in classes of equal ones, in the order of their first rows.

    Attributes:
        first: int64 `[classes]`, the lowest row of each.
        of_row: int64 `[n]`, the class of each point.
        rows: int64 `[n]`, the rows of class after class, ascending within each.
        sizes: int64 `[classes]`.
    """

    first: torch.Tensor
    of_row: torch.Tensor
    rows: torch.Tensor
    sizes: torch.Tensor

    @classmethod
    def of(cls, points: torch.Tensor, rows: torch.Tensor | None = None) -> Classes:
        """Compare points `[n, d]`, or those in some rows, by 128-bit hashes of their content; -0 counts as 0."""
        blocks = points.split(_ROWS) if rows is None else (points[some] for some in rows.split(_ROWS))
        digests = [
            hashlib.blake2b(row.data, digest_size=16).digest()
            for block in blocks
            for row in block.add(0).cpu().contiguous().view(torch.uint8).numpy()
        ]
        found = np.unique(np.array(digests, dtype="V16"), return_index=True, return_inverse=True, return_counts=True)
        first, of_row, sizes = (torch.from_numpy(part.reshape(-1)).to(points.device) for part in found[1:])
        order = first.argsort()
        of_row = order.argsort()[of_row]
        return cls(first[order], of_row, of_row.argsort(stable=True), sizes[order])

    def members(self, classes: torch.Tensor, most: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The first `most` rows of each of some classes `[c]`: which of the c each belongs to, and the rows."""
        sizes = self.sizes[classes].clamp(max=most)
        starts = (self.sizes.cumsum(0) - self.sizes)[classes]
        which = torch.arange(len(classes), device=classes.device).repeat_interleave(sizes)
        within = torch.arange(len(which), device=classes.device) - (sizes.cumsum(0) - sizes)[which]
        return which, self.rows[starts[which] + within]
