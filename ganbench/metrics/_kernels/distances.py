"""Squared distances by matrix products, tile by tile, with a bound on their rounding error.

With an origin m near the mean of the reference, a = x - m and c = r - m, the squared distance of a query x to a
reference point r is

    ||x - r||^2 = ||a||^2 + t,    t = ||c||^2 - 2 a.c

t is one matrix product. Centring matters: it makes ||a|| ||c||, to which the rounding error is proportional, several
times smaller; any point near the mean serves. ||a||^2 is the same for all reference points, so it is added at the end,
in float64.

Reference points are centred once for a *band* of queries and multiplied with one *tile* of it after the other, so that
a tile stays in the processor's cache while it is worked on. The minima of *groups* of columns tell cheaply where a tile
has anything near.

Where the processor multiplies bfloat16, whoever needs but candidates may have the same tiles in that precision, in half
the time. There ||c||^2 rides on the product as two more coordinates, for its bulk and the rest, against ones.

In float32 the error of t stays below `ERROR_UNITS` * 2^-24 * max||c|| (||a|| + max||c||), a margin of two over the
largest error that we saw in 7 million products of MNIST images, faces and uniform noise at d = 784 and 2304. Whoever
uses these tiles recomputes what matters in float64 and checks the rest against `error_bound`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ganbench.errors import UsageError
from ganbench.runtime.matmul import affine

__all__ = [
    "DEFAULT_MEMORY",
    "ERROR_UNITS",
    "GROUP",
    "Centred",
    "NearPairs",
    "Pairs",
    "Points",
    "Reference",
    "as_points",
]

Points = torch.Tensor | np.ndarray
"""`[n, d]` numbers, or `[n, ...]`, which are flattened."""

NUMBERS_OF = "ba6a211d28275c082d6b0d9ceade711e010eb67e8c7a17b3b4d29a4bec57a273"

DEFAULT_MEMORY = 256 * 2**20
"""Bytes of working memory beyond the inputs that a metric may use unless told otherwise."""

ERROR_UNITS = 32.0
GROUP = 32
"""Columns in a group."""

_TILE_ROWS, _TILE_COLUMNS = 1024, 1024
_TILE_ROWS_ON_GPU = 4096  # few launches
_ENOUGH_FOR_A_MEAN = 500
_LARGEST_FLOAT32 = 1e18  # products of two numbers up to this do not overflow
_LARGEST_BFLOAT16 = 2.0**40
_TINY = {torch.float64: 2.0**-1000, torch.float32: 2.0**-100, torch.bfloat16: 2.0**-70}
"""More than a product can lose by underflow; the units for bfloat16 take operands below 2^-126 for 0."""


def as_points(values: Points, role: str) -> torch.Tensor:
    """View `[n, ...]` numbers as `[n, d]` floating-point rows, without copying where that is possible.

    Raises:
        UsageError: There are no rows or no columns, a value is not finite, or the square of one overflows.
    """
    tensor = values if isinstance(values, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(values))
    if not tensor.is_floating_point():
        tensor = tensor.double()
    if tensor.dim() < 2 or tensor.numel() == 0:
        raise UsageError(f"{role} must have shape [n, d] with n, d >= 1; got {list(tensor.shape)}.")
    tensor = tensor.detach().flatten(1)
    largest = max(abs(float(bound)) for bound in tensor.aminmax())
    if not math.isfinite(largest * largest * tensor.shape[1]):  # aminmax hands NaN on
        raise UsageError(f"{role} has values that are not finite (NaN or infinity), or too large to be squared.")
    return tensor


@dataclass(frozen=True)
class Centred:
    """Points less an origin, as the operand of matrix products.

    Attributes:
        values: `[n, d]`.
        squared_norms: Of the differences before they were rounded, float64 `[n]`.
        roundings: The norms of what rounding to bfloat16 took from them, float64 `[n]`; None in other precisions.
    """

    values: torch.Tensor
    squared_norms: torch.Tensor
    roundings: torch.Tensor | None = None

    @classmethod
    def about(cls, origin: torch.Tensor, points: torch.Tensor, dtype: torch.dtype, rows: int) -> Centred:
        """Subtract `origin` and round to `dtype`, `rows` rows at a time; before it is rounded the difference is exact.

        Not so for bfloat16, for which float32 is as good as exact; `Reference.error_bound` allows for it.
        """
        values = torch.empty(points.shape, dtype=dtype, device=points.device)
        squared_norms = torch.empty(len(points), dtype=torch.float64, device=points.device)
        if dtype is torch.bfloat16:
            roundings = torch.empty_like(squared_norms)
            for start in range(0, len(points), 2 * rows):
                part = slice(start, start + 2 * rows)
                difference = torch.sub(points[part], origin).float()
                values[part] = difference
                squared_norms[part] = torch.linalg.vector_norm(difference, dim=1).double().square_()
                roundings[part] = torch.linalg.vector_norm(difference.sub_(values[part]), dim=1)
            return cls(values, squared_norms, roundings)
        differences = origin.new_empty(min(rows, len(points)), points.shape[1])  # memory anew every time takes longer
        for start in range(0, len(points), rows):
            part = slice(start, start + rows)
            difference = differences[: len(points[part])].copy_(points[part]).sub_(origin)
            values[part] = difference
            torch.sum(difference.square_(), 1, out=squared_norms[part])
        return cls(values, squared_norms)

    def __len__(self) -> int:
        return len(self.values)


def _rows_in_cache(points: torch.Tensor, max_memory: int) -> int:
    """Rows whose float64 copy stays in a processor's cache, or is large enough to keep a GPU busy."""
    numbers = min(2 ** (16 if points.device.type == "cpu" else 23), max_memory // 128)
    return max(1, numbers // points.shape[1])


def _with_norms(right: torch.Tensor, squared_norms: torch.Tensor) -> torch.Tensor:
    """A bfloat16 operand `[m, d]` and float64 numbers `[m]` as two more coordinates, their bulk and the rest."""
    bulk = squared_norms.to(right.dtype)
    rest = (squared_norms - bulk).nan_to_num_(0).to(right.dtype)  # infinity less infinity
    return torch.cat((right, bulk.unsqueeze(1), rest.unsqueeze(1)), dim=1)


@dataclass(frozen=True)
class Pairs:
    """Some pairs of a query and a reference point: row, column and t (float64) of each."""

    rows: torch.Tensor
    columns: torch.Tensor
    t: torch.Tensor

    def where(self, keep: torch.Tensor) -> Pairs:
        """Those pairs for which `keep` is true."""
        return Pairs(self.rows[keep], self.columns[keep], self.t[keep])


class NearPairs:
    """Collects, tile by tile, the pairs whose t is within a limit, for the queries that do not have too many.

    Args:
        crowded: bool `[n]`, queries for which nothing is collected; those that come to have too many join them.
        most: Pairs a query may have.
    """

    def __init__(self, crowded: torch.Tensor, most: int) -> None:
        self.crowded = crowded
        self._most, self._counts = most, torch.zeros_like(crowded, dtype=torch.int64)
        none = torch.empty(0, dtype=torch.int64, device=crowded.device)
        self._parts = [Pairs(none, none, none.double())]

    def collect(self, t: torch.Tensor, minima: torch.Tensor, limit: torch.Tensor, rows: slice, column: int) -> None:
        """Find the pairs of a tile by way of the groups that have any.

        Args:
            t: `[n, width]`, width a multiple of `GROUP`.
            minima: `[n, width / GROUP]`, the minima of its groups.
            limit: `[n]`.
            rows: The tile's rows.
            column: Number of its first column.
        """
        limit = limit.clamp(max=torch.finfo(t.dtype).max).unsqueeze(1)  # what fills the last group is infinite
        near = minima <= limit
        here = near.sum(1)  # at least: each group has one
        if 4 * int(here.sum()) > near.numel():
            here = (t <= limit).sum(1)
        self.crowded[rows] |= self._counts[rows] + here > self._most
        which, groups = near.logical_and_(~self.crowded[rows].unsqueeze(1)).nonzero(as_tuple=True)
        values = t.view(-1, GROUP).index_select(0, which * near.shape[1] + groups)
        group, inside = (values <= limit[which]).nonzero(as_tuple=True)
        columns = groups[group] * GROUP + inside + column
        found = Pairs(which[group] + rows.start, columns, values[group, inside].double())
        self._counts.index_add_(0, found.rows, torch.ones_like(found.rows))
        self.crowded[rows] |= self._counts[rows] > self._most
        self._parts.append(found.where(~self.crowded[found.rows]))

    def pairs(self) -> Pairs:
        """The pairs of all queries that are not crowded."""
        joined = Pairs(*(torch.cat([getattr(p, name) for p in self._parts]) for name in ("rows", "columns", "t")))
        return joined.where(~self.crowded[joined.rows])


@dataclass(frozen=True)
class Reference:
    """The reference points of a distance computation and what is known of them before the first product."""

    points: torch.Tensor
    origin: torch.Tensor
    largest_norm: float
    max_memory: int
    hidden: torch.Tensor | None = None
    """bool `[m]`: points that count as infinitely far."""

    @classmethod
    def prepare(cls, points: torch.Tensor, max_memory: int) -> Reference:
        """Find an origin, the mean of some thousand points, and no less than the largest norm about it.

        Raises:
            UsageError: The memory is less than 1 MiB.
        """
        if max_memory < 2**20:
            raise UsageError(f"max_memory must be at least 1 MiB (1048576 bytes); got {max_memory}.")
        some = points[:: -(-len(points) // _ENOUGH_FOR_A_MEAN)]
        origin = some.mean(0, dtype=torch.float64).to(points.dtype)
        blocks = points.split(_rows_in_cache(points, max_memory))
        # in the precision of the points a difference is off by 2^-8 of itself at most, their norm by as much
        largest = torch.stack([torch.linalg.vector_norm(torch.sub(block, origin), dim=1).amax() for block in blocks])
        return cls(points, origin.double(), 1.01 * float(largest.double().amax()), max_memory)

    @property
    def m(self) -> int:
        """How many there are."""
        return len(self.points)

    def bands(self, rows: torch.Tensor, bytes_each: int, threads: int = 1) -> tuple[torch.Tensor, ...]:
        """Cut rows into bands that take at most a quarter of the memory, with `bytes_each` for every row.

        They are as equal as can be, and as many for each of the threads.
        """
        at_once = max(1, self.max_memory // (4 * bytes_each))
        bands = threads * -(-len(rows) // (threads * at_once))
        return rows.split(-(-len(rows) // bands)) if bands else ()

    def centred(self, queries: torch.Tensor, dtype: torch.dtype) -> Centred:
        """Queries, or reference points, `[n, d]` less the origin."""
        origin = self.origin
        if dtype is torch.bfloat16:  # float32 holds the origin of float32 points
            origin = origin.to(torch.promote_types(self.points.dtype, torch.float32))
        return Centred.about(origin, queries, dtype, _rows_in_cache(self.points, self.max_memory))

    def error_bound(self, queries: Centred) -> torch.Tensor:
        """A bound on the error of t for each centred query, infinite where it may overflow: float64 `[n]`.

        In bfloat16 it is that of t before it is itself rounded to bfloat16.
        """
        norm = queries.squared_norms.sqrt()
        if queries.values.dtype is torch.float64:
            return ERROR_UNITS * 2.0**-53 * self.largest_norm * (norm + self.largest_norm) + _TINY[torch.float64]
        units = ERROR_UNITS
        if (
            queries.roundings is not None
        ):  # differences and their norms, sums of d squares, are off by float32's rounding
            units += 8 + 2 * queries.values.shape[1]
        bound = units * 2.0**-24 * self.largest_norm * (norm + self.largest_norm) + _TINY[queries.values.dtype]
        if queries.roundings is None:
            return bound.where(norm + self.largest_norm < _LARGEST_FLOAT32, math.inf)
        lost = self._largest_rounding
        bound += 2 * (queries.roundings * (self.largest_norm + lost) + norm * lost)  # Cauchy-Schwarz
        bound += 2.0**-16 * self.largest_norm**2  # the rest of ||c||^2, rounded
        return bound.where(norm + self.largest_norm < _LARGEST_BFLOAT16, math.inf)

    @cached_property
    def _largest_rounding(self) -> float:
        """The largest norm of what rounding to bfloat16 takes from a centred reference point."""
        roundings = [
            self.centred(block, torch.bfloat16).roundings.amax()  # type: ignore[union-attr]
            for block in self.points.split(_rows_in_cache(self.points, self.max_memory))
        ]
        return float(torch.stack(roundings).amax())

    def tiles(self, queries: Centred, most_rows: int | None = None) -> Iterator[tuple[slice, int, torch.Tensor]]:
        """Yield (rows, number of the first column, t `[rows, columns]`); a tile may be changed in place.

        The number of columns is a multiple of `GROUP`; columns beyond the reference have t = infinity. bfloat16
        products come as float32. A tile has no more rows than `most_rows`, where that is given.
        """
        n, d = queries.values.shape
        rows, columns = self._tile_shape(min(n, most_rows or n), d)
        coarse = queries.values.dtype is torch.bfloat16
        left = torch.nn.functional.pad(queries.values, (0, 2), value=1) if coarse else queries.values
        for first in range(0, self.points.shape[0], columns):
            right, norms = self._right_operand(first, columns, queries.values.dtype)
            for start in range(0, len(queries), rows):
                part = slice(start, min(start + rows, len(queries)))
                yield part, first, affine(left[part], right).float() if coarse else affine(left[part], right, norms)

    def tiles_by_differences(self, queries: Centred) -> Iterator[tuple[slice, int, torch.Tensor]]:
        """The same with squared distances in place of t, by differences: exact, and many times slower."""
        rows, columns = self._tile_shape(*queries.values.shape)
        for first in range(0, self.points.shape[0], columns):
            block = self.centred(self.points[first : first + columns], queries.values.dtype).values
            for start in range(0, len(queries), rows):
                part = slice(start, min(start + rows, len(queries)))
                distances = torch.cdist(queries.values[part], block, compute_mode="donot_use_mm_for_euclid_dist")
                yield (
                    part,
                    first,
                    torch.nn.functional.pad(distances.square_(), (0, -len(block) % GROUP), value=math.inf),
                )

    def right_operands(self, dtype: torch.dtype) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
        """The reference in few large blocks: first column, -2 c `[columns, d]` and ||c||^2 `[columns]` of each."""
        columns = max(1, self.max_memory // (16 * self.points.shape[1] * GROUP)) * GROUP
        for first in range(0, self.points.shape[0], columns):
            yield first, *self._right_operand(first, columns, dtype)

    def _right_operand(self, first: int, columns: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """-2 c `[columns, d]` and ||c||^2 `[columns]` of a block of reference points, filled up to whole groups.

        In bfloat16 -2 c is `[columns, d + 2]`, with ||c||^2.
        """
        block = self.centred(self.points[first : first + columns], dtype)
        right, norms, padding = block.values.mul_(-2), block.squared_norms, -len(block) % GROUP
        if self.hidden is not None:
            norms = norms.masked_fill(self.hidden[first : first + columns], math.inf)
        if padding:
            right = torch.nn.functional.pad(right, (0, 0, 0, padding))
            norms = torch.nn.functional.pad(norms, (0, padding), value=math.inf)
        return (_with_norms(right, norms) if dtype is torch.bfloat16 else right), norms.to(dtype)

    def _tile_shape(self, n: int, d: int) -> tuple[int, int]:
        """Rows and columns of a tile: 40 bytes a pair and 32 d a column take at most half of the memory.

        Tiles as square as that allows are the fewest, and what is done once a tile is soon more than the product.
        """
        memory = self.max_memory // 2
        rows = min(n, _TILE_ROWS if self.points.device.type == "cpu" else _TILE_ROWS_ON_GPU)
        columns = _TILE_COLUMNS
        while 40 * rows * columns + 32 * d * columns > memory and (rows > 1 or columns > GROUP):
            fewer_columns = 64 * d * columns > memory or columns > rows
            rows, columns = (rows, columns // 2) if fewer_columns and columns > GROUP else (max(1, rows // 2), columns)
        return rows, max(columns, GROUP)

    def exact_squared_distances(self, queries: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """Squared distances of pairs, by differences in float64: `[pairs]`."""
        at_once = max(1, _rows_in_cache(queries, self.max_memory) // 2)
        parts = [
            queries.index_select(0, rows).double().sub_(self.points.index_select(0, columns)).square_().sum(1)
            for rows, columns in zip(pairs.rows.split(at_once), pairs.columns.split(at_once), strict=True)
        ]
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64, device=queries.device)
