"""Slow, obvious truths that the fast code is held against."""

from __future__ import annotations

import math

import numpy as np


def parzen_log_density(points, centres, bandwidth):
    """The definition, point by point, by differences in float64."""
    points, centres = np.asarray(points, np.float64), np.asarray(centres, np.float64)
    n, d = points.shape
    result = np.empty(n)
    for i, x in enumerate(points):
        exponents = -((centres - x) ** 2).sum(1) / (2 * bandwidth**2)
        top = exponents.max()
        result[i] = top + math.log(np.exp(exponents - top).mean())
    return result - 0.5 * d * math.log(2 * math.pi * bandwidth**2)


def nearest_neighbors(queries, reference, k):
    """All distances by differences, sorted stably."""
    queries, reference = np.asarray(queries, np.float64), np.asarray(reference, np.float64)
    distances = np.sqrt(((queries[:, None] - reference[None]) ** 2).sum(2))
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, 1), order
