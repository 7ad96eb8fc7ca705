"""Parzen kernel sums on a processor in one pass over a tile, compiled by numba.

It follows the streaming of `ganbench.metrics._kernels.parzen` over tiles. A row of a tile, which the processor's first
cache holds, is read once for the minima of its groups of columns and then, for every bandwidth, only where a group has
a pair within reach. torch takes a pass through memory for each of minimum, difference, product, clamp, power and sum.

Numbers are taken sixteen at a time, as vectors of LLVM, which become whatever registers the processor has. Left to
itself LLVM would take half of the width of AVX-512 for loops over single numbers, and for minima and sums need the
permission to forget NaN and to add in any order. So the order of all additions is written down, and rounding bounded.

Errors, with u = 2^-24, relative to a kernel sum, beside those of t:

- Exponents: the difference, the rate and their product are rounded, so an exponent of y nats is off by 3 u y. Of m
  kernels with weights exp(-y) and the smallest y at 0, the weighted mean of y is at most log m (it is the entropy of
  the weights less the logarithm of their sum, which is at least 0): 3 u log m.
- Powers of 2: 2^x = 2^i 2^f, i the nearest whole number, and 2^f = 1 + f q(f), so that whole powers are exact. q is the
  polynomial of degree 4 through the values of g(f) = (2^f - 1) / f at the Chebyshev points of [-1/2, 1/2]. As g is the
  integral of log(2) 2^(f s) over s in [0, 1], its fifth derivative is at most (log 2)^6 sqrt(2) / 6, and the remainder
  of interpolation (Trefethen, *Approximation Theory and Approximation Practice*, 2013) that over 5! 2^4 2^5. 2^f is
  off by half of this, 2.13e-7, or relative to itself 3.01e-7 < 6 u. Coefficients and Horner's scheme round to another
  4 u at most: 10 u together.
- Sums: a kernel takes part in at most one addition a group and 5 more, in float32, and then in float64: 37 u for tiles
  of 1024 columns.

All in all (47 + 3 log m) u, for which `_by_float32` of `ganbench.metrics._kernels.parzen` allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import exprel

from ganbench.metrics._kernels.distances import GROUP, Centred, NearPairs, Pairs, Reference

__all__ = ["compiled_kernel_sums"]

NUMBERS_OF = ""  # those of `parzen`, another way

_LANES = 16
_FEW_DIMENSIONS = 128
_ROWS_OF_FEW, _ROWS = 256, 512  # of a tile: half of a core's second cache, or all of it for the sake of the product

_FLOATS, _INTEGERS = (ir.VectorType(kind, _LANES) for kind in (ir.FloatType(), ir.IntType(32)))
_LOG_2, _LOG2_E = math.log(2), math.log2(math.e)
_QUOTIENT = Chebyshev.interpolate(lambda f: _LOG_2 * exprel(_LOG_2 * f), 4, [-0.5, 0.5])  # exprel(x) = (e^x - 1) / x
_COEFFICIENTS = (1.0, *_QUOTIENT.convert(kind=Polynomial).coef)  # of 2^f
_ROUNDER = 1.5 * 2.0**23  # x plus this is x rounded to a whole number, in the lowest bits
_MANTISSA_BITS = 23


class _Lanes(types.Type):
    """Sixteen float32 numbers."""

    def __init__(self):
        super().__init__(name=f"float32 x {_LANES}")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, _FLOATS)


_lanes = _Lanes()


def _constant(value, kind=_FLOATS):
    return ir.Constant(kind, [value] * _LANES)


@intrinsic
def _load(context, array, row, column):
    """The numbers of a row from a column on."""

    def generate(context, builder, signature, arguments):
        kind = signature.args[0]
        array = context.make_array(kind)(context, builder, arguments[0])
        pointer = cgutils.get_item_pointer(context, builder, kind, array, arguments[1:])
        return builder.load(builder.bitcast(pointer, _FLOATS.as_pointer()), align=4)

    return _lanes(array, types.intp, types.intp), generate


@intrinsic
def _spread(context, value):
    """The same number in all lanes."""

    def generate(context, builder, signature, arguments):
        first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), arguments[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, ir.Constant(_FLOATS, ir.Undefined), _constant(0, _INTEGERS))

    return _lanes(types.float32), generate


@intrinsic
def _add(context, left, right):
    return _lanes(_lanes, _lanes), lambda context, builder, signature, arguments: builder.fadd(*arguments)


def _choose(builder, comparison, left, right):
    """`left` where it compares so with `right`, which is taken where either is NaN."""
    return builder.select(builder.fcmp_ordered(comparison, left, right), left, right)


@intrinsic
def _smaller(context, left, right):
    return _lanes(_lanes, _lanes), lambda context, builder, signature, arguments: _choose(builder, "<", *arguments)


def _folded(builder, vector, operation):
    """All lanes by an operation, in a tree: the upper half of them upon the lower, and so on."""
    half = _LANES // 2
    while half:
        places = ir.Constant(_INTEGERS, [(lane + half) % _LANES for lane in range(_LANES)])
        vector = operation(vector, builder.shuffle_vector(vector, ir.Constant(_FLOATS, ir.Undefined), places))
        half //= 2
    return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


@intrinsic
def _total(context, vector):
    return types.float32(_lanes), lambda context, builder, signature, arguments: _folded(
        builder, arguments[0], builder.fadd
    )


@intrinsic
def _smallest(context, vector):
    return types.float32(_lanes), lambda context, builder, signature, arguments: _folded(
        builder, arguments[0], lambda left, right: _choose(builder, "<", left, right)
    )


@intrinsic
def _kernels(context, t, lower, rate, deepest):
    """2^x with x = (t - lower) · rate, raised to `deepest`; -125 <= `deepest`, x <= 0."""

    def generate(context, builder, signature, arguments):
        t, lower, rate, deepest = arguments
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        multiply_add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{_LANES}f32")
        x = _choose(builder, ">", builder.fmul(builder.fsub(t, lower), rate), deepest)
        rounded = builder.fadd(x, _constant(_ROUNDER))
        fraction = builder.fsub(x, builder.fsub(rounded, _constant(_ROUNDER)))
        power = _constant(np.float32(_COEFFICIENTS[-1]))
        for coefficient in _COEFFICIENTS[-2::-1]:
            power = builder.call(multiply_add, [power, fraction, _constant(np.float32(coefficient))])
        whole = builder.shl(builder.bitcast(rounded, _INTEGERS), _constant(_MANTISSA_BITS, _INTEGERS))
        return builder.bitcast(builder.add(builder.bitcast(power, _INTEGERS), whole), _FLOATS)  # whole + its exponent

    return _lanes(_lanes, _lanes, _lanes, _lanes), generate


_SIGNATURE = types.void(
    types.float32[:, ::1],
    types.float32[::1],
    types.float64[:, ::1],
    types.float32[:, ::1],
    types.float64[::1],
    types.float64[::1],
    types.float32[::1],
    types.float32,
)


@numba.njit
def _take_minima(t, i, width, minima):
    """Write the minima of a row's groups, and return the least of them."""
    lowest = np.float32(np.inf)
    for group in range(minima.shape[1]):
        vector = _load(t, i, group * width)
        for j in range(group * width + _LANES, (group + 1) * width, _LANES):
            vector = _smaller(vector, _load(t, i, j))
        minima[i, group] = _smallest(vector)
        lowest = min(lowest, minima[i, group])
    return lowest


@numba.njit
def _within(limit, minima, i, near, left):
    """Keep those of the first `left` groups of a row that have a pair within the limit; returns how many."""
    kept = 0
    for place in range(left):
        near[kept] = near[place]
        kept += minima[i, near[place]] <= limit
    return kept


@numba.njit
def _sum_groups(t, i, width, near, left, lower, rate, bottom):
    """The kernels of the first `left` groups of a row."""
    even = odd = _spread(np.float32(0))
    for place in range(left):
        first = near[place] * width
        for j in range(first, first + width, 2 * _LANES):
            even = _add(even, _kernels(_load(t, i, j), lower, rate, bottom))
            odd = _add(odd, _kernels(_load(t, i, j + _LANES), lower, rate, bottom))
    return np.float64(_total(_add(even, odd)))


def _sum_rows(t, smallest, sums, minima, factors, reach, rates, deepest):
    """Add a tile to the kernel sums of its rows.

    Args:
        t: `[n, width]`, the width a multiple of 32 times the number of groups, and at most 1024.
        smallest: `[n]`, the smallest t so far; changed.
        sums: `[n, k]`, relative to it; changed.
        minima: `[n, groups]`, of groups of columns; written.
        factors: `[k]`, 1 / (2 s^2), ascending.
        reach: `[k]`, how far above the smallest t pairs may not be left out.
        rates: `[k]`, -log2(e) times the factors.
        deepest: The power of 2 below which no kernel is taken.
    """
    near = np.empty(minima.shape[1], np.intp)
    width = t.shape[1] // len(near)
    bottom = _spread(deepest)
    for i in range(len(t)):
        before = smallest[i]
        lowest = min(before, _take_minima(t, i, width, minima))
        smallest[i] = lowest
        for group in range(len(near)):
            near[group] = group
        left = len(near)
        for k in range(len(rates)):
            left = _within(np.float64(lowest) + reach[k], minima, i, near, left)
            if lowest < before:
                sums[i, k] *= math.exp((np.float64(lowest) - np.float64(before)) * factors[k])
            sums[i, k] += _sum_groups(t, i, width, near, left, _spread(lowest), _spread(rates[k]), bottom)


@cache
def _compiled() -> Callable[..., None]:
    """The function above, from the folder where numba keeps it, or compiled anew, which takes some seconds."""
    try:
        return numba.njit(_SIGNATURE, nogil=True, cache=True)(_sum_rows)
    except (RuntimeError, OSError):  # numba may write nowhere, or there is no room
        return numba.njit(_SIGNATURE, nogil=True)(_sum_rows)


def compiled_kernel_sums(
    queries: Centred,
    reference: Reference,
    bandwidths: torch.Tensor,
    window: torch.Tensor,
    most: int,
    deepest: tuple[float, float],
) -> tuple[torch.Tensor, torch.Tensor, Pairs]:
    """What `ganbench.metrics._kernels.parzen` says of its `_kernel_sums`, for float32 points on a processor.

    Args:
        queries: n centred points, float32.
        reference: The centres.
        bandwidths: `[k]`.
        window: float64 `[n]`, how far above its smallest t a pair is kept; below 0 for none.
        most: Pairs that are kept for a point; of one with more, none are.
        deepest: The exponents beyond which pairs may be left out, and beyond which no kernel is taken, in nats.
    """
    widest_first = bandwidths.argsort(descending=True)
    factors = 0.5 / bandwidths[widest_first].square()
    reach, rates = deepest[0] / factors, (-_LOG2_E * factors).float()
    settings = factors.numpy(), reach.numpy(), rates.numpy(), np.float32(-_LOG2_E * deepest[1])
    sums = torch.zeros(len(queries), len(bandwidths), dtype=torch.float64)
    smallest = torch.full((len(queries),), math.inf)
    some_kept = bool((window >= 0).any())
    kept = NearPairs(torch.zeros(len(queries), dtype=torch.bool), most)
    add, most_rows = _compiled(), _ROWS if queries.values.shape[1] > _FEW_DIMENSIONS else _ROWS_OF_FEW
    for rows, first, t in reference.tiles(queries, most_rows):
        minima = torch.empty(len(t), t.shape[1] // GROUP)
        add(t.contiguous().numpy(), smallest[rows].numpy(), sums[rows].numpy(), minima.numpy(), *settings)
        if some_kept:
            kept.collect(t, minima, (smallest[rows] + window[rows]).float(), rows, first)
        del t  # so that the next one has its memory, which is in the cache
    result = torch.empty(len(bandwidths), len(queries), dtype=torch.float64)
    result[widest_first] = sums.T
    return result, smallest.double(), kept.pairs()
