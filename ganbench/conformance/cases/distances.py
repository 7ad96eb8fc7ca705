"""Distances between laws, and diversity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ganbench.conformance.cases.draws import normal, normal_quantiles, sets
from ganbench.metrics.case import Case

__all__ = ["CASES"]

_PIXELS = {"space": "pixels"}


def _two_sets(d: int = 8) -> dict[str, Any]:
    return sets(normal(1, 400, d, mean=0.3, deviation=1.2), normal(2, 300, d))


def _gaussian_mmd(s1: float, s2: float, distance: float, width: float, d: int) -> float:
    """Of N(0, s1^2 I) and N(D, s2^2 I): means of the kernel over two normal laws, in closed form."""

    def mean(variance: float, shift: float) -> float:
        total = width**2 + variance
        return float((width**2 / total) ** (d / 2) * math.exp(-(shift**2) / (2 * total)))

    return mean(2 * s1**2, 0) + mean(2 * s2**2, 0) - 2 * mean(s1**2 + s2**2, distance)


def _median(data: Mapping[str, Any]) -> float:
    from scipy.spatial.distance import pdist

    return float(np.median(pdist(data["test"].double().flatten(1).numpy())))


def _mmd_by_scipy(data: Mapping[str, Any]) -> float:
    """The unbiased estimate by its definition, in float64."""
    from scipy.spatial.distance import cdist

    x, y = (data[role].double().numpy() for role in ("generated", "test"))
    width = _median(data)

    def mean(a: np.ndarray, b: np.ndarray, n_left_out: int) -> float:
        kernel = np.exp(-cdist(a, b, "sqeuclidean") / (2 * width**2))
        return float((kernel.sum() - n_left_out) / (kernel.size - n_left_out))

    return mean(x, x, len(x)) + mean(y, y, len(y)) - 2 * mean(x, y, 0)


def _cubic_mmd(d: int, m: float) -> float:
    """Of N(mu, I) and N(0, I) under (x.y / d + 1)^3, m = ||mu||^2: by the moments of normal vectors."""
    return (m**3 + 6 * m**2 + 6 * m) / d**3 + (3 * m + 3 * m**2) / d**2 + 3 * m / d


def _frechet_by_scipy(data: Mapping[str, Any]) -> float:
    """With a general matrix root, as is usual."""
    from scipy.linalg import sqrtm

    moments = [(x.mean(0), np.cov(x.T)) for x in (data[role].double().numpy() for role in ("generated", "test"))]
    (mean, covariance), (other_mean, other) = moments
    root = sqrtm(covariance @ other).real
    return float(np.sum((mean - other_mean) ** 2) + np.trace(covariance + other - 2 * root))


def _frechet_by_torchmetrics(data: Mapping[str, Any]) -> float:
    from torchmetrics.image.fid import _compute_fid

    moments = [
        part for role in ("generated", "test") for part in (data[role].double().mean(0), data[role].double().T.cov())
    ]
    return float(_compute_fid(*moments))


def _frechet_by_torch_fidelity(data: Mapping[str, Any]) -> float:
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    statistics = [
        {"mu": x.mean(0), "sigma": np.cov(x.T)} for x in (data[role].double().numpy() for role in ("generated", "test"))
    ]
    return float(fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"])


def _on_a_line() -> dict[str, Any]:
    return sets(normal(3, 500, 1, mean=0.5, deviation=1.5), normal(4, 500, 1))


def _wasserstein_by_scipy(data: Mapping[str, Any]) -> float:
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(data["generated"][:, 0].numpy(), data["test"][:, 0].numpy()))


def _wasserstein_by_pot(data: Mapping[str, Any]) -> float:
    from ot import wasserstein_1d

    x, y = (data[role][:, 0].double().numpy() for role in ("generated", "test"))
    return float(np.sqrt(wasserstein_1d(x, y, p=2)))


def _vendi_by_its_authors(data: Mapping[str, Any]) -> float:
    from scipy.spatial.distance import cdist
    from vendi_score.vendi import score_K

    x = data["generated"].double().numpy()
    return float(score_K(np.exp(-cdist(x, x, "sqeuclidean") / (2 * _median(data) ** 2))))


_MEDIAN = 2 * math.sqrt(2) * 0.6744897501960817  # of the distance of two draws from N(0, 4)

CASES: dict[str, tuple[Case, ...]] = {
    "mmd": (
        Case(
            "N(0, 1) and N(0, 4), kernel of width 1",
            "mmd_squared",
            lambda: sets(normal_quantiles(1500), normal_quantiles(1500, deviation=2)),
            lambda data: _gaussian_mmd(1, 2, 0, 1, 1),
            2e-3,
            settings={"bandwidth": 1 / _MEDIAN, "permutations": 19},
        ),
        Case(
            "400 samples, 300 examples",
            "mmd_squared",
            _two_sets,
            _mmd_by_scipy,
            1e-5,
            "SciPy, float64",
            settings={"permutations": 19},
        ),
    ),
    "kid": (
        Case(
            "N(mu, I) and N(0, I), d = 10, |mu|^2 = 4; five standard errors",
            "kid",
            lambda: sets(normal(5, 20000, 10) + 2 / math.sqrt(10), normal(6, 20000, 10)),
            lambda data: _cubic_mmd(10, 4.0),
            0.13,
        ),
    ),
    "frechet": (
        Case(
            "N(0, 1) and N(1, 4)",
            "frechet_distance_all",
            lambda: sets(normal_quantiles(500), normal_quantiles(500, mean=1, deviation=2)),
            lambda data: 2.0,
            1e-4,
            settings=_PIXELS,
        ),
        Case(
            "a shift by 3 in one of 8 dimensions",
            "frechet_distance_all",
            lambda: sets(normal(7, 400, 8) + 3 * torch.eye(8)[0], normal(7, 400, 8)),
            lambda data: 9.0,
            1e-4,
            settings=_PIXELS,
        ),
        Case(
            "two sets in 8 dimensions",
            "frechet_distance_all",
            _two_sets,
            _frechet_by_scipy,
            1e-4,
            "SciPy sqrtm",
            "",
            _PIXELS,
        ),
        Case(
            "two sets in 8 dimensions",
            "frechet_distance_all",
            _two_sets,
            _frechet_by_torchmetrics,
            1e-3,
            "torchmetrics",
            "torchmetrics",
            _PIXELS,
        ),
        Case(
            "two sets in 8 dimensions",
            "frechet_distance_all",
            _two_sets,
            _frechet_by_torch_fidelity,
            1e-3,
            "torch-fidelity",
            "torch_fidelity",
            _PIXELS,
        ),
    ),
    "sliced_wasserstein": (
        Case(
            "a shift by 0.5 on the line",
            "sliced_wasserstein",
            lambda: sets(normal(8, 300, 1) + 0.5, normal(8, 300, 1)),
            lambda data: 0.5,
            1e-5,
        ),
        # |d mu|^2 / d + (s1 - s2)^2 = 1 / 10 + 1
        Case(
            "N(0, I) and N(mu, 4 I), d = 10, |mu| = 1; five standard errors",
            "sliced_wasserstein",
            lambda: sets(normal(9, 1500, 10), normal(10, 1500, 10, deviation=2) + 1 / math.sqrt(10)),
            lambda data: math.sqrt(1.1),
            0.08,
        ),
        Case(
            "W1 of two sets on the line",
            "sliced_wasserstein",
            _on_a_line,
            _wasserstein_by_scipy,
            1e-5,
            "SciPy",
            "",
            {"order": 1},
        ),
        Case("W2 of two sets on the line", "sliced_wasserstein", _on_a_line, _wasserstein_by_pot, 1e-5, "POT", "ot"),
    ),
    "vendi": (
        Case(
            "equal samples", "vendi_score", lambda: sets(torch.ones(50, 3), normal(11, 50, 3)), lambda data: 1.0, 1e-4
        ),
        Case(
            "50 samples, none like another",
            "vendi_score",
            lambda: sets(10 * torch.eye(50), normal(12, 50, 50)),
            lambda data: 50.0,
            1e-3,
            settings={"bandwidth": 0.1},
        ),
        Case(  # an odd number of pairs, which has one median
            "62 samples",
            "vendi_score",
            lambda: sets(normal(13, 62, 4), normal(14, 62, 4)),
            _vendi_by_its_authors,
            1e-4,
            "vendi-score",
            "vendi_score",
        ),
    ),
}
