"""Metrics of nearest neighbours."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from ganbench.conformance.cases.draws import normal, sets
from ganbench.metrics.case import Case

__all__ = ["CASES"]


def _three_sets() -> dict[str, Any]:
    return sets(normal(1, 200, 6, deviation=0.9), normal(2, 300, 6), train=normal(3, 250, 6))


def _by_scikit_learn(data: Mapping[str, Any]) -> float:
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(data["train"].double().numpy())
    return float(index.kneighbors(data["test"].double().numpy())[0].mean())


def _by_faiss(data: Mapping[str, Any]) -> float:
    import faiss

    index = faiss.IndexFlatL2(data["train"].shape[1])
    index.add(data["train"].numpy())
    return float(np.sqrt(index.search(data["test"].numpy(), 1)[0]).mean())


def _by_prdc(name: str) -> Callable[[Mapping[str, Any]], float]:
    def reference(data: Mapping[str, Any]) -> float:
        from prdc import compute_prdc

        real, fake = (data[role].double().numpy() for role in ("test", "generated"))
        with contextlib.redirect_stdout(io.StringIO()):  # it tells how many examples there are
            return float(compute_prdc(real_features=real, fake_features=fake, nearest_k=5)[name])

    return reference


def _leave_one_out(data: Mapping[str, Any]) -> float:
    """Accuracy of the nearest neighbour in the pooled set."""
    from sklearn.neighbors import NearestNeighbors

    n = len(data["test"])
    pooled = torch.cat([data["generated"], data["test"]]).double().numpy()
    nearest = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(pooled).kneighbors(pooled)[1][:, 1]
    return float(np.mean((np.arange(2 * n) < n) == (nearest < n)))


_FEW = {"permutations": 19}

CASES: dict[str, tuple[Case, ...]] = {
    "nearest_neighbors": (
        Case(
            "copies of training examples",
            "generated_mean",
            lambda: sets(normal(3, 250, 6)[:100], normal(2, 300, 6), train=normal(3, 250, 6)),
            lambda data: 0.0,
            0.0,
        ),
        Case("300 examples, 250 neighbours", "test_mean", _three_sets, _by_scikit_learn, 1e-5, "scikit-learn"),
        Case("300 examples, 250 neighbours", "test_mean", _three_sets, _by_faiss, 1e-4, "faiss", "faiss"),
    ),
    "prdc": (
        # 1 - prod_{j = 1..k} (N - j) / (M + N - j) with N = M = 1000 and k = 5
        Case(
            "coverage of equal laws, 1,000 of each",
            "expected_coverage",
            lambda: sets(normal(4, 1000, 2), normal(5, 1000, 2)),
            lambda data: 1 - float(np.prod([(1000 - j) / (2000 - j) for j in range(1, 6)])),
            1e-9,
        ),
        Case(
            "disjoint sets", "precision", lambda: sets(normal(6, 60, 3) + 99, normal(7, 60, 3)), lambda data: 0.0, 0.0
        ),
        *(
            Case(f"{name} of 200 samples, 300 examples", name, _three_sets, _by_prdc(name), 1e-9, "prdc", "prdc")
            for name in ("precision", "recall", "density", "coverage")
        ),
    ),
    "nearest_neighbor_two_sample": (
        Case(
            "each sample next to a test example",
            "accuracy",
            lambda: sets(normal(8, 100, 5) + 1e-4, normal(8, 100, 5)),
            lambda data: 0.0,
            0.0,
            settings=_FEW,
        ),
        Case(
            "two sets apart",
            "accuracy",
            lambda: sets(normal(9, 100, 5) + 99, normal(10, 100, 5)),
            lambda data: 1.0,
            0.0,
            settings=_FEW,
        ),
        Case(
            "200 of each",
            "accuracy",
            lambda: sets(normal(11, 200, 5, deviation=1.5), normal(12, 200, 5)),
            _leave_one_out,
            1e-9,
            "scikit-learn",
            settings=_FEW,
        ),
    ),
}
