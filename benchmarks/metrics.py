"""Parzen log-densities and nearest neighbours: time, memory, and the share of the machine's matrix-product rate."""

from __future__ import annotations

import time
from statistics import median

import torch

from ganbench.metrics import nearest_neighbors, parzen_log_density

_N = 2000


def _points(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.rand(n, d, generator=torch.Generator().manual_seed(seed))


def _seconds(function, repeats: int = 3) -> float:
    durations = []
    for _ in range(repeats):
        begun = time.perf_counter()
        function()
        durations.append(time.perf_counter() - begun)
    return median(durations)


class Parzen:
    params = ([64, 784, 2304], [1, 10])
    param_names = ("d", "bandwidths")

    def setup(self, d, bandwidths):
        self.points, self.centres = _points(_N, d, 0), _points(_N, d, 1)
        self.grid = torch.logspace(-1, 0, 10)[:bandwidths].tolist()

    def time_log_density(self, d, bandwidths):
        parzen_log_density(self.points, self.centres, self.grid)

    def peakmem_log_density(self, d, bandwidths):
        parzen_log_density(self.points, self.centres, self.grid)

    def track_share_of_matrix_product_rate(self, d, bandwidths):
        products = _seconds(lambda: self.points @ self.centres.T)
        return products / _seconds(lambda: parzen_log_density(self.points, self.centres, self.grid))

    track_share_of_matrix_product_rate.unit = "share"


class NearestNeighbors:
    params = ([64, 784],)
    param_names = ("d",)

    def setup(self, d):
        self.queries, self.reference = _points(_N, d, 0), _points(5 * _N, d, 1)

    def time_nearest_neighbors(self, d):
        nearest_neighbors(self.queries, self.reference)

    def track_share_of_matrix_product_rate(self, d):
        products = _seconds(lambda: self.queries @ self.reference.T)
        return products / _seconds(lambda: nearest_neighbors(self.queries, self.reference))

    track_share_of_matrix_product_rate.unit = "share"
