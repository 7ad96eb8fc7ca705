"""Metrics of memorisation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ganbench.conformance.cases.draws import normal, sets
from ganbench.metrics.case import Case

__all__ = ["CASES"]


def _planted(share: float) -> dict[str, Any]:
    """Samples of the data's law, a share of them copies of training examples."""
    train, samples = normal(1, 500, 6), normal(2, 200, 6)
    samples[: round(200 * share)] = train[: round(200 * share)]
    return sets(samples, normal(3, 300, 6), train=train, valid=normal(4, 300, 6))


def _shifted() -> dict[str, Any]:
    """Training images with blank borders, shifted by a pixel to both sides."""
    train = torch.nn.functional.pad(normal(5, 40, 4, 4).abs(), (2, 2, 2, 2))
    held_out = (torch.nn.functional.pad(normal(seed, 40, 4, 4).abs(), (2, 2, 2, 2)) for seed in (6, 7))
    return sets(train[:20].roll((1, -1), (1, 2)), next(held_out), train=train, valid=next(held_out))


def _mann_whitney(data: Mapping[str, Any]) -> float:
    """Z of SciPy's U statistic over distances by scikit-learn."""
    from scipy.stats import mannwhitneyu
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(data["train"].double().numpy())
    samples, test = (index.kneighbors(data[role].double().numpy())[0][:, 0] for role in ("generated", "test"))
    n, m = len(samples), len(test)
    u = float(mannwhitneyu(samples, test).statistic)
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def _atoms(atoms: int, each: int) -> dict[str, Any]:
    samples = (100 * torch.eye(atoms)).repeat_interleave(each, 0)
    return sets(samples, normal(8, 50, atoms), train=normal(9, 80, atoms), valid=normal(10, 50, atoms))


_ONE_CELL = {"cells": 1}

CASES: dict[str, tuple[Case, ...]] = {
    "copies": (
        Case("20 % planted copies", "exact_copy_share", lambda: _planted(0.2), lambda data: 0.2, 1e-12),
        Case("no copies", "exact_copy_share", lambda: _planted(0.0), lambda data: 0.0, 0.0),
    ),
    "shifted_copies": (Case("images shifted by a pixel", "exact_copy_share", _shifted, lambda data: 1.0, 0.0),),
    "data_copying": (
        # U = 0: -(m n / 2) / sqrt(m n (m + n + 1) / 12), -38.72 with 1,000 of each
        Case(
            "copies, 1,000 samples and examples, one cell",
            "c_t",
            lambda: sets(normal(11, 1000, 3), normal(12, 1000, 3), train=normal(11, 1000, 3)),
            lambda data: -500_000 / math.sqrt(1e6 * 2001 / 12),
            1e-6,
            settings=_ONE_CELL,
        ),
        Case(
            "20 % planted copies, one cell", "c_t", lambda: _planted(0.2), _mann_whitney, 1e-6, "SciPy", "", _ONE_CELL
        ),
    ),
    "authenticity": (
        Case("copies", "authentic_share", lambda: _planted(1.0), lambda data: 0.0, 0.0),
        Case(
            "samples far off",
            "authentic_share",
            lambda: {**_planted(0.0), "generated": normal(13, 100, 6) + 99},
            lambda data: 1.0,
            0.0,
        ),
    ),
    "birthdays": (
        # of 20 samples at 4 places, each has 4 among 19 others at its own
        Case("20 samples at 4 places", "pair_probability", lambda: _atoms(4, 5), lambda data: 4 / 19, 1e-9),
        Case("the support of 20 samples at 4 places", "support", lambda: _atoms(4, 5), lambda data: 19 / 4, 1e-6),
        Case(
            "the batch that holds a pair with probability 1/2",
            "batch",
            lambda: _atoms(100, 2),
            lambda data: float(np.sqrt(2 * np.log(2) * 199)),
            0.5,
        ),
    ),
}
