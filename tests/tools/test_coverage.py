"""Counting how often the range of a new training covers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tools.coverage.__main__ import coverage


@pytest.mark.parametrize(("k", "level"), [(2, 0.95), (5, 0.6827)])
def test_normal_trainings_are_covered_as_often_as_it_says(k, level):
    """500 values, in 2,000 draws of k + 1: three binomial standard errors of the draws, and as many of the values."""
    generator = np.random.default_rng(k)
    share = coverage(generator.standard_normal(500), k, level, generator, draws=2000)
    assert share == pytest.approx(level, abs=3 * math.sqrt(level * (1 - level) * (1 / 2000 + 1 / 500)))


def test_one_training_apart_from_all_others_is_not_covered():
    values = np.array([0.0] * 9 + [100.0])
    share = coverage(values, 2, 0.5, np.random.default_rng(0), draws=2000)
    assert share == pytest.approx(0.9, abs=3 * math.sqrt(0.09 / 2000))
