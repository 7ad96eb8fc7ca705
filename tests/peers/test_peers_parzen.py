"""Parzen log-densities beside what else computes them: the share of the product rate, and how much faster we are.

Slow contenders get fewer points, so that a run takes minutes; their rate tells.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganbench.metrics import PAPER_GRID, parzen_log_density

BANDWIDTH = PAPER_GRID[3]
SIZES = {64: 10_000, 784: 10_000, 2304: 10_000}


def _points(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.rand(n, d, generator=torch.Generator().manual_seed(seed))


def _finish(log_sums: torch.Tensor, m: int, d: int, bandwidth: float) -> torch.Tensor:
    return log_sums - math.log(m) - d * math.log(bandwidth * math.sqrt(2 * math.pi))


def bare_product(points, centres):
    out = torch.empty(len(points), len(centres))
    return lambda: torch.mm(points, centres.T, out=out)


def ours(points, centres):
    return lambda: parzen_log_density(points, centres, BANDWIDTH)


def ours_with_ten_bandwidths(points, centres):
    return lambda: parzen_log_density(points, centres, PAPER_GRID)


def cdist_and_logsumexp(points, centres):
    def run():
        exponents = torch.cdist(points, centres).square_().mul_(-0.5 / BANDWIDTH**2)
        return _finish(exponents.logsumexp(1), len(centres), points.shape[1], BANDWIDTH)

    return run


def scikit_learn(points, centres):
    neighbors = pytest.importorskip("sklearn.neighbors")
    density = neighbors.KernelDensity(bandwidth=BANDWIDTH).fit(centres.numpy())
    return lambda: torch.from_numpy(density.score_samples(points.numpy()))


def broadcasting(points, centres):
    """As in the program published with the paper: all differences at once, ten points at a time."""
    x, mu = points.numpy(), centres.numpy()

    def run():
        parts = []
        for start in range(0, len(x), 10):
            a = (x[start : start + 10, None, :] - mu[None]) / BANDWIDTH
            exponents = -0.5 * (a**2).sum(2)
            top = exponents.max(1, keepdims=True)
            parts.append(top[:, 0] + np.log(np.exp(exponents - top).sum(1)))
        return _finish(torch.from_numpy(np.concatenate(parts)), len(mu), x.shape[1], BANDWIDTH)

    return run


CONTENDERS = {  # name: function, points at most, rounds
    "ganbench": (ours, None, 5),
    "bare matrix product": (bare_product, None, 5),
    "ganbench, ten bandwidths": (ours_with_ten_bandwidths, None, 5),
    "torch.cdist and logsumexp": (cdist_and_logsumexp, None, 3),
    "scikit-learn KernelDensity": (scikit_learn, 50, 3),
    "broadcasting, as published": (broadcasting, 50, 3),
}


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("d", SIZES)
def test_parzen(compare, d, contender):
    function, most, rounds = CONTENDERS[contender]
    n = m = SIZES[d]
    points, centres = _points(min(n, most or n), d, 0), _points(m, d, 1)
    title = f"Parzen log density, {n:,} points, {m:,} centres, d = {d}"
    values = compare(title, contender, float(len(points)) * m * d, function(points, centres), rounds)
    if function not in (bare_product, ours_with_ten_bandwidths):
        # torch.cdist takes float32 distances of about sqrt(d / 6), each off by some units: not our accuracy
        expected = parzen_log_density(points, centres, BANDWIDTH)
        torch.testing.assert_close(values.double(), expected, rtol=1e-4, atol=1.0)
