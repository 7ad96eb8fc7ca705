"""Means and covariances of sets that are dealt into blocks, so that those of any union of blocks cost nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["BlockMoments"]


@dataclass(frozen=True)
class BlockMoments:
    """Sums over the blocks of a set of points, about an origin that keeps them small.

    Attributes:
        counts: Points in each of g blocks.
        sums: float64 `[g, d]`.
        products: float64 `[g, d, d]`, sums of outer products.
        origin: float64 `[d]`.
    """

    counts: tuple[int, ...]
    sums: torch.Tensor
    products: torch.Tensor
    origin: torch.Tensor

    @classmethod
    def of(cls, points: torch.Tensor, blocks: int, origin: torch.Tensor) -> BlockMoments:
        """Deal `[n, d]` points into blocks in turn, as many as there are points at most."""
        import torch

        parts = [points[first::blocks].double() - origin for first in range(min(blocks, len(points)))]
        sums = torch.stack([part.sum(0) for part in parts])
        return cls(tuple(map(len, parts)), sums, torch.stack([part.T @ part for part in parts]), origin)

    def over(self, blocks: Sequence[int]) -> tuple[int, torch.Tensor, torch.Tensor]:
        """The number of points in some blocks, their mean `[d]` and their unbiased covariance `[d, d]`."""
        chosen = list(blocks)
        n = sum(self.counts[block] for block in chosen)
        mean = self.sums[chosen].sum(0) / n
        covariance = (self.products[chosen].sum(0) - n * mean.outer(mean)) / max(n - 1, 1)
        return n, mean + self.origin, covariance
