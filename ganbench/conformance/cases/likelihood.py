"""Parzen-window log-likelihoods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ganbench.conformance.cases.draws import normal, normal_quantiles, sets
from ganbench.metrics.case import Case

__all__ = ["CASES"]

_BANDWIDTH = 0.5


def _at_centre(d: int) -> Case:
    """A kernel at its own centre: -(d / 2) log(2 pi s^2)."""
    zero = torch.zeros(1, d)
    return Case(
        f"one kernel at its centre, d = {d}, s = 0.2",
        "mean_log_likelihood",
        lambda: sets(zero, zero),
        lambda data: -d / 2 * math.log(2 * math.pi * 0.2**2),
        1e-3,
        settings={"grid": [0.2], "refinement_steps": 0},
    )


def _points() -> dict[str, Any]:
    return sets(normal(1, 300, 12), normal(2, 200, 12))


def _by_scipy(data: Mapping[str, Any]) -> float:
    """The definition in float64."""
    from scipy.spatial.distance import cdist
    from scipy.special import logsumexp

    test, samples = data["test"].double().numpy(), data["generated"].double().numpy()
    m, d = samples.shape
    exponents = -cdist(test, samples, "sqeuclidean") / (2 * _BANDWIDTH**2)
    norm = math.log(m) + d / 2 * math.log(2 * math.pi * _BANDWIDTH**2)
    return float(np.mean(logsumexp(exponents, axis=1) - norm))


def _by_scikit_learn(data: Mapping[str, Any]) -> float:
    from sklearn.neighbors import KernelDensity

    density = KernelDensity(bandwidth=_BANDWIDTH, rtol=1e-10).fit(data["generated"].double().numpy())
    return float(density.score_samples(data["test"].double().numpy()).mean())


_FIXED = {"grid": [_BANDWIDTH], "refinement_steps": 0}

CASES: dict[str, tuple[Case, ...]] = {
    "parzen": (
        _at_centre(784),
        _at_centre(2304),
        # -(d / 2) (log(2 pi (1 + s^2)) + 1 / (1 + s^2)) with s = 0.5 and d = 1
        Case(
            "N(0, 1) under infinitely many samples of N(0, 1), s = 0.5",
            "mean_log_likelihood",
            lambda: sets(normal_quantiles(4000), normal_quantiles(4000)),
            lambda data: -0.5 * (math.log(2 * math.pi * 1.25) + 1 / 1.25),
            1e-3,
            settings=_FIXED,
        ),
        Case("200 points, 300 kernels", "mean_log_likelihood", _points, _by_scipy, 1e-5, "SciPy, float64", "", _FIXED),
        Case(
            "200 points, 300 kernels",
            "mean_log_likelihood",
            _points,
            _by_scikit_learn,
            1e-4,
            "scikit-learn KernelDensity",
            "",
            _FIXED,
        ),
    )
}
