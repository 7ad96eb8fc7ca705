"""Parzen kernel sums on CUDA in one kernel: distances are made, used and forgotten in registers.

It follows the streaming of `ganbench.metrics._kernels.parzen` over tiles: a running minimum of t for every point,
kernel sums of all bandwidths relative to it, and the pairs near to it, each point's in slots of its own. Products are
plain float32 (`input_precision="ieee"`), so that the error bound of `ganbench.metrics._kernels.distances` holds.

The kernel is written in Triton, which torch brings along on CUDA platforms; where it is missing, tiles serve as well.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl

from ganbench.metrics._kernels.distances import Centred, Pairs, Reference

__all__ = ["fused_kernel_sums"]

_BLOCK_POINTS, _BLOCK_CENTRES, _BLOCK_DIMENSIONS, _WARPS = 64, 64, 16, 8  # without spills on sm_80 to sm_120
_PROGRAMS_PER_PROCESSOR = 4
_LOG2_E = math.log2(math.e)


@triton.jit
def _kernel(
    points,  # [n, d] float32: a
    centres,  # [m, d] float32: -2 c
    norms,  # [m] float32: ||c||^2
    factors,  # [k] float32: log2(e) / (2 s^2)
    window,  # [n] float32: how far above the minimum a pair is kept
    smallest,  # out [splits, n] float32
    sums,  # out [splits, k, n] float32
    counts,  # in and out [n] int32: pairs found
    columns,  # out [n, slots] int32
    depths,  # out [n, slots] float32: t of the pairs
    n,
    m,
    d,
    first_column,
    columns_per_split,
    slots,
    K: tl.constexpr,
    K_PADDED: tl.constexpr,
    BLOCK_POINTS: tl.constexpr,
    BLOCK_CENTRES: tl.constexpr,
    BLOCK_DIMENSIONS: tl.constexpr,
):
    split = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_POINTS + tl.arange(0, BLOCK_POINTS)
    row_mask = rows < n
    bandwidths = tl.arange(0, K_PADDED)
    factor = tl.load(factors + bandwidths, mask=bandwidths < K, other=1.0)
    reach = tl.load(window + rows, mask=row_mask, other=-1.0)
    lowest = tl.full([BLOCK_POINTS], float("inf"), tl.float32)
    total = tl.zeros([BLOCK_POINTS, K_PADDED], tl.float32)
    begin = split * columns_per_split
    end = tl.minimum(begin + columns_per_split, m)
    for start in range(begin, end, BLOCK_CENTRES):
        column = start + tl.arange(0, BLOCK_CENTRES)
        column_mask = column < end
        product = tl.zeros([BLOCK_POINTS, BLOCK_CENTRES], tl.float32)
        for offset in range(0, d, BLOCK_DIMENSIONS):
            dimension = offset + tl.arange(0, BLOCK_DIMENSIONS)
            dimension_mask = dimension < d
            left = tl.load(
                points + rows[:, None].to(tl.int64) * d + dimension[None, :],
                mask=row_mask[:, None] & dimension_mask[None, :],
                other=0.0,
            )
            right = tl.load(
                centres + column[None, :].to(tl.int64) * d + dimension[:, None],
                mask=column_mask[None, :] & dimension_mask[:, None],
                other=0.0,
            )
            product = tl.dot(left, right, product, input_precision="ieee")
        norm = tl.load(norms + column, mask=column_mask, other=float("inf"))
        t = product + norm[None, :]
        lower = tl.minimum(lowest, tl.min(t, axis=1))
        total = total * tl.exp2((lower - lowest)[:, None] * factor[None, :])
        lowest = lower
        near = (t <= (lower + reach)[:, None]) & row_mask[:, None] & column_mask[None, :]
        found = tl.sum(near.to(tl.int32), axis=1)
        if tl.max(found, axis=0) > 0:
            base = tl.atomic_add(counts + rows, found, mask=found > 0)
            slot = base[:, None] + tl.cumsum(near.to(tl.int32), axis=1) - 1
            place = rows[:, None].to(tl.int64) * slots + slot
            kept = near & (slot < slots)
            tl.store(
                columns + place,
                tl.broadcast_to(column[None, :] + first_column, [BLOCK_POINTS, BLOCK_CENTRES]),
                mask=kept,
            )
            tl.store(depths + place, t, mask=kept)
        depth = lower[:, None] - t
        for k in tl.static_range(K):
            part = tl.sum(tl.exp2(depth * tl.load(factors + k)), axis=1)
            total += tl.where(bandwidths[None, :] == k, part[:, None], 0.0)
    tl.store(smallest + split * n + rows, lowest, mask=row_mask)
    tl.store(
        sums + (split * K + bandwidths[None, :]) * n + rows[:, None],
        total,
        mask=row_mask[:, None] & (bandwidths < K)[None, :],
    )


def fused_kernel_sums(
    queries: Centred, reference: Reference, bandwidths: torch.Tensor, window: torch.Tensor, most: int
) -> tuple[torch.Tensor, torch.Tensor, Pairs]:
    """What `ganbench.metrics._kernels.parzen` says of its `_kernel_sums`, for float32 points on CUDA.

    Args:
        queries: n centred points, float32.
        reference: The centres.
        bandwidths: `[k]`.
        window: float64 `[n]`, how far above its smallest t a pair is kept; below 0 for none.
        most: Pairs that are kept for a point; of one with more, none are.
    """
    n, device = len(queries), queries.values.device
    factors = 0.5 / bandwidths.square()
    sums = torch.zeros(len(bandwidths), n, dtype=torch.float64, device=device)
    smallest = torch.full((n,), math.inf, dtype=torch.float64, device=device)
    slots = _Slots(n, most, device)
    for first, right, norms in reference.right_operands(queries.values.dtype):
        lowest, parts = _launch(queries.values, right, norms, factors, window, slots, first)
        lower = torch.minimum(smallest, lowest.amin(0))
        sums *= torch.exp((lower - smallest) * factors.unsqueeze(1))
        sums += (parts * torch.exp((lower - lowest).unsqueeze(1) * factors.view(1, -1, 1))).sum(0)
        smallest = lower
    return sums, smallest, slots.pairs()


class _Slots:
    """Room for the pairs of every point, and how many have been found."""

    def __init__(self, n: int, most: int, device: torch.device) -> None:
        self.counts = torch.zeros(n, dtype=torch.int32, device=device)
        self.columns = torch.empty(n, most, dtype=torch.int32, device=device)
        self.depths = torch.empty(n, most, dtype=torch.float32, device=device)

    def pairs(self) -> Pairs:
        """The pairs of all points that have no more than there is room for."""
        most = self.columns.shape[1]
        counts = self.counts.where(self.counts <= most, 0)
        rows, slots = (torch.arange(most, device=counts.device) < counts.unsqueeze(1)).nonzero(as_tuple=True)
        return Pairs(rows, self.columns[rows, slots].long(), self.depths[rows, slots].double())


def _launch(
    points: torch.Tensor,
    centres: torch.Tensor,
    norms: torch.Tensor,
    factors: torch.Tensor,
    window: torch.Tensor,
    slots: _Slots,
    first_column: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the kernel: min t, float64 `[splits, n]`, and kernel sums relative to it, float64 `[splits, k, n]`."""
    (n, d), m, k = points.shape, len(centres), len(factors)
    row_blocks = triton.cdiv(n, _BLOCK_POINTS)
    wanted = triton.cdiv(_PROGRAMS_PER_PROCESSOR * _processors(points.device), row_blocks)
    columns_per_split = triton.cdiv(triton.cdiv(m, wanted), _BLOCK_CENTRES) * _BLOCK_CENTRES
    splits = triton.cdiv(m, columns_per_split)
    smallest = torch.empty(splits, n, device=points.device)
    sums = torch.empty(splits, k, n, device=points.device)
    _kernel[(row_blocks, splits)](
        points,
        centres,
        norms,
        (factors * _LOG2_E).float(),
        window.float(),
        smallest,
        sums,
        slots.counts,
        slots.columns,
        slots.depths,
        n,
        m,
        d,
        first_column,
        columns_per_split,
        slots.columns.shape[1],
        K=k,
        K_PADDED=triton.next_power_of_2(k),
        BLOCK_POINTS=_BLOCK_POINTS,
        BLOCK_CENTRES=_BLOCK_CENTRES,
        BLOCK_DIMENSIONS=_BLOCK_DIMENSIONS,
        num_warps=_WARPS,
    )
    return smallest.double(), sums.double()


def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
