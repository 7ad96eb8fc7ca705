"""The Parzen log-likelihood against closed forms, a float64 oracle and real data."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
import torch
from clustered import images
from live_bytes import LiveBytes

from ganbench.datasets import load_dataset
from ganbench.errors import UsageError
from ganbench.metrics import (
    PAPER_GRID,
    mean_with_error,
    parzen_log_density,
    select_bandwidth,
)
from ganbench.metrics._kernels import distances as distances_module
from ganbench.metrics._kernels import parzen as parzen_module

TOLERANCE = 1e-3  # nats per point: the accuracy that is promised


@pytest.fixture(params=["bfloat16 first", "float32 first", "float32, compiled"], autouse=True)
def first_pass(request, monkeypatch):
    """Every test with and without the coarse pass, whatever the dimensions, the centres and the processor.

    And without it, by torch and by what numba compiles, however little there is to do.
    """
    coarse, compiled = request.param == "bfloat16 first", request.param == "float32, compiled"
    if compiled:
        pytest.importorskip("numba", reason="numba, of the extra `fast`, is not installed")
    monkeypatch.setattr(parzen_module, "_WORTH_COMPILING", 0 if compiled else math.inf)
    monkeypatch.setattr(parzen_module, "_MANY_DIMENSIONS", 1)
    monkeypatch.setattr(parzen_module, "_WORTH_A_PAIR", 4)
    monkeypatch.setattr(parzen_module, "has_bfloat16_units", lambda device: coarse)
    return torch.bfloat16 if coarse else torch.float32


@pytest.mark.parametrize(("d", "bandwidth", "expected"), [(784, 0.2, 541.3515), (2304, 0.2, 1590.9106)])
def test_a_kernel_at_its_centre(d, bandwidth, expected):
    centre = np.full((1, d), 0.3, np.float32)
    value = float(parzen_log_density(centre, centre, bandwidth)[0])
    assert value == pytest.approx(-d / 2 * math.log(2 * math.pi * bandwidth**2), abs=1e-9)
    assert value == pytest.approx(expected, abs=5e-5)


def test_infinitely_many_gaussian_centres():
    """Data and centres N(0, 1), s = .5: the mean tends to -[log(2 pi (1 + s^2)) + 1/(1 + s^2)]/2 = -1.43051."""
    rng = np.random.default_rng(5)
    points, centres = rng.standard_normal((20_000, 1)), rng.standard_normal((20_000, 1))
    summary = mean_with_error(parzen_log_density(points, centres, 0.5).numpy(), across="examples")
    # the estimate also varies with the centres: its share is of the order of the points' own
    assert summary.mean == pytest.approx(-1.43051, abs=4 * math.sqrt(2) * summary.standard_error)


@pytest.mark.parametrize("d", [784, 2304])
@pytest.mark.parametrize("bandwidth", [0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("kind", ["images", "uniform", "far", "duplicated", "identical", "offset"])
def test_agrees_with_the_float64_oracle(d, bandwidth, kind):
    points, centres = images(24, d, 1), images(300, d, 2)
    if kind == "uniform":
        rng = np.random.default_rng(3)
        points, centres = rng.random((24, d), np.float32), rng.random((300, d), np.float32)
    elif kind == "far":
        points = points * np.geomspace(1, 1e4, len(points), dtype=np.float32)[:, None]
    elif kind == "duplicated":
        centres = np.repeat(centres[:10], 40, axis=0)
    elif kind == "identical":
        centres = np.repeat(centres[:1], 64, axis=0)
    elif kind == "offset":
        points, centres = points + 50, centres + 50
    expected = oracles.parzen_log_density(points, centres, bandwidth)
    np.testing.assert_allclose(parzen_log_density(points, centres, bandwidth), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (1, 33, 5), (70, 201, 37), (257, 1025, 3)])
@pytest.mark.parametrize("kind", ["noise", "constant", "strided", "spread over magnitudes"])
def test_sizes_and_layouts(n, m, d, kind):
    rng = np.random.default_rng(4)
    points, centres = rng.random((n, 2 * d), np.float32), rng.random((m, 2 * d), np.float32)
    points, centres = (torch.from_numpy(x)[:, :: 2 if kind == "strided" else 1][:, :d] for x in (points, centres))
    if kind == "constant":
        points, centres = torch.full_like(points, 0.7), torch.full_like(centres, 0.7)
    elif kind == "spread over magnitudes":
        centres = centres * 10 ** torch.linspace(-6, 6, m).unsqueeze(1)
    found = parzen_log_density(points, centres, PAPER_GRID)
    for row, bandwidth in zip(found, PAPER_GRID, strict=True):
        expected = oracles.parzen_log_density(points.numpy(), centres.numpy(), bandwidth)
        np.testing.assert_allclose(row, expected, rtol=0, atol=TOLERANCE)


def test_many_comparable_kernels_are_summed_accurately():
    """In few dimensions thousands of kernels share a density, and no handful of them may be trusted to carry it."""
    rng = np.random.default_rng(0)
    points, centres = rng.random((100, 3)), rng.random((5000, 3))
    for bandwidth in (0.1, 1.0):
        expected = oracles.parzen_log_density(points, centres, bandwidth)
        np.testing.assert_allclose(parzen_log_density(points, centres, bandwidth), expected, rtol=0, atol=TOLERANCE)


def two_far_clusters() -> tuple[np.ndarray, np.ndarray]:
    """Thousands of comparable kernels, at a distance from their common mean that float32 products cannot resolve."""
    rng = np.random.default_rng(0)
    side = np.where(np.arange(2000) % 2, 1000.0, -1000.0)
    centres = np.column_stack([rng.random((2000, 2)), side])
    return centres[:20] + 0.01, centres


def test_float32_is_not_trusted_where_it_is_in_doubt():
    points, centres = two_far_clusters()
    expected = oracles.parzen_log_density(points, centres, 0.1)
    np.testing.assert_allclose(parzen_log_density(points, centres, 0.1), expected, rtol=0, atol=TOLERANCE)


def test_the_case_above_needs_float64(monkeypatch):
    """When no error is ever suspected the result is off by far more than the tolerance."""
    points, centres = two_far_clusters()
    expected = oracles.parzen_log_density(points, centres, 0.1)
    monkeypatch.setattr(distances_module, "ERROR_UNITS", 0.0)
    assert np.abs(parzen_log_density(points, centres, 0.1).numpy() - expected).max() > 10 * TOLERANCE


@pytest.mark.parametrize("far", [1e6, 3e19, 1e25])
def test_differences_take_over_where_no_product_is_precise_enough(far):
    """Float32 overflows for the larger numbers, and float64 cannot tell the distances of .1 to .5 apart."""
    points, centres = np.array([[far, 0.0], [-far, 1.0]]), np.array([[far, 0.1], [-far, 1.5], [far, 0.3]])
    expected = oracles.parzen_log_density(points, centres, 0.5)
    np.testing.assert_allclose(parzen_log_density(points, centres, 0.5), expected, rtol=1e-12)


def test_shortcuts_that_a_program_allows_do_not_blur_the_metric():
    points, centres = images(24, 784, 1), images(300, 784, 2)
    expected, allowed = parzen_log_density(points, centres, 0.1), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert torch.equal(parzen_log_density(points, centres, 0.1), expected)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(allowed)


def test_several_bandwidths_share_one_call():
    points, centres = images(50, 64, 1), images(400, 64, 2)
    together = parzen_log_density(points, centres, PAPER_GRID)
    assert together.shape == (10, 50)
    assert together.dtype == torch.float64
    for row, bandwidth in zip(together, PAPER_GRID, strict=True):
        np.testing.assert_allclose(row, parzen_log_density(points, centres, bandwidth), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("rows", "columns"), [(1, 32), (7, 64), (512, 2048)])
def test_blocks_do_not_change_the_value(monkeypatch, rows, columns):
    points, centres = images(20, 96, 1), images(301, 96, 2)
    whole = parzen_log_density(points, centres, [0.1, 0.3, 1.0])
    monkeypatch.setattr(distances_module, "_TILE_ROWS", rows)
    monkeypatch.setattr(distances_module, "_TILE_COLUMNS", columns)
    np.testing.assert_allclose(parzen_log_density(points, centres, [0.1, 0.3, 1.0]), whole, rtol=0, atol=1e-4)


def test_memory_must_suffice_for_something():
    with pytest.raises(UsageError, match="at least 1 MiB"):
        parzen_log_density(np.zeros((1, 2)), np.zeros((1, 2)), 1.0, max_memory=1000)


@pytest.mark.parametrize("budget", [2**20, 2**22, 2**24])
@pytest.mark.parametrize("kind", ["noise", "far", "equal"])
@pytest.mark.parametrize("d", [3, 64])
def test_working_memory_stays_within_the_setting(budget, kind, d):
    """Whatever the data: noise, two far clusters that need float64 for every point, or centres that are the same."""
    rng = np.random.default_rng(0)
    points, centres = (torch.from_numpy(rng.random((n, d), np.float32)) for n in (200, 1500))
    if kind == "far":
        points[::2, 0] += 1e4
        centres[::2, 0] += 1e4
    elif kind == "equal":
        centres[:] = 1
    with LiveBytes(points, centres) as memory:
        parzen_log_density(points, centres, PAPER_GRID, max_memory=budget)
    assert memory.peak <= budget


def depths(depth: float, n: int) -> torch.Tensor:
    """A tile of one row: the nearest pair at 0, n others at a depth, and what fills the last group."""
    t = torch.full((1, -(-(n + 1) // 32) * 32), math.inf, dtype=torch.float64)
    t[0, 0], t[0, 1 : n + 1] = 0, depth
    return t


def tile_sum(t: torch.Tensor, deepest: float) -> float:
    return float(parzen_module._tile_sums(t.clone(), t.amin(1), torch.ones(1).double(), (deepest, deepest)))


@pytest.mark.parametrize("m", [2, 1000, 50_000])
def test_what_lies_beyond_the_cut_off_adds_nothing_in_float64(m):
    """All other kernels just beyond the cut-off: even summed exactly they do not change the logarithm of the sum."""
    deepest = parzen_module.deepest_exponent(m + 32)  # a tile is filled up to whole groups
    beyond = math.nextafter(deepest, math.inf)
    assert math.log1p((m - 1) * math.exp(-beyond)) <= 2.0**-53
    assert tile_sum(depths(beyond, m - 1), deepest) == 1.0
    # and one float64 spacing is what a cut-off by 2 log 2 less would lose, so the bound is not a loose one
    assert 1 + m * math.exp(-(parzen_module.deepest_exponent(m) - 2 * math.log(2))) > 1


@pytest.mark.parametrize("m", [31, 1000])
def test_what_lies_within_the_cut_off_is_summed(m):
    inside = 0.5 * parzen_module.deepest_exponent(m)
    expected = 1 + (m - 1) * math.exp(-inside)
    assert tile_sum(depths(inside, m - 1), parzen_module.deepest_exponent(m)) == pytest.approx(expected, rel=1e-15)
    assert expected - 1 > 1e-9


@pytest.mark.parametrize("share", [0.0, 0.9, 1.1])
def test_groups_picked_out_and_whole_tiles_give_the_same_sums(monkeypatch, share):
    points, centres = images(50, 64, 1), images(400, 64, 2)
    expected = parzen_log_density(points, centres, PAPER_GRID)
    monkeypatch.setattr(parzen_module, "_FEWER", share)
    np.testing.assert_allclose(parzen_log_density(points, centres, PAPER_GRID), expected, rtol=0, atol=1e-5)


def by_bfloat16(points: np.ndarray, centres: np.ndarray, bandwidths: list[float], tolerance: float):
    prepared = distances_module.Reference.prepare(torch.from_numpy(centres), 2**24)
    s = torch.tensor(bandwidths, dtype=torch.float64)
    return parzen_module._by_bfloat16(torch.from_numpy(points), prepared, s, tolerance)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("bandwidth", [0.01, 1.0, 30.0])
def test_all_kernels_but_one_at_the_edge_of_what_is_kept(bandwidth, side):
    """The worst case of the proof: just beyond the edge they may be dropped, just within it they may not.

    All but the nearest centre are equal, and so far off that rounding cannot be told from the step across the edge;
    m may grow until all that is dropped makes the tolerance: the error comes near it, and is no larger.
    """
    m, tolerance = 400, 1e-3
    edge = 2 * bandwidth**2 * math.log(m / tolerance)
    centres = np.zeros((m, 1))
    centres[1:] = math.sqrt(edge) * (1 + side * 0.05)
    found, doubtful = by_bfloat16(np.zeros((1, 1)), centres, [bandwidth], tolerance)
    exponents = -(centres[:, 0] ** 2) / (2 * bandwidth**2)
    expected = math.log1p(np.exp(exponents[1:]).sum())
    assert bool(doubtful[0]) or float(found[0, 0]) == pytest.approx(expected, abs=tolerance)
    assert bool(doubtful[0]) == (side < 0)  # 399 pairs within the edge are too many


@pytest.mark.parametrize("kind", ["images", "noise", "duplicated", "far", "half blank", "equal"])
@pytest.mark.parametrize("bandwidths", [[0.01], [0.1], [0.3], [1.0], list(PAPER_GRID)], ids=str)
def test_what_bfloat16_settles_is_right_within_the_tolerance(kind, bandwidths):
    """Alone, without the passes after it, against differences in float64; its dropped kernels make sums too small."""
    rng, tolerance = np.random.default_rng(3), 5e-4
    points, centres = images(60, 300, 1).astype(float), images(900, 300, 2).astype(float)
    if kind == "noise":
        points, centres = rng.random((60, 300)), rng.random((900, 300))
    elif kind == "duplicated":
        centres = np.repeat(centres[:450], 2, axis=0)
    elif kind == "far":
        points = points * np.geomspace(1, 1e6, len(points))[:, None]
    elif kind == "half blank":
        centres, points = centres * (rng.random((900, 1)) < 0.5), points * (rng.random((60, 1)) < 0.5)
    elif kind == "equal":
        centres = np.repeat(centres[:1], 900, axis=0)
    found, doubtful = by_bfloat16(points, centres, bandwidths, tolerance)
    for row, s in zip(found, bandwidths, strict=True):
        expected = oracles.parzen_log_density(points, centres, s) + math.log(900) + 150 * math.log(2 * math.pi * s**2)
        below = (torch.as_tensor(expected) - row)[~doubtful]
        rounding = 1e-13 * np.abs(expected).max()
        assert bool((below >= -rounding - 1e-9).all())
        assert bool((below <= tolerance + rounding + 1e-9).all())
    settled = (kind in ("images", "duplicated", "noise") and max(bandwidths) <= 0.1) or (kind, max(bandwidths)) == (
        "far",
        0.01,
    )
    assert bool((~doubtful).double().mean() > 0.8) or not settled
    assert bool(doubtful.all()) or kind != "equal"


def test_the_coarse_pass_settles_images_and_leaves_broad_kernels_alone(monkeypatch, first_pass):
    seen = []
    by_float32 = parzen_module._by_float32

    def record(points, *rest, **options):
        seen.append(len(points))
        return by_float32(points, *rest, **options)

    monkeypatch.setattr(parzen_module, "_by_float32", record)
    generator = torch.Generator().manual_seed(0)
    points, centres = (torch.rand(n, 784, generator=generator) for n in (100, 3000))
    parzen_log_density(points, centres, 0.1)
    parzen_log_density(points, centres, 2.0)
    assert seen == ([100] if first_pass is torch.bfloat16 else [100, 100])


def test_bands_do_not_change_the_value():
    points, centres = images(200, 784, 1), images(301, 784, 2)
    expected = parzen_log_density(points, centres, 0.2)
    np.testing.assert_allclose(parzen_log_density(points, centres, 0.2, max_memory=2**20), expected, rtol=0, atol=1e-4)


def test_order_and_repetition_of_centres_do_not_matter():
    points, centres = images(20, 64, 1), images(100, 64, 2)
    expected = parzen_log_density(points, centres, 0.2)
    np.testing.assert_allclose(parzen_log_density(points, centres[::-1].copy(), 0.2), expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(parzen_log_density(points, np.tile(centres, (3, 1)), 0.2), expected, rtol=0, atol=1e-4)


def test_roles_cannot_be_swapped_unnoticed():
    one, other = np.array([[0.0], [1.0]]), np.array([[0.0]])
    assert len(parzen_log_density(one, other, 1.0)) == 2
    assert len(parzen_log_density(other, one, 1.0)) == 1


def test_the_density_integrates_to_one():
    centres = np.random.default_rng(0).random((30, 1))
    grid = np.linspace(-5, 6, 20_001)[:, None]
    density = parzen_log_density(grid, centres, 0.3).exp().numpy()
    assert float(np.trapezoid(density, grid[:, 0])) == pytest.approx(1, abs=1e-6)


def test_tensors_arrays_and_images_are_the_same():
    points, centres = images(5, 64, 1), images(9, 64, 2)
    expected = parzen_log_density(points, centres, 0.3)
    assert torch.equal(parzen_log_density(torch.from_numpy(points), torch.from_numpy(centres), 0.3), expected)
    assert torch.equal(parzen_log_density(points.reshape(5, 8, 8), centres.reshape(9, 8, 8), 0.3), expected)
    integers = np.arange(6).reshape(3, 2)
    assert parzen_log_density(integers, integers, 1.0).shape == (3,)


@pytest.mark.parametrize(
    ("points", "centres", "bandwidth", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), 1.0, "3 dimensions and centres 4"),
        (np.zeros((0, 3)), np.zeros((2, 3)), 1.0, r"points must have shape \[n, d\]"),
        (np.zeros(3), np.zeros((2, 3)), 1.0, r"points must have shape"),
        (np.array([[np.nan]]), np.zeros((1, 1)), 1.0, "points has values that are not finite"),
        (np.zeros((1, 1)), np.array([[np.inf]]), 1.0, "centres has values that are not finite"),
        (np.zeros((1, 1)), np.array([[1e200]]), 1.0, "too large to be squared"),
        (np.zeros((1, 1)), np.zeros((1, 1)), 0.0, "positive finite"),
        (np.zeros((1, 1)), np.zeros((1, 1)), [0.1, math.nan], "positive finite"),
        (np.zeros((1, 1)), np.zeros((1, 1)), [], "positive finite"),
    ],
)
def test_bad_input_is_refused(points, centres, bandwidth, message):
    with pytest.raises(UsageError, match=message):
        parzen_log_density(points, centres, bandwidth)


def test_the_standard_error_across_examples_covers_the_truth_at_its_nominal_rate():
    """Points N(0, 1) under fixed centres: 400 test sets of 200, intervals of 1.96 standard errors about each mean."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((300, 1))
    # the truth: the integral of N(x; 0, 1) log p(x), by the trapezoidal rule
    grid = np.linspace(-8, 8, 8001)
    weights = np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    truth = np.trapezoid(weights * parzen_log_density(grid[:, None], centres, 0.4).numpy(), grid)
    repetitions, covered = 400, 0
    values = parzen_log_density(rng.standard_normal((repetitions * 200, 1)), centres, 0.4).numpy()
    for test_set in values.reshape(repetitions, 200):
        summary = mean_with_error(test_set, across="examples")
        covered += abs(summary.mean - truth) <= 1.96 * summary.standard_error
    # binomial: 0.95 within 4 sqrt(.95 * .05 / 400) = .044, and half a percent for the skewness of a log density
    assert covered / repetitions == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / repetitions) + 0.005)


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize(("drawn", "mean", "error"), [(False, 241.2, 2.13), (True, 243.6, 2.09)])
def test_real_training_images_as_samples(real_data, drawn, mean, error):
    """10,000 MNIST training images as samples, the first ones or drawn: the anchors that the protocol is known by."""
    split = load_dataset("mnist", real_data).splits[0]
    order = np.random.RandomState(0).permutation(50_000) if drawn else np.arange(50_000)
    samples = split.train[order[:10_000]]
    assert select_bandwidth(split.valid[:1000], samples).bandwidth == pytest.approx(10 ** (-1 + 2 / 9))
    summary = mean_with_error(parzen_log_density(split.test, samples, 10 ** (-1 + 2 / 9)).numpy(), across="examples")
    assert summary.mean == pytest.approx(mean, abs=0.05)
    assert summary.standard_error == pytest.approx(error, abs=0.01)


@pytest.mark.real_data
def test_real_images_agree_with_the_oracle(real_data):
    mnist = load_dataset("mnist", real_data).splits[0]
    faces = load_dataset("olivetti", real_data).splits[0]
    for points, centres in ((mnist.test[:40], mnist.train[:3000]), (faces.test[:40], faces.train)):
        x, mu = points.reshape(len(points), -1), centres.reshape(len(centres), -1)
        for bandwidth in (0.1, 0.1668, 1.0):
            expected = oracles.parzen_log_density(x, mu, bandwidth)
            np.testing.assert_allclose(parzen_log_density(x, mu, bandwidth), expected, rtol=0, atol=TOLERANCE)
