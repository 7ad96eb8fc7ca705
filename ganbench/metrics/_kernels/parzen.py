"""Gaussian kernel sums: the log density of points under kernels at every centre.

    log p(x) = log (1/m) sum_j exp(-||x - mu_j||^2 / (2 s^2)) - (d/2) log(2 pi s^2)

`ganbench.metrics.parzen` says where it comes from and what it is worth.

Three passes, each for the points that the last left in doubt; none is off by more than the tolerance:

1. bfloat16 products, where the processor has units for them, find the few centres whose kernels can matter; their exact
   distances are summed, the rest dropped. For sharp kernels: broad ones, or data without structure, leave too many.
2. float32 products of all pairs; the kernels that carry a density are recomputed by exact distances.
3. float64 products, or differences.
"""

from __future__ import annotations

import importlib.util
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch

from ganbench.errors import UsageError
from ganbench.metrics._kernels.candidates import candidates
from ganbench.metrics._kernels.distances import (
    DEFAULT_MEMORY,
    GROUP,
    Centred,
    NearPairs,
    Pairs,
    Points,
    Reference,
    as_points,
)
from ganbench.metrics._kernels.threads import side_by_side
from ganbench.runtime.matmul import full_precision, has_bfloat16_units

__all__ = ["as_bandwidths", "check_dimensions", "deepest_exponent", "parzen_log_density"]

NUMBERS_OF = "98e67ad6a61f66002d083e29548795cc33b758e50dde49e53389ae580567d876"  # within twice the tolerance

_TOLERANCE = 5e-4  # nats; a float32 row whose remaining error may be larger is computed in float64
_BELOW_FLOAT32 = 1e-5  # nats; for less no float32 product need be tried
_MAX_PAIRS = 128  # pairs of a point that are recomputed; one with more of them is computed in float64
_MANY_DIMENSIONS = 256  # with fewer the products are not what takes the time
_WORTH_A_PAIR = 160  # bfloat16 products in place of float32 that save as much time as an exact distance takes
_BEARABLE = 0.5  # share of points in doubt after bfloat16 products with which it is still worth to go on
_LOG2_E = math.log2(math.e)
_LEFT_OUT = 2.0**-8  # of the tolerance, by small kernels that are not evaluated
_WORTH_COMPILING = 2**26  # kernels; for fewer, loading numba takes several times as long as a call saves
_ROWS_OF_A_THREAD = 64  # at least; to start one costs more
_MEMORY_OF_A_THREAD = 2**24  # at least; its tiles would be too small
_FEWER = 0.4  # with a smaller share of groups in reach, picking them out costs less than their exponentials

_Pass = Callable[[torch.Tensor, Reference, torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]]
"""From points, centres, bandwidths and tolerance to the log kernel sums and which points they may be wrong for."""


@full_precision()
def parzen_log_density(
    points: Points,
    centres: Points,
    bandwidth: float | Sequence[float] | np.ndarray | torch.Tensor,
    *,
    max_memory: int = DEFAULT_MEMORY,
    tolerance: float = _TOLERANCE,
) -> torch.Tensor:
    """Log density of points under an isotropic Gaussian kernel at every centre, in nats.

    Computed by bfloat16 or float32 matrix products; the kernels that carry a point's density are recomputed in float64,
    and a point whose remaining error could exceed the tolerance is computed in float64 altogether.

    Args:
        points: `[n, d]` (or `[n, ...]`, flattened) points to be judged, tensor or array.
        centres: `[m, d]` kernel centres: the samples.
        bandwidth: The kernel's standard deviation s > 0; a sequence of k of them shares the distances.
        max_memory: Bytes of working memory beyond the inputs and the result.
        tolerance: The largest error of a log density that is accepted, in nats.

    Returns:
        float64 `[n]`; `[k, n]` for a sequence of bandwidths; on the device of `points`.

    Raises:
        UsageError: Empty, non-finite or mismatched inputs, or a bandwidth that is not positive and finite.

    >>> round(float(parzen_log_density(np.zeros((1, 784)), np.zeros((1, 784)), 0.2)), 4)
    541.3515
    """
    x = as_points(points, "points")
    reference = as_points(centres, "centres").to(x.device)
    check_dimensions(x, reference)
    bandwidths, single = as_bandwidths(bandwidth, x.device)
    d = x.shape[1]
    prepared = Reference.prepare(reference, max_memory)
    result = _log_mean_kernel(x, prepared, bandwidths, tolerance)
    result -= 0.5 * d * torch.log(2 * math.pi * bandwidths**2).unsqueeze(1)
    return result[0] if single else result


def check_dimensions(points: torch.Tensor, centres: torch.Tensor) -> None:
    """Refuse points and centres of different dimensions.

    Raises:
        UsageError: They are.
    """
    d, of_centres = points.shape[1], centres.shape[1]
    if d != of_centres:
        raise UsageError(f"points have {d} dimensions and centres {of_centres}; they must agree.")


def as_bandwidths(
    bandwidth: float | Sequence[float] | np.ndarray | torch.Tensor, device: torch.device
) -> tuple[torch.Tensor, bool]:
    """Bandwidths as float64 `[k]`, and whether it was a single one.

    Raises:
        UsageError: One is not positive and finite, or there is none.
    """
    values = torch.as_tensor(bandwidth, dtype=torch.float64, device=device)
    single = values.dim() == 0
    values = values.reshape(-1)
    if len(values) == 0 or not bool((torch.isfinite(values) & (values > 0)).all()):
        raise UsageError(f"A bandwidth must be a positive finite number (or several); got {bandwidth!r}.")
    return values, single


def _log_mean_kernel(
    points: torch.Tensor, reference: Reference, bandwidths: torch.Tensor, tolerance: float
) -> torch.Tensor:
    """The logarithm of (1/m) sum_j exp(-||x - mu_j||^2 / (2 s^2)): float64 `[k, n]`."""
    n = len(points)
    result = torch.empty(len(bandwidths), n, dtype=torch.float64, device=points.device)

    def fill(rows: torch.Tensor, by: _Pass, share: Reference) -> torch.Tensor:
        # all points need no copy
        of_rows = points[rows] if len(left) < n else points[int(rows[0]) : int(rows[0]) + len(rows)]
        result[:, rows], in_doubt = by(of_rows, share, bandwidths, tolerance)
        return rows[in_doubt]

    left = torch.arange(n, device=points.device)
    for by, bytes_each, most in _passes(points, reference, bandwidths, tolerance):
        threads = max(1, min(most, len(left) // _ROWS_OF_A_THREAD))
        share = replace(reference, max_memory=reference.max_memory // threads)
        bands = share.bands(left, bytes_each, threads)
        left = torch.cat([left[:0], *side_by_side(partial(fill, by=by, share=share), bands, threads)])
    return result - math.log(reference.m)


def _passes(
    points: torch.Tensor, reference: Reference, bandwidths: torch.Tensor, tolerance: float
) -> Iterator[tuple[_Pass, int, int]]:
    """Ways to the log kernel sums, each for the points that the last left in doubt.

    With each the bytes that a point takes, and the threads it is worth.
    """
    k, d = len(bandwidths), points.shape[1]
    worth_it = reference.m >= 8 * _WORTH_A_PAIR and d >= _MANY_DIMENSIONS and has_bfloat16_units(points.device)
    much = points.device.type == "cpu" and len(points) * reference.m * k >= _WORTH_COMPILING
    threads = min(torch.get_num_threads(), reference.max_memory // _MEMORY_OF_A_THREAD) if much else 1
    if tolerance >= _BELOW_FLOAT32:
        if worth_it:
            yield _by_bfloat16, 4 * d + 96 * k + 48 * _MAX_PAIRS, threads
        yield partial(_by_float32, compiled=much), 12 * d + 96 * (k + _MAX_PAIRS), threads
    yield _by_float64, 24 * d + 48 * k, 1  # its products, by MKL, are of all threads


def _by_bfloat16(
    points: torch.Tensor, reference: Reference, bandwidths: torch.Tensor, tolerance: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The log kernel sums by the exact distances of those centres only whose kernels can matter, found by bfloat16.

    With t0 the smallest t of a point, kernels with t > t0 + 2 s^2 log(m / tolerance) are each below tolerance / m of
    the largest, and all m of them below tolerance of the sum, whose logarithm they change by less than the tolerance.
    The rest, for the largest s, are the candidates. Where they are many, their exact distances cost more than a product
    in float32: such points are left in doubt.
    """
    beyond = 2 * float(bandwidths.max()) ** 2 * math.log(reference.m / tolerance)
    queries, most = reference.centred(points, torch.bfloat16), reference.m // _WORTH_A_PAIR
    pairs, crowded = candidates(queries, reference, 1, min(most, _MAX_PAIRS), beyond=beyond, bearable=_BEARABLE)
    exact = reference.exact_squared_distances(points, pairs)
    smallest = torch.full_like(queries.squared_norms, math.inf).scatter_reduce_(0, pairs.rows, exact, "amin")
    factors = (0.5 / bandwidths.square()).unsqueeze(1)
    sums = torch.zeros(len(bandwidths), len(points), dtype=torch.float64, device=points.device)
    sums.index_add_(1, pairs.rows, torch.exp((smallest[pairs.rows] - exact) * factors))
    return torch.log(sums) - smallest * factors, crowded


def _by_float64(
    points: torch.Tensor, reference: Reference, bandwidths: torch.Tensor, tolerance: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The log kernel sums by float64 products or, where even their error may exceed the tolerance, by differences.

    None are left in doubt.
    """
    queries = reference.centred(points, torch.float64)
    tiles = reference.tiles(queries)
    if float(reference.error_bound(queries).max() / (2 * bandwidths.min().square())) > tolerance:
        queries = Centred(queries.values, torch.zeros_like(queries.squared_norms))
        tiles = reference.tiles_by_differences(queries)
    no_pairs = torch.full_like(queries.squared_norms, -1.0)
    sums, smallest, _ = _kernel_sums(queries, tiles, reference, bandwidths, no_pairs)
    return _assemble(sums, smallest, queries, bandwidths), torch.zeros_like(no_pairs, dtype=torch.bool)


def _by_float32(
    points: torch.Tensor,
    reference: Reference,
    bandwidths: torch.Tensor,
    tolerance: float,
    *,
    compiled: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The log kernel sums by float32 products, and which points they may be wrong for.

    With e the error bound of a squared distance, a kernel is off by at most u = e / (2 s^2) in the logarithm, and a sum
    of which the share r has not been recomputed by r u. Where u alone is within what is affordable, which is what small
    kernels that are left out and the rounding of sums leave of the tolerance, nothing is recomputed.
    """
    queries, left_out, rounding = reference.centred(points, torch.float32), _LEFT_OUT * tolerance, _rounding(reference)
    affordable = tolerance - left_out - rounding
    uncertainty = reference.error_bound(queries) / (2 * bandwidths.square().unsqueeze(1))
    # Kernels below exp(-3) affordable / u of the largest are left: few of them together reach affordable / u.
    depth = (torch.log(uncertainty / affordable) + 3) * 2 * bandwidths.square().unsqueeze(1)
    window = torch.where(uncertainty > affordable, depth, -1.0).amax(0)
    sums, smallest, pairs = _float32_sums(queries, reference, bandwidths, window, left_out, compiled=compiled)
    pairs = pairs.where(pairs.t <= (smallest + window)[pairs.rows])
    exact = reference.exact_squared_distances(points, pairs) - queries.squared_norms[pairs.rows]
    rest, corrected = _correct(sums, smallest, pairs, exact, bandwidths)
    error = (uncertainty * rest + rounding * sums) / corrected
    doubtful = ~((error <= tolerance - left_out) & (uncertainty < 1.0)).all(0)
    return _assemble(corrected, smallest, queries, bandwidths), doubtful


def _rounding(reference: Reference) -> float:
    """A bound on the relative error of a kernel sum by float32 exponentials and additions, beside that of t.

    `ganbench.metrics._kernels.compiled` derives it; torch's powers are off by less, and its sums of a tile's 1024
    columns take a kernel through no more additions. Those on CUDA may, with many thousands of centres.
    """
    return (47 + 3 * math.log(reference.m)) * 2.0**-24


def _float32_sums(
    queries: Centred,
    reference: Reference,
    bandwidths: torch.Tensor,
    window: torch.Tensor,
    left_out: float,
    *,
    compiled: bool,
) -> tuple[torch.Tensor, torch.Tensor, Pairs]:
    """What `_kernel_sums` returns, by the fastest way that is here."""
    device = queries.values.device.type
    if device == "cuda" and _has_triton():
        from ganbench.metrics._kernels.fused import fused_kernel_sums

        return fused_kernel_sums(queries, reference, bandwidths, window, _MAX_PAIRS)
    if device == "cpu" and compiled and _has_numba():
        from ganbench.metrics._kernels.compiled import compiled_kernel_sums

        deepest = _deepest_exponents(reference, left_out)
        return compiled_kernel_sums(queries, reference, bandwidths, window, _MAX_PAIRS, deepest)
    return _kernel_sums(queries, reference.tiles(queries), reference, bandwidths, window, left_out)


def _has_triton() -> bool:
    """Whether Triton, which torch brings along on the platforms that have it, is here."""
    return importlib.util.find_spec("triton") is not None


@cache
def _has_numba() -> bool:
    """Whether numba, an extra, can be used; one that is here but cannot be imported is warned of."""
    if importlib.util.find_spec("numba") is None or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return False
    try:
        importlib.import_module("numba")
    except ImportError as error:  # such as a numpy that is too new for it
        warnings.warn(f"numba cannot be used, and Parzen log-densities take longer: {error}", stacklevel=2)
        return False
    return True


def _correct(
    sums: torch.Tensor, smallest: torch.Tensor, pairs: Pairs, exact: torch.Tensor, bandwidths: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Take the kernels of pairs out of the sums (`rest`), and put them in again with their exact t."""
    factors, rest = (0.5 / bandwidths.square()).unsqueeze(1), sums.clone()
    rest.index_add_(1, pairs.rows, torch.exp((smallest[pairs.rows] - pairs.t) * factors), alpha=-1)
    rest.clamp_(min=0)
    return rest, rest.index_add(1, pairs.rows, torch.exp((smallest[pairs.rows] - exact) * factors))


def _assemble(sums: torch.Tensor, smallest: torch.Tensor, queries: Centred, bandwidths: torch.Tensor) -> torch.Tensor:
    return torch.log(sums) - (smallest + queries.squared_norms) / (2 * bandwidths.square().unsqueeze(1))


def _kernel_sums(
    queries: Centred,
    tiles: Iterator[tuple[slice, int, torch.Tensor]],
    reference: Reference,
    bandwidths: torch.Tensor,
    window: torch.Tensor,
    left_out: float = 2.0**-53,
) -> tuple[torch.Tensor, torch.Tensor, Pairs]:
    """Stream over the centres: kernel sums relative to the nearest centre, and the pairs near to it.

    Args:
        queries: n centred points, in the precision of the products.
        tiles: Their t.
        reference: The centres.
        bandwidths: `[k]`.
        window: `[n]`, how far above its smallest t a pair is kept; below 0 for none.
        left_out: How much of a sum may be left out.

    Returns:
        sums: float64 `[k, n]`, sum_j exp(-(t_j - min t) / (2 s^2)), at least 1 up to rounding.
        smallest: float64 `[n]`, min t.
        pairs: Pairs within the window of the smallest t so far, so some that turn out not to be; none of points with
            too many of them.
    """
    factors = 0.5 / bandwidths.square()
    deepest = _deepest_exponents(reference, left_out)
    sums = torch.zeros(len(bandwidths), len(queries), dtype=torch.float64, device=bandwidths.device)
    smallest = torch.full((len(queries),), math.inf, dtype=queries.values.dtype, device=bandwidths.device)
    some_kept = bool((window >= 0).any())
    kept = NearPairs(torch.zeros(len(queries), dtype=torch.bool, device=bandwidths.device), _MAX_PAIRS)
    for rows, first, t in tiles:
        lower = torch.minimum(smallest[rows], t.amin(1))
        if some_kept:
            kept.collect(t, _minima(t), (lower + window[rows]).to(t.dtype), rows, first)
        sums[:, rows] *= torch.exp((lower - smallest[rows]).double() * factors.unsqueeze(1))
        smallest[rows] = lower
        sums[:, rows] += _tile_sums(t, lower, factors, deepest)
    return sums, smallest.double(), kept.pairs()


def deepest_exponent(m: int, left_out: float = 2.0**-53) -> float:
    """L such that, of m kernels, those below exp(-L) times the largest make up no more than `left_out` of their sum.

    Each of those adds less than exp(-L), all of them less than m exp(-L) = left_out for L = log m - log left_out, and
    the largest alone is 1: the logarithm of the sum changes by less than left_out, which is by default half of the
    spacing of float64 above 1. The same holds for kernels that are raised to exp(-L).
    """
    return math.log(m) - math.log(left_out)


def _deepest_exponents(reference: Reference, left_out: float) -> tuple[float, float]:
    """Beyond which pairs may be left out, and beyond which, with what fills the last group, no kernel need be taken."""
    return deepest_exponent(reference.m, left_out), deepest_exponent(reference.m + GROUP)


def _minima(t: torch.Tensor) -> torch.Tensor:
    """Of groups of columns: `[n, columns / GROUP]`."""
    return t.view(len(t), -1, GROUP).amin(2)


def _tile_sums(
    t: torch.Tensor, lower: torch.Tensor, factors: torch.Tensor, deepest: tuple[float, float]
) -> torch.Tensor:
    """sum_j exp(-f (t_j - lower)) for every factor f: float64 `[k, n]`.

    Pairs with f (t_j - lower) beyond the first of `deepest` may be left out, and no exponent is beyond the second. The
    widest kernel comes first; for the next ones only those groups are left that hold any pair within its reach, where
    that makes them many fewer. `t` is changed.
    """
    values = t.sub_(lower.unsqueeze(1)).view(-1, GROUP)
    sums = torch.zeros(len(factors), len(t), dtype=torch.float64, device=t.device)
    reach, rows, depth = deepest[0] / factors, None, None  # rows of the groups that are left, and their minima
    if float((t[:, :GROUP] <= reach.min()).double().mean()) < 1 / GROUP:  # some groups will have none
        depth = _minima(t).flatten()
    for k in factors.argsort().tolist():
        if depth is not None and int((near := depth <= reach[k]).sum()) < _FEWER * len(depth):
            left = near.nonzero().squeeze(1)
            rows = left // (t.shape[1] // GROUP) if rows is None else rows[left]
            depth, values = depth[left], values.index_select(0, left)
        # by powers of 2, which are faster; those that underflow would be slow
        rate = float(factors[k]) * _LOG2_E
        kernels = torch.mul(values, -rate).clamp_(min=-deepest[1] * _LOG2_E).exp2_()
        if rows is None:
            sums[k] = kernels.view(len(t), -1).sum(1)
        else:
            sums[k].index_add_(0, rows, kernels.sum(1).double())
    return sums
