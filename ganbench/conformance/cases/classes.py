"""Metrics by classifiers, and of Markov chains."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ganbench.conformance.cases.draws import normal, sets
from ganbench.metrics.case import Case
from ganbench.metrics.metric import Chains, Labels

__all__ = ["CASES"]


def _clusters(seed: int, n: int, classes: int) -> torch.Tensor:
    """N points around each of some corners, far from each other, class after class."""
    corners = 20 * torch.eye(classes).repeat_interleave(n, 0)
    return corners + normal(seed, n * classes, classes)


def _only_some(generated: int, classes: int = 4) -> dict[str, Any]:
    """Samples of some of the classes only."""
    labels = torch.arange(classes).repeat_interleave(50)
    test = _clusters(1, 50, classes)
    return sets(
        _clusters(2, 50, classes)[: 50 * generated],
        test,
        train=_clusters(3, 50, classes),
        valid=_clusters(4, 50, classes),
        labels=Labels(labels, labels, labels),
    )


def _slow_chains() -> dict[str, Any]:
    """100 samples every 2 steps, from chains that forget in 20."""
    samples = normal(5, 10, 10, 6)
    starts = {"noise": samples, "train": normal(6, 10, 10, 6)}
    chains = Chains(starts, torch.arange(10), 400, 2, {"components": 20.0, "classes": 20.0})
    labels = torch.arange(2).repeat(40)
    return sets(
        samples.flatten(0, 1),
        normal(7, 80, 6),
        train=normal(8, 80, 6),
        valid=normal(9, 80, 6),
        chains=chains,
        labels=Labels(labels, labels, labels),
    )


def _bayes(shift: float) -> float:
    """The best accuracy between N(0, I) and N(D, I): Phi(|D| / 2)."""
    from scipy.special import ndtr

    return float(ndtr(shift / 2))


CASES: dict[str, tuple[Case, ...]] = {
    "classifier_two_sample": (
        Case(
            "N(0, I) and N(D, I), |D| = 2; four standard errors",
            "accuracy",
            lambda: sets(normal(10, 3000, 2) + 2 / np.sqrt(2), normal(11, 3000, 2)),
            lambda data: _bayes(2.0),
            0.027,
        ),
        Case(
            "equal laws; four standard errors",
            "accuracy",
            lambda: sets(normal(12, 3000, 2), normal(13, 3000, 2)),
            lambda data: 0.5,
            0.037,
        ),
    ),
    "class_histogram": (
        Case("one of four classes", "total_variation", lambda: _only_some(1), lambda data: 0.75, 0.01),
        Case("all classes alike", "total_variation", lambda: _only_some(4), lambda data: 0.0, 0.01),
        Case("three of four classes", "modes_covered", lambda: _only_some(3), lambda data: 3.0, 0.0),
    ),
    "mixing": (
        Case("100 samples every 2 of 20 steps", "effective_sample_size", _slow_chains, lambda data: 10.0, 1e-6),
    ),
}
