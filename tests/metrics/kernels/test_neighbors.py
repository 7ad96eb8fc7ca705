"""Nearest neighbours against a brute-force oracle."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
import torch
from live_bytes import LiveBytes

from ganbench.errors import UsageError
from ganbench.metrics import nearest_neighbors
from ganbench.metrics._kernels import distances as distances_module
from ganbench.metrics._kernels import neighbors as neighbors_module


@pytest.fixture(params=["bfloat16 first", "float32 first"], autouse=True)
def first_pass(request, monkeypatch):
    """Every test with and without the coarse pass, whatever the dimensions and the processor."""
    monkeypatch.setattr(neighbors_module, "_MANY_DIMENSIONS", 1)
    monkeypatch.setattr(neighbors_module, "has_bfloat16_units", lambda device: request.param == "bfloat16 first")
    return torch.bfloat16 if request.param == "bfloat16 first" else torch.float32


@pytest.mark.parametrize("d", [1, 5, 784])
@pytest.mark.parametrize("k", [1, 3, 20])
def test_agrees_with_the_oracle(d, k):
    rng = np.random.default_rng(0)
    queries, reference = rng.random((30, d)), rng.random((200, d))
    distances, indices = nearest_neighbors(queries, reference, k)
    expected_distances, expected_indices = oracles.nearest_neighbors(queries, reference, k)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-12)
    np.testing.assert_array_equal(indices, expected_indices)
    assert distances.dtype == torch.float64
    assert indices.dtype == torch.int64


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_a_common_offset_does_not_blur_the_order(offset):
    """Distances of 1e-3 between points 1e6 away from the origin: float32 products alone cannot tell them apart."""
    rng = np.random.default_rng(0)
    reference = offset + 1e-3 * rng.standard_normal((300, 16))
    queries = offset + 1e-3 * rng.standard_normal((20, 16))
    distances, indices = nearest_neighbors(queries, reference, 2)
    expected_distances, expected_indices = oracles.nearest_neighbors(queries, reference, 2)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-9)


def test_a_wide_reference_does_not_blur_the_order():
    """One far point makes float32 too coarse for the others; the search in float64 takes over."""
    rng = np.random.default_rng(0)
    reference = np.concatenate([rng.random((500, 8)), np.full((1, 8), 1e6)])
    queries = rng.random((25, 8))
    distances, indices = nearest_neighbors(queries, reference, 3)
    expected_distances, expected_indices = oracles.nearest_neighbors(queries, reference, 3)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-9)


def test_copies_are_found_at_distance_zero_and_ties_go_to_the_lower_row():
    reference = np.random.default_rng(0).random((50, 64), np.float32)
    twice = np.concatenate([reference, reference])
    distances, indices = nearest_neighbors(reference, twice, 2)
    np.testing.assert_array_equal(distances, 0)
    np.testing.assert_array_equal(indices, np.stack([np.arange(50), np.arange(50, 100)], axis=1))


def test_many_equal_points():
    distances, indices = nearest_neighbors(np.ones((2, 3)), np.zeros((100, 3)), 4)
    np.testing.assert_allclose(distances, np.sqrt(3))
    np.testing.assert_array_equal(indices, [[0, 1, 2, 3]] * 2)


@pytest.mark.parametrize("k", [1, 3, 50, 150])
@pytest.mark.parametrize("points", ["equal", "few", "one-hot", "half blank", "rounded"])
def test_ties_and_copies_agree_with_the_oracle(points, k):
    rng = np.random.default_rng(0)
    reference = {
        "equal": np.full((150, 9), 0.5),
        "few": rng.random((3, 9)).repeat(50, 0)[rng.permutation(150)],
        "one-hot": np.eye(150),
        "half blank": rng.random((150, 9)) * (rng.random((150, 1)) < 0.5),
        "rounded": rng.integers(0, 2, (150, 9)).astype(float),
    }[points]
    queries = np.concatenate([reference[:40], np.zeros((5, reference.shape[1]))])
    distances, indices = nearest_neighbors(queries, reference, k)
    expected_distances, expected_indices = oracles.nearest_neighbors(queries, reference, k)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-12)


def test_of_equal_points_one_is_looked_at(monkeypatch):
    """A thousand equal queries of a thousand equal points are one pair for all passes but the first."""
    pairs = []
    exact = distances_module.Reference.exact_squared_distances

    def count(self, queries, found):
        pairs.append(len(found.rows))
        return exact(self, queries, found)

    monkeypatch.setattr(distances_module.Reference, "exact_squared_distances", count)
    nearest_neighbors(np.full((1000, 8), 0.5), np.full((1000, 8), 0.5), 5)
    assert sum(pairs) == 1


@pytest.mark.parametrize(("rows", "columns"), [(1, 32), (7, 64)])
def test_blocks_do_not_change_the_result(monkeypatch, rows, columns):
    rng = np.random.default_rng(0)
    queries, reference = rng.random((20, 12)), rng.random((101, 12))
    expected = nearest_neighbors(queries, reference, 3)
    monkeypatch.setattr(distances_module, "_TILE_ROWS", rows)
    monkeypatch.setattr(distances_module, "_TILE_COLUMNS", columns)
    distances, indices = nearest_neighbors(queries, reference, 3)
    assert torch.equal(indices, expected[1])
    np.testing.assert_allclose(distances, expected[0], rtol=1e-12)


def test_only_the_queries_in_doubt_are_searched_in_float64(monkeypatch, first_pass):
    """A row with more candidates than float32 may leave goes on alone, and to the same result."""
    rng = np.random.default_rng(0)
    reference = np.concatenate([rng.random((200, 6)), 5 + 1e-4 * rng.random((200, 6))])
    queries = np.concatenate([rng.random((10, 6)), 5 + 1e-4 * rng.random((3, 6))])
    searched = []
    search = neighbors_module._search

    def record(queries, reference, k, dtype, most):
        searched.append((dtype, len(queries)))
        return search(queries, reference, k, dtype, most)

    monkeypatch.setattr(neighbors_module, "_search", record)
    distances, indices = nearest_neighbors(queries, reference, 2)
    expected_distances, expected_indices = oracles.nearest_neighbors(queries, reference, 2)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-9)
    if first_pass is torch.bfloat16:
        assert searched == [(torch.bfloat16, 13), (torch.float32, 5), (torch.float64, 3)]
    else:
        assert searched == [(torch.float32, 13), (torch.float64, 3)]


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e-20, 1e15])
def test_any_scale_of_the_data_gives_the_same_neighbors(scale):
    rng = np.random.default_rng(0)
    queries, reference = rng.random((20, 12)), rng.random((300, 12))
    distances, indices = nearest_neighbors(scale * queries, scale * reference, 3)
    expected_distances, expected_indices = oracles.nearest_neighbors(queries, reference, 3)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, scale * expected_distances, rtol=1e-9)


def test_numbers_that_overflow_float32_are_searched_in_float64():
    queries, reference = np.array([[3e19, 0.0], [0.2, 0.0]]), np.array([[2e19, 0.0], [0.1, 0.0], [0.0, 1.0]])
    distances, indices = nearest_neighbors(queries, reference, 1)
    np.testing.assert_array_equal(indices[:, 0], [0, 1])
    np.testing.assert_allclose(distances[:, 0], [1e19, 0.1])


@pytest.mark.parametrize("budget", [2**20, 2**22, 2**24])
@pytest.mark.parametrize("kind", ["noise", "far", "equal"])
@pytest.mark.parametrize("k", [1, 20])
def test_working_memory_stays_within_the_setting(budget, kind, k):
    """Whatever the data: noise, clusters that need float64 for every query, or points that are all the same."""
    rng = np.random.default_rng(0)
    queries, reference = (torch.from_numpy(rng.random((n, 16), np.float32)) for n in (200, 1500))
    if kind == "far":
        queries[::2, 0] += 1e4
        reference[::2, 0] += 1e4
    elif kind == "equal":
        reference[:] = 1
    result = 16 * k * len(queries)
    with LiveBytes(queries, reference) as memory:
        nearest_neighbors(queries, reference, k, max_memory=budget)
    assert memory.peak <= budget + result


def test_all_reference_points_can_be_asked_for():
    rng = np.random.default_rng(0)
    distances, indices = nearest_neighbors(rng.random((3, 2)), rng.random((7, 2)), 7)
    assert sorted(indices[0].tolist()) == list(range(7))
    assert bool((distances.diff(dim=1) >= 0).all())


@pytest.mark.parametrize("k", [0, 8])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(UsageError, match="between 1 and the 7 reference points"):
        nearest_neighbors(np.zeros((3, 2)), np.zeros((7, 2)), k)


def test_dimensions_must_agree():
    with pytest.raises(UsageError, match="2 dimensions and reference 3"):
        nearest_neighbors(np.zeros((3, 2)), np.zeros((7, 3)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["noise", "sparse", "wide", "tiny", "equal lengths"])
def test_products_keep_their_error_bound(dtype, kind):
    """bfloat16: what rounding the t themselves adds comes on top, half a unit of the t."""
    generator = torch.Generator().manual_seed(0)
    queries, reference = (torch.rand(n, 300, generator=generator, dtype=torch.float64) for n in (50, 400))
    if kind == "sparse":
        queries, reference = (x * (x > 0.8) for x in (queries, reference))
    elif kind == "wide":
        reference[::7] *= 100
    elif kind == "tiny":
        queries, reference = 1e-30 * queries, 1e-30 * reference
    elif kind == "equal lengths":
        queries, reference = (x / x.norm(dim=1, keepdim=True) for x in (queries, reference))
    prepared = distances_module.Reference.prepare(reference, 2**24)
    centred = prepared.centred(queries, dtype)
    a, c = queries - prepared.origin, reference - prepared.origin
    exact = c.square().sum(1) - 2 * a @ c.T
    bound = prepared.error_bound(centred).unsqueeze(1)
    for rows, first, t in prepared.tiles(centred):
        there = exact[rows, first : first + t.shape[1]]
        error = (t[:, : there.shape[1]].double() - there).abs()
        allowed = bound[rows]
        if dtype is torch.bfloat16:
            allowed = allowed + 2.0**-8 * (there.abs() + allowed)
        assert bool((error <= allowed).all())
        assert bool((t[:, there.shape[1] :] == torch.inf).all())


def test_the_coarse_pass_settles_images(monkeypatch, first_pass):
    """What it is there for: after it nothing is left to do."""
    generator = torch.Generator().manual_seed(0)
    queries, reference = (torch.rand(n, 784, generator=generator) for n in (100, 3000))
    searched = []
    search = neighbors_module._search
    monkeypatch.setattr(neighbors_module, "_search", lambda *args: (searched.append(args[3]), search(*args))[1])
    nearest_neighbors(queries, reference)
    assert searched == [first_pass]
