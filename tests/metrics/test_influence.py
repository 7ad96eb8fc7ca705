"""Errors and intervals by influence: a quadratic distance whose variance is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from ganbench.metrics.influence import Variance, distance_variance, tilted


def _errors(shift, repetitions, quadratic=1.0, m=60, n=90, d=50):
    """||mean x - mean y||^2 of N(shift, 1) and N(0, 1), whose influence is linear: values and errors."""
    found = []
    for r in range(repetitions):
        generator = torch.Generator().manual_seed(r)
        x, y = (torch.randn(size, d, generator=generator, dtype=torch.float64) for size in (m, n))
        x = x + shift
        gaps = [a.mean(0) - b.mean(0) for a, b in ((x, y), (x[::2], y[::2]), (x[1::2], y[1::2]))]
        sets = [[2 * x @ gap for gap in gaps], [-2 * y @ gap for gap in gaps]]
        found.append((float(gaps[0].square().sum()), distance_variance(sets, quadratic).error))
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
    assert distance_variance([(phi, phi, -phi)] * 2).error == pytest.approx(math.sqrt(of_two / 2))
    assert distance_variance([(phi, 3 * phi, phi)] * 2).error == pytest.approx(math.sqrt(of_two))
    assert distance_variance([(phi, phi, phi)] * 2, 1.5).error == pytest.approx(math.sqrt(of_two))


def test_the_interval_is_symmetric_about_the_root():
    """Of a D + Q = (error + z a / 2)^2 at the upper end, and below where the root is no number, of 0 at the lower."""
    variance = Variance(linear=3.0, quadratic=1.0, of_influences=5.0)
    z = 1.959963984540054
    for bend, slope in ((0.5, 0.2), (25.0, 10.0)):
        ends = variance.interval(7.0, bend)
        roots = [math.sqrt(max(4 + slope * (end - 7), 0)) for end in ends]
        assert roots == pytest.approx([max(2 - z * slope / 2, 0), 2 + z * slope / 2], abs=1e-7)
    assert variance.interval(7.0, 0.0) == pytest.approx((7 - 2 * z, 7 + 2 * z))
    assert Variance(0.0, 0.0, 0.0).interval(0.0, 0.0) == (0.0, 0.0)


def test_weights_that_move():
    """In proportion to the influences over the size of the set, as far as the first weight of 0."""
    changes, h = tilted([torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 8.0, 0.0, 0.0])])
    assert h == pytest.approx(1 / 1.5)
    assert changes[0].tolist() == pytest.approx([-2 / 9, 0, 2 / 9])
    assert changes[1].tolist() == pytest.approx([-1 / 3, 1, -1 / 3, -1 / 3])
    assert tilted([torch.ones(3), torch.ones(2)])[0][0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("shift", "usual"), [(0.0, None), (0.15, 0.88), (1.0, None)])
def test_intervals_cover(shift, usual):
    """Of 600 pairs of sets in two dimensions, at one law somewhat more often; D +- 1.96 errors do not, near."""
    covers, wald = [], []
    truth = 2 * shift**2 + 2 * (1 / 60 + 1 / 90)
    for r in range(600):
        generator = torch.Generator().manual_seed(r)
        x, y = (torch.randn(size, 2, generator=generator, dtype=torch.float64) for size in (60, 90))
        x = x + shift
        gaps = [a.mean(0) - b.mean(0) for a, b in ((x, y), (x[::2], y[::2]), (x[1::2], y[1::2]))]
        sets = [[2 * x @ gap for gap in gaps], [-2 * y @ gap for gap in gaps]]
        variance, distance = distance_variance(sets), float(gaps[0].square().sum())
        changes, h = tilted([found[0] for found in sets])
        moved = (changes[0] @ x / 60 - changes[1] @ y / 90) / h
        low, high = variance.interval(distance, 2 * float(moved.square().sum()))
        covers.append(low <= truth <= high)
        wald.append(abs(distance - truth) <= 1.96 * variance.error)
    binomial = math.sqrt(0.95 * 0.05 / 600)
    assert 0.95 - 3 * binomial <= sum(covers) / 600
    if shift:
        assert sum(covers) / 600 <= 0.95 + 3 * binomial
    if usual:
        assert sum(wald) / 600 < usual
