"""The compiled sums of tiles: against float64, beside the sums by torch, and where they are used and where not."""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import ganbench
from ganbench.metrics import PAPER_GRID, parzen_log_density
from ganbench.metrics._kernels import distances, parzen
from ganbench.metrics._kernels.distances import GROUP, Reference

numba = pytest.importorskip("numba", reason="numba, of the extra `fast`, is not installed")

from ganbench.metrics._kernels import compiled  # noqa: E402

UNIT = 2.0**-24


def add_tile(t, smallest, sums, bandwidths, deepest=(60.0, 80.0)):
    """Add a tile to sums `[n, k]`, in place; returns the minima of its groups."""
    factors = 0.5 / np.square(bandwidths)
    minima = np.empty((len(t), t.shape[1] // GROUP), np.float32)
    rates, bottom = (-factors / math.log(2)).astype(np.float32), np.float32(-deepest[1] / math.log(2))
    compiled._compiled()(t, smallest, sums, minima, factors, deepest[0] / factors, rates, bottom)
    return minima


def sums_of(t, bandwidths, deepest=(60.0, 80.0)):
    """The smallest t of a tile's rows, and the sums relative to it: `[n]` and `[n, k]`."""
    smallest, sums = np.full(len(t), np.inf, np.float32), np.zeros((len(t), len(bandwidths)))
    add_tile(t, smallest, sums, bandwidths, deepest)
    return smallest, sums


def expected(t, bandwidths):
    depth = t.astype(np.float64) - t.min(1, keepdims=True).astype(np.float64)
    return np.stack([np.exp(-depth / (2 * s**2)).sum(1) for s in bandwidths], axis=1)


@numba.njit
def powers(x, deepest, out):
    """2^x, by all lanes at once: the sum of sixteen equal numbers is exact."""
    none, one = compiled._spread(np.float32(0)), compiled._spread(np.float32(1))
    for i in range(len(x)):
        power = compiled._kernels(compiled._load(x, i, 0), none, one, compiled._spread(deepest))
        out[i] = compiled._total(power) / np.float32(16)


def powers_of_two(x, deepest=-125.0):
    out = np.empty(len(x), np.float32)
    powers(np.repeat(x.astype(np.float32)[:, None], 16, axis=1), np.float32(deepest), out)
    return out.astype(np.float64)


def test_the_polynomial_is_as_near_as_its_remainder_says():
    f = np.linspace(-0.5, 0.5, 100_001)
    remainder = math.log(2) ** 6 * math.sqrt(2) / 6 / (math.factorial(5) * 2**4 * 2**5) / 2
    error = np.abs(np.polynomial.Polynomial(compiled._COEFFICIENTS)(f) - 2**f)
    assert 0.5 * remainder < error.max() <= remainder <= 2.13e-7
    assert (error / 2**f).max() <= 3.01e-7 <= 6 * UNIT


def test_powers_of_two_are_right_within_ten_units():
    x = np.concatenate([np.linspace(-1.5, 0, 300_001), np.linspace(-125, 0, 100_001)]).astype(np.float32)
    error = powers_of_two(x) / 2.0 ** x.astype(np.float64) - 1
    assert 3 * UNIT < np.abs(error).max() <= 10 * UNIT


def test_whole_powers_of_two_are_exact():
    x = -np.arange(126)
    np.testing.assert_array_equal(powers_of_two(x), 2.0**x)


@pytest.mark.parametrize("deepest", [-125.0, -60.0, -1.0])
def test_no_power_is_below_the_deepest(deepest):
    found = powers_of_two(np.array([deepest - 0.01, -130.0, -1e9, -1e38, -math.inf, math.nan]), deepest)
    np.testing.assert_allclose(found, 2.0**deepest, rtol=10 * UNIT)


@pytest.mark.parametrize(("n", "width"), [(1, 32), (1, 1024), (7, 96), (130, 992)])
@pytest.mark.parametrize("spread", [0.0, 1e-3, 3.0, 1e3])
def test_sums_of_a_tile_are_within_the_bound(n, width, spread):
    rng = np.random.default_rng(0)
    t = (spread * rng.random((n, width)) - 1).astype(np.float32)
    smallest, sums = sums_of(t, PAPER_GRID[::-1])
    np.testing.assert_array_equal(smallest, t.min(1))
    np.testing.assert_allclose(sums, expected(t, PAPER_GRID[::-1]), rtol=(47 + 3 * math.log(width)) * UNIT)


def test_tiles_add_up_whichever_holds_the_smallest():
    rng = np.random.default_rng(1)
    t = rng.random((40, 256)).astype(np.float32)
    t[::2, :64] -= 1
    t[1::2, 192:] -= 1
    smallest, sums = np.full(40, np.inf, np.float32), np.zeros((40, 2))
    minima = [add_tile(t[:, a : a + 64].copy(), smallest, sums, [0.5, 0.2]) for a in range(0, 256, 64)]
    np.testing.assert_array_equal(np.concatenate(minima, axis=1), t.reshape(40, 8, 32).min(2))
    np.testing.assert_array_equal(smallest, t.min(1))
    np.testing.assert_allclose(sums, expected(t, [0.5, 0.2]), rtol=100 * UNIT)


def test_a_closed_form():
    """m kernels at depth 2 s^2 log 2 are each half of the nearest: 1 + m / 2; what fills the group is infinite."""
    for m in (0, 1, 31, 40, 1000):
        t = np.full((1, -(-(m + 1) // 32) * 32), np.inf, np.float32)
        t[0, 0], t[0, 1 : m + 1] = 5, 5 + 2 * math.log(2)
        _, sums = sums_of(t, [1.0, 0.01])
        # a float32 t of 6 is off by 2 units of 2^-24 relative to 1, as is an exponent
        np.testing.assert_allclose(sums, [[1 + m / 2, 1]], rtol=60 * UNIT)


def test_only_groups_without_any_pair_in_reach_are_left_out():
    """Of three groups, by the reach in nats at the narrower of two bandwidths: within, partly within, beyond."""
    t = np.full((1, 96), 6.0, np.float32)
    t[0, :32], t[0, 40] = 4.0, 4.9
    t[0, 3] = 0.0
    _, both = sums_of(t, [1.0, 0.5], deepest=(10.0, 80.0))
    narrow = math.exp(-4.9 * 2) + 31 * math.exp(-6.0 * 2)
    np.testing.assert_allclose(both[0, 0], 1 + 31 * math.exp(-2) + math.exp(-2.45) + 63 * math.exp(-3), rtol=1e-6)
    np.testing.assert_allclose(both[0, 1], 1 + 31 * math.exp(-8) + narrow, rtol=1e-6)
    assert 32 * math.exp(-12) > 1e-4  # of the group that was left out


def test_what_cannot_be_compared_spoils_its_own_row_only():
    t = np.random.default_rng(2).random((5, 64)).astype(np.float32)
    clean = sums_of(t, [1.0, 0.3])[1]
    t[1, 7], t[2, 9], t[3] = np.nan, -np.inf, np.inf
    np.testing.assert_array_equal(sums_of(t, [1.0, 0.3])[1][[0, 4]], clean[[0, 4]])


CASES = {
    "one of each": (1, 1, 1, 2**28),
    "ragged": (70, 201, 37, 2**28),
    "several bands of tiles": (600, 2100, 3, 2**28),
    "in blocks of memory": (33, 7000, 20, 2**20),
    "crowded": (20, 600, 2, 2**28),
}


@pytest.mark.parametrize("layout", ["rows", "strided"])
@pytest.mark.parametrize("case", [*CASES, "equal"])
def test_agrees_with_sums_by_torch_and_finds_the_same_pairs(case, layout):
    n, m, d, memory = CASES.get(case, (5, 90, 16, 2**28))
    generator = torch.Generator().manual_seed(0)
    points, centres = (torch.rand(rows, 2 * d, generator=generator) for rows in (n, m))
    points, centres = (x[:, ::2] if layout == "strided" else x[:, :d].contiguous() for x in (points, centres))
    if case == "equal":
        centres = centres[:1].expand(m, d)
    reference, s = Reference.prepare(centres, memory), torch.tensor([0.3, 0.1, 1.0, 0.3], dtype=torch.float64)
    queries = reference.centred(points, torch.float32)
    window, deepest = torch.linspace(-1, 0.2, n, dtype=torch.float64), parzen._deepest_exponents(reference, 2.0**-53)
    sums, smallest, pairs = compiled.compiled_kernel_sums(queries, reference, s, window, parzen._MAX_PAIRS, deepest)
    others = parzen._kernel_sums(queries, reference.tiles(queries), reference, s, window)
    # both by the same products, each within the bound
    np.testing.assert_allclose(sums, others[0], rtol=2 * (47 + 3 * math.log(m)) * UNIT)
    # products in tiles of other shapes may round otherwise
    np.testing.assert_allclose(smallest, others[1], rtol=0, atol=1e-5)
    found, expected_pairs = (_settled(some, smallest + window) for some in (pairs, others[2]))
    assert found == expected_pairs
    assert len(found) > 10 or case in ("one of each", "crowded", "equal")


def _settled(pairs, limit) -> set[tuple[int, int]]:
    """The pairs that lie well within the limit, as rows and columns; those on its edge depend on rounding."""
    keep = pairs.t <= limit[pairs.rows] - 1e-5
    return set(zip(pairs.rows[keep].tolist(), pairs.columns[keep].tolist(), strict=True))


def noise(n: int, m: int, d: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(n, d, generator=generator), torch.rand(m, d, generator=generator)


@pytest.fixture
def used(monkeypatch) -> list[int]:
    """The number of rows of every call of the compiled function."""
    calls, add = [], compiled._compiled()

    def record(t, *rest):
        calls.append(len(t))
        add(t, *rest)

    monkeypatch.setattr(compiled, "_compiled", lambda: record)
    return calls


def test_it_is_used_where_there_is_enough_to_do(used, monkeypatch):
    points, centres = noise(100, 200)
    monkeypatch.setattr(parzen, "_WORTH_COMPILING", 100 * 200 * 3)
    parzen_log_density(points, centres, [0.1, 0.2])
    assert used == []
    parzen_log_density(points, centres, [0.1, 0.2, 0.3])
    assert used == [100]


def test_it_is_not_used_for_other_precisions_or_without_numba(used, monkeypatch):
    points, centres = noise(100, 200)
    monkeypatch.setattr(parzen, "_WORTH_COMPILING", 0)
    parzen_log_density(points, centres, 0.3, tolerance=1e-9)  # float64 from the start
    monkeypatch.setattr(parzen, "_has_numba", lambda: False)
    parzen_log_density(points, centres, 0.3)
    assert used == []


def test_the_protocols_sizes_are_enough():
    assert 10_000 * 10_000 >= parzen._WORTH_COMPILING > 1000 * 10_000


def _python(*arguments: str, **variables: str) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


WITHOUT_CACHE = """
import torch
from ganbench.metrics import parzen_log_density
from ganbench.metrics._kernels import compiled, parzen

parzen._WORTH_COMPILING = 0
print(compiled.__file__)
print(float(parzen_log_density(torch.zeros(3, 2), torch.zeros(5, 2), 1.0)[0]))
print(sum(compiled._compiled().stats.cache_misses.values()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("writable", [True, False])
def test_where_nothing_can_be_written_it_is_compiled_anew(tmp_path, writable):
    """A copy of the package; where __pycache__ and the folders of the user are files, numba finds no place."""
    shutil.copytree(Path(ganbench.__file__).parent, tmp_path / "ganbench", ignore=shutil.ignore_patterns("__pycache__"))
    folder, home = tmp_path / "ganbench" / "metrics" / "_kernels" / "__pycache__", tmp_path / "home"
    if not writable:
        folder.touch()
        home.touch()
    places = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA")}
    code = ["-B", "-c", WITHOUT_CACHE]
    file, value, misses = _python(*code, PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="1", **places).split()
    assert Path(file).is_relative_to(tmp_path)
    assert float(value) == pytest.approx(-math.log(2 * math.pi), abs=1e-9)
    assert misses == "1"
    assert writable == (folder.is_dir() and any(folder.glob("*.nbi")))
    if writable:
        assert _python(*code, PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="1", **places).split()[2] == "0"


@pytest.mark.parametrize("error", [RuntimeError("no locator available"), OSError(28, "No space left on device")])
def test_a_full_disk_is_no_obstacle(monkeypatch, error):
    njit = numba.njit

    def no_cache(*arguments, cache=False, **options):
        if cache:
            raise error
        return njit(*arguments, **options)

    monkeypatch.setattr(numba, "njit", no_cache)
    add = compiled._compiled.__wrapped__()
    assert len(add.signatures) == 1


def has_numba() -> bool:
    return parzen._has_numba.__wrapped__()


def test_whether_numba_can_be_used(monkeypatch):
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    assert has_numba()
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # then there is nothing compiled
    assert not has_numba()
    monkeypatch.delenv("NUMBA_DISABLE_JIT")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not has_numba()


def test_a_numba_that_cannot_be_imported_is_warned_of(monkeypatch):
    def refuse(name):
        raise ImportError("Numba needs NumPy 1.22 or less")

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.warns(UserWarning, match="numba cannot be used.*needs NumPy"):
        assert not has_numba()


def test_nothing_imports_numba_before_there_is_enough_to_do():
    probe = (
        "import sys, torch; from ganbench.metrics import parzen_log_density;"
        "parzen_log_density(torch.zeros(9, 2), torch.zeros(9, 2), 1.0); print('numba' in sys.modules)"
    )
    assert _python("-c", probe).strip() == "False"


def test_groups_are_whole_numbers_of_pairs_of_vectors():
    assert distances.GROUP % (2 * compiled._LANES) == 0
    assert distances._TILE_COLUMNS <= 1024  # the bound on the rounding of sums rests on it


def test_values_do_not_warn_where_rates_overflow(monkeypatch):
    monkeypatch.setattr(parzen, "_WORTH_COMPILING", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = parzen_log_density(torch.zeros(2, 3), torch.zeros(4, 3), [1e-25, 1.0, 1e25])
    expected_values = [-1.5 * (math.log(2 * math.pi) + 2 * math.log(s)) for s in (1e-25, 1.0, 1e25)]
    np.testing.assert_allclose(values[:, 0], expected_values, rtol=1e-12)
