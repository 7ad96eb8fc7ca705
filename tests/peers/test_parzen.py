"""Parzen log-densities beside what else computes them: the share of the product rate, and how much faster we are.

Slow contenders get fewer points, so that a run takes minutes; their rate tells.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganbench.datasets import load_dataset
from ganbench.metrics import PAPER_GRID, parzen_log_density

BANDWIDTH = PAPER_GRID[3]
M = 10_000


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


def scikit_learn(**options):
    def build(points, centres):
        from sklearn.neighbors import KernelDensity

        density = KernelDensity(bandwidth=BANDWIDTH, **options).fit(centres.numpy())
        return lambda: torch.from_numpy(density.score_samples(points.numpy()))

    return build


def broadcasting(at_once):
    """As in the program published with the paper: all differences at once, for some points at a time."""

    def build(points, centres):
        x, mu = points.numpy(), centres.numpy()

        def run():
            parts = []
            for start in range(0, len(x), at_once):
                a = (x[start : start + at_once, None, :] - mu[None]) / BANDWIDTH
                exponents = -0.5 * (a**2).sum(2)
                top = exponents.max(1, keepdims=True)
                parts.append(top[:, 0] + np.log(np.exp(exponents - top).sum(1)))
            return _finish(torch.from_numpy(np.concatenate(parts)), len(mu), x.shape[1], BANDWIDTH)

        return run

    return build


def keops(points, centres):
    from pykeops.torch import LazyTensor

    def run():
        x, mu = LazyTensor(points[:, None, :]), LazyTensor(centres[None, :, :])
        log_sums = (((x - mu) ** 2).sum(-1) * (-0.5 / BANDWIDTH**2)).logsumexp(1)[:, 0]
        return _finish(log_sums, len(centres), points.shape[1], BANDWIDTH)

    return run


def numkong_and_logsumexp(points, centres):
    """It runs in one thread."""
    import numkong

    def run():
        distances = torch.from_numpy(
            np.asarray(numkong.euclideans_packed(points.numpy(), numkong.dots_pack(centres.numpy())))
        )
        exponents = distances.square_().mul_(-0.5 / BANDWIDTH**2)
        return _finish(exponents.logsumexp(1), len(centres), points.shape[1], BANDWIDTH)

    return run


CONTENDERS = {  # name: its module, (points at most, builder)
    "ganbench": ("ganbench", (M, ours)),
    "bare matrix product": ("torch", (M, bare_product)),
    "ganbench, ten bandwidths": ("ganbench", (M, ours_with_ten_bandwidths)),
    "torch.cdist and logsumexp": ("torch", (M, cdist_and_logsumexp)),
    "numkong, euclideans_packed and logsumexp": ("numkong", (1000, numkong_and_logsumexp)),
    "pykeops, logsumexp": ("pykeops", (100, keops)),
    "scikit-learn KernelDensity, a single leaf": ("sklearn", (50, scikit_learn(leaf_size=M + 1))),
    "scikit-learn KernelDensity": ("sklearn", (50, scikit_learn())),
    "broadcasting as published, 10 at once": ("numpy", (50, broadcasting(10))),
    "broadcasting as published, 100 at once": ("numpy", (100, broadcasting(100))),
}
WITHOUT_VALUES = ("bare matrix product", "ganbench, ten bandwidths")
INACCURATE = "scikit-learn KernelDensity"
"""Its bounds in a tree of many dimensions cancel, and it returns densities that are off by up to e^1000
(scikit-learn issues 7492 and 25799). With a single leaf there are no bounds."""


@pytest.mark.parametrize("d", [64, 784, 2304])
def test_parzen_of_noise(compare, present, d):
    """Uniform noise: in 64 dimensions most kernels are within reach of each other."""
    _compare(compare, present, f"noise, d = {d}", _points(M, d, 0), _points(M, d, 1))


@pytest.mark.real_data
def test_parzen_of_digits(compare, present, real_data):
    split = load_dataset("mnist", real_data).splits[0]
    points, centres = (torch.as_tensor(images[:M]).flatten(1).contiguous() for images in (split.test, split.train))
    _compare(compare, present, "MNIST, d = 784", points, centres)


def _compare(compare, present, data, points, centres):
    d = points.shape[1]
    contenders = {
        name: (float(n) * M * d, build(points[:n], centres))
        for name, (n, build) in present(CONTENDERS).items()
        if d < 2304 or "100 at once" not in name  # which would take 30 GB
    }
    results = compare(f"Parzen log density, {M:,} points, {M:,} centres, {data}", contenders)
    for name, values in results.items():
        if name not in (*WITHOUT_VALUES, INACCURATE):
            # torch.cdist takes float32 distances of about sqrt(d / 6), each off by some units: not our accuracy
            expected = results["ganbench"][: len(values)]
            torch.testing.assert_close(values.double(), expected, rtol=1e-4, atol=1.0)
