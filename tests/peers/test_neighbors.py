"""Exact nearest neighbours beside other libraries: 10,000 queries among 60,000 points.

Slow contenders get fewer queries, so that a run takes minutes; their rate tells.
"""

from __future__ import annotations

import numpy as np
import torch

from ganbench.metrics import nearest_neighbors

N, M, D = 10_000, 60_000, 784


def bare_product(queries, reference):
    out = torch.empty(N, N)  # in parts: the whole would take 2.4 GB

    def run():
        for part in reference.split(N):
            torch.mm(queries, part.T, out=out)

    return run


def ours(queries, reference):
    return lambda: nearest_neighbors(queries, reference)[1][:, 0].numpy()


def faiss_flat(queries, reference):
    import faiss

    def run():
        index = faiss.IndexFlatL2(D)
        index.add(reference.numpy())
        return index.search(queries.numpy(), 1)[1][:, 0]

    return run


def scikit_learn(queries, reference):
    from sklearn.neighbors import NearestNeighbors

    return _brute_force(NearestNeighbors, queries, reference)


def scikit_learn_intelex(queries, reference):
    from sklearnex.neighbors import NearestNeighbors

    return _brute_force(NearestNeighbors, queries, reference)


def _brute_force(estimator, queries, reference):
    def run():
        index = estimator(n_neighbors=1, algorithm="brute").fit(reference.numpy())
        return index.kneighbors(queries.numpy(), return_distance=False)[:, 0]

    return run


def usearch_exact(queries, reference):
    from usearch.index import MetricKind, search

    threads = torch.get_num_threads()

    def run():
        found = search(reference.numpy(), queries.numpy(), 1, metric=MetricKind.L2sq, exact=True, threads=threads)
        return found.keys[:, 0]

    return run


def numkong_packed(queries, reference):
    """Distances to packed points, all of them, in float64; it runs in one thread."""
    import numkong

    return lambda: np.asarray(numkong.euclideans_packed(queries.numpy(), numkong.dots_pack(reference.numpy()))).argmin(
        1
    )


def keops(queries, reference):
    from pykeops.torch import LazyTensor

    def run():
        x, y = LazyTensor(queries[:, None, :]), LazyTensor(reference[None, :, :])
        return ((x - y) ** 2).sum(-1).argmin(1)[:, 0].numpy()

    return run


CONTENDERS = {  # name: its module, (queries at most, builder)
    "ganbench": ("ganbench", (N, ours)),
    "bare matrix product": ("torch", (N, bare_product)),
    "faiss IndexFlatL2": ("faiss", (N, faiss_flat)),
    "scikit-learn, brute force": ("sklearn", (N, scikit_learn)),
    "scikit-learn-intelex, brute force": ("sklearnex", (N, scikit_learn_intelex)),
    "usearch, exact": ("usearch", (200, usearch_exact)),
    "numkong, euclideans_packed": ("numkong", (200, numkong_packed)),
    "pykeops, argmin": ("pykeops", (20, keops)),
}


def test_nearest_neighbors(compare, present):
    queries, reference = (
        torch.rand(n, D, generator=torch.Generator().manual_seed(seed)) for n, seed in ((N, 0), (M, 1))
    )
    contenders = {
        name: (float(n) * M * D, build(queries[:n], reference)) for name, (n, build) in present(CONTENDERS).items()
    }
    results = compare(f"Nearest neighbour, {N:,} queries, {M:,} points, d = {D}", contenders)
    for name, found in results.items():
        if name not in ("ganbench", "bare matrix product"):
            # float32 distances confuse neighbours that are nearly as near
            assert np.mean(found == results["ganbench"][: len(found)]) > 0.98
