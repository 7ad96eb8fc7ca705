"""Parzen log-densities and nearest neighbours: time, memory, and the share of the machine's matrix-product rate.

The share is the time of the bare product of points and centres over the time of the metric; 1 would be a metric that
costs nothing but its distances.
"""

from __future__ import annotations

import os

import torch

from benchmarks._compat import load_dataset
from benchmarks._ratios import DEVICES, medians_in_turns, product_rate
from ganbench.metrics import PAPER_GRID, nearest_neighbors, parzen_log_density


def _points(n: int, d: int, seed: int, device: str) -> torch.Tensor:
    """Uniform noise: all distances are nearly equal, so that few pairs can be left out."""
    return torch.rand(n, d, generator=torch.Generator().manual_seed(seed)).to(device)


class Parzen:
    params = ([2000], [64, 784, 2304], [1, 10], DEVICES)
    param_names = ("n", "d", "bandwidths", "device")

    def setup(self, n, d, bandwidths, device):
        self.points, self.centres = _points(n, d, 0, device), _points(n, d, 1, device)
        self.grid = PAPER_GRID if bandwidths == 10 else PAPER_GRID[3]
        self.product = product_rate(n, n, d, device)

    def log_density(self):
        return parzen_log_density(self.points, self.centres, self.grid).cpu()

    def time_log_density(self, n, d, bandwidths, device):
        self.log_density()

    def peakmem_log_density(self, n, d, bandwidths, device):
        self.log_density()

    def track_share_of_product_rate(self, n, d, bandwidths, device):
        whole, product = medians_in_turns([self.log_density, self.product])
        return product / whole

    track_share_of_product_rate.unit = "share"


class ParzenAtFullSize:
    """10,000 points and 10,000 centres, as a protocol has them."""

    params = ([10_000], [784], [1, 10], DEVICES)
    param_names = ("n", "d", "bandwidths", "device")
    timeout = 300

    setup = Parzen.setup
    log_density = Parzen.log_density
    peakmem_log_density = Parzen.peakmem_log_density
    track_share_of_product_rate = Parzen.track_share_of_product_rate


class ParzenOfImages:
    """The first 10,000 test and training images of MNIST, where few kernels matter; bandwidths as in Parzen."""

    params = ([784], [1, 10], DEVICES)
    param_names = ("d", "bandwidths", "device")
    timeout = 300

    def setup(self, d, bandwidths, device):
        if "GANBENCH_DATA" not in os.environ:
            raise NotImplementedError("needs MNIST, in the folder that GANBENCH_DATA names")
        split = load_dataset("mnist").splits[0]
        self.points, self.centres = (
            torch.as_tensor(images[:10_000]).flatten(1).to(device) for images in (split.test, split.train)
        )
        self.grid = PAPER_GRID if bandwidths == 10 else PAPER_GRID[3]
        self.product = product_rate(*map(len, (self.points, self.centres)), d, device)

    log_density = Parzen.log_density

    def track_share_of_product_rate(self, d, bandwidths, device):
        whole, product = medians_in_turns([self.log_density, self.product])
        return product / whole

    track_share_of_product_rate.unit = "share"


class NearestNeighbors:
    params = ([2000], [10_000], [64, 784], [1, 10], DEVICES)
    param_names = ("n", "m", "d", "k", "device")

    def setup(self, n, m, d, k, device):
        self.queries, self.reference, self.k = _points(n, d, 0, device), _points(m, d, 1, device), k
        self.product = product_rate(n, m, d, device)

    def search(self):
        return nearest_neighbors(self.queries, self.reference, self.k)[0].cpu()

    def time_nearest_neighbors(self, n, m, d, k, device):
        self.search()

    def peakmem_nearest_neighbors(self, n, m, d, k, device):
        self.search()

    def track_share_of_product_rate(self, n, m, d, k, device):
        whole, product = medians_in_turns([self.search, self.product])
        return product / whole

    track_share_of_product_rate.unit = "share"


class NearestNeighborsAtFullSize:
    """10,000 samples among the 60,000 images of MNIST, by size."""

    params = ([10_000], [60_000], [784], [1], DEVICES)
    param_names = ("n", "m", "d", "k", "device")
    timeout = 600

    def setup(self, n, m, d, k, device):
        self.queries, self.reference, self.k = _points(n, d, 0, device), _points(m, d, 1, device), k
        product = product_rate(n, n, d, device)  # in six parts: the whole would take 2.4 GB

        def in_parts():
            for _ in range(m // n):
                product()

        self.product = in_parts

    search = NearestNeighbors.search
    peakmem_nearest_neighbors = NearestNeighbors.peakmem_nearest_neighbors

    def track_share_of_product_rate(self, n, m, d, k, device):
        whole, product = medians_in_turns([self.search, self.product], rounds=3)
        return product / whole

    track_share_of_product_rate.unit = "share"
