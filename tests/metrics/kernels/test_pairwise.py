"""Tiles of distances, and what is counted and summed of them, against plain float64 distances."""

from __future__ import annotations

import pytest
import torch

from ganbench.errors import UsageError
from ganbench.metrics._kernels.pairwise import ball_counts, kernel_sums, squared_distance_tiles

_SIZES = [(1, 1, 1), (70, 45, 3), (2100, 1100, 5)]


def _points(n, d, seed):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(seed))


def _plain(x, y):
    return torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist")


@pytest.mark.parametrize(("n", "m", "d"), _SIZES)
@pytest.mark.parametrize("memory", [2**20, 2**28])
def test_every_pair_comes_once(n, m, d, memory):
    x, y = _points(n, d, 1), _points(m, d, 2) + 3
    found = torch.full((n, m), float("nan"), dtype=torch.float64)
    for rows, columns, squared in squared_distance_tiles(x, y, max_memory=memory):
        assert found[rows, columns].isnan().all()
        found[rows, columns] = squared.double()
    torch.testing.assert_close(found, _plain(x, y).square(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n", "m", "d"), _SIZES)
def test_sums_of_a_kernel(n, m, d):
    x, y = _points(n, d, 1), _points(m, d, 2)
    sums, expected = kernel_sums(x, y, lambda t: t.neg_().exp_()), torch.exp(-_plain(x, y).square())
    torch.testing.assert_close(sums.rows, expected.sum(1), rtol=1e-5, atol=0)
    torch.testing.assert_close(sums.columns, expected.sum(0), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("n", "m", "d"), _SIZES)
@pytest.mark.parametrize("memory", [2**20, 2**28])
def test_points_in_balls(n, m, d, memory):
    """Every radius is the distance to one of the points, so that products alone cannot decide."""
    x, y = _points(n, d, 1), _points(m, d, 2)
    distances = _plain(x, y)
    radii = distances[torch.arange(m) % n, torch.arange(m)]
    radii = radii * (1 + 1e-12 * (-1.0) ** torch.arange(m, dtype=torch.float64))  # more than float64 loses
    inside = distances <= radii
    of_points, of_balls = ball_counts(x, y, radii, max_memory=memory)
    assert of_points.tolist() == inside.sum(1).tolist()
    assert of_balls.tolist() == inside.sum(0).tolist()


def test_dimensions_must_agree():
    with pytest.raises(UsageError, match="queries have 3 dimensions and reference 4"):
        ball_counts(_points(5, 3, 1), _points(5, 4, 1), torch.ones(5))
