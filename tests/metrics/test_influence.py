"""Errors by influence: a quadratic distance whose variance is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from ganbench.metrics.influence import influence_error


def _errors(shift, repetitions, quadratic=1.0, m=60, n=90, d=50):
    """||mean x - mean y||^2 of N(shift, 1) and N(0, 1), whose influence is linear: values and errors."""
    found = []
    for r in range(repetitions):
        generator = torch.Generator().manual_seed(r)
        x, y = (torch.randn(size, d, generator=generator, dtype=torch.float64) for size in (m, n))
        x = x + shift
        gaps = [a.mean(0) - b.mean(0) for a, b in ((x, y), (x[::2], y[::2]), (x[1::2], y[1::2]))]
        sets = [[2 * x @ gap for gap in gaps], [-2 * y @ gap for gap in gaps]]
        found.append((float(gaps[0].square().sum()), influence_error(sets, quadratic)))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_a_squared_difference_of_means(shift):
    """Its variance is 4 d shift^2 s + 2 d s^2 with s = 1/m + 1/n."""
    s = 1 / 60 + 1 / 90
    errors = _errors(shift, 400)[:, 1]
    expected = math.sqrt(4 * 50 * shift**2 * s + 2 * 50 * s**2)
    assert math.sqrt(float(errors.square().mean())) == pytest.approx(expected, rel=0.1)
    if shift == 0:  # all of the variance is quadratic, so half as much again is that of half as many pairs again
        wider = _errors(shift, 400, 1.5)[:, 1]
        assert math.sqrt(float(wider.square().mean())) == pytest.approx(expected * math.sqrt(1.5), rel=0.12)


def test_halves_that_disagree_leave_the_quadratic_part():
    """A covariance below 0 counts as 0, and what exceeds the whole as the whole."""
    phi = torch.tensor([1.0, -1.0, 1.0, -1.0])
    of_two = 2 * float(phi.var()) / 4
    assert influence_error([(phi, phi, -phi)] * 2) == pytest.approx(math.sqrt(of_two / 2))
    assert influence_error([(phi, 3 * phi, phi)] * 2) == pytest.approx(math.sqrt(of_two))
    assert influence_error([(phi, phi, phi)] * 2, 1.5) == pytest.approx(math.sqrt(of_two))
