"""The maximum mean discrepancy against closed forms, plain sums, and the size and power of its test."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganbench.conformance import check_metric
from ganbench.errors import DataError
from ganbench.metrics.mmd import MMD, median_distance, mmd_with_variance, permutation_p
from ganbench.metrics.subsets import chosen


def _normal(n, d, seed, shift=0.0, scale=1.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) * scale + shift


def _closed(shift, s1=1.0, s2=1.0, d=1, width=1.0):
    """MMD^2 of N(0, s1^2 I) and N(mu, s2^2 I), ||mu|| = shift, under a Gaussian kernel."""
    squared = width**2

    def mean(a, b, distance):
        total = squared + a**2 + b**2
        return (squared / total) ** (d / 2) * math.exp(-(distance**2) / 2 / total)

    return mean(s1, s1, 0) + mean(s2, s2, 0) - 2 * mean(s1, s2, shift)


@pytest.mark.parametrize(("shift", "scale", "truth"), [(1.0, 1.0, 0.177268), (0.0, 2.0, 0.094187), (0.0, 1.0, 0.0)])
def test_normal_laws(shift, scale, truth):
    assert _closed(shift, 1.0, scale) == pytest.approx(truth, abs=1e-6)
    mmd, variance, _ = mmd_with_variance(_normal(3000, 1, 1), _normal(2000, 1, 2, shift, scale), 1.0)
    assert mmd == pytest.approx(truth, abs=3 * variance.error)
    assert variance.error < 0.02


def test_plain_sums():
    x, y = _normal(40, 5, 1).double(), _normal(33, 5, 2, 0.4).double()

    def kernel(a, b):
        return torch.exp(-torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square() / 2 / 1.5**2)

    xx, yy = kernel(x, x).fill_diagonal_(0), kernel(y, y).fill_diagonal_(0)
    expected = xx.sum() / 40 / 39 + yy.sum() / 33 / 32 - 2 * kernel(x, y).mean()
    assert mmd_with_variance(x.float(), y.float(), 1.5)[0] == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(("d", "shift", "width"), [(2, 1.0, 1.0), (30, 0.0, 5.0)])
def test_the_error_is_that_of_repetitions(d, shift, width):
    """Of 300 pairs of sets; a standard deviation is known to 1 / sqrt(600) of itself. Of one law too."""
    found = [mmd_with_variance(_normal(60, d, 2 * r, shift), _normal(100, d, 2 * r + 1), width) for r in range(300)]
    estimates, errors = np.array([(mmd, variance.error) for mmd, variance, _ in found]).T
    truth = _closed(math.sqrt(d) * shift, d=d, width=width)
    assert estimates.mean() == pytest.approx(truth, abs=3 * estimates.std() / math.sqrt(300))
    assert math.sqrt((errors**2).mean()) == pytest.approx(estimates.std(), rel=4 / math.sqrt(600))
    covered = np.mean([low < truth < high for low, high in (v.interval(mmd, bend) for mmd, v, bend in found)])
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 300))


def test_the_interval_covers_near_one_law():
    """Of 300 pairs of sets; 1.96 errors to either side hold 88 %."""
    metric, truths, ends = MMD(permutations=19), [], []
    for r in range(300):
        values = metric.measure(generated=_normal(100, 2, 2 * r, 0.15), test=_normal(100, 2, 2 * r + 1)).values
        truths.append(_closed(math.sqrt(2) * 0.15, d=2, width=values["bandwidth"].value))
        ends.append([values[f"mmd_squared_{end}"].value for end in ("low", "high")])
    low, high = np.array(ends).T
    assert np.mean((low <= truths) & (truths <= high)) == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 300))


def test_the_bend_is_that_of_moved_weights(monkeypatch):
    """By plain sums over pairs; that of a part is about that of all."""
    x, y = _normal(50, 3, 1, 0.5).double(), _normal(40, 3, 2).double()
    _, _, bend = mmd_with_variance(x.float(), y.float(), 1.5)
    z, signs = torch.cat((x, y)), torch.cat((torch.full((50,), 1 / 50), torch.full((40,), -1 / 40))).double()
    kernel = torch.exp(-torch.cdist(z, z).square() / 2 / 1.5**2).fill_diagonal_(0)
    own = torch.cat((kernel[:50, :50].sum(1) / 49, kernel[50:, 50:].sum(1) / 39))
    other = torch.cat((kernel[:50, 50:].mean(1), kernel[50:, :50].mean(1)))
    influences = 2 * own - 2 * other
    moves = torch.cat([(part - part.mean()) / len(part) for part in influences.split((50, 40))]) * signs
    assert bend == pytest.approx(2 * float(moves @ kernel @ moves), rel=1e-4)
    x, y = _normal(800, 3, 1, 0.5), _normal(900, 3, 2)
    of_all = mmd_with_variance(x, y, 1.5)[2]
    monkeypatch.setattr("ganbench.metrics.mmd._FOR_BEND", 400)
    assert mmd_with_variance(x, y, 1.5)[2] == pytest.approx(of_all, rel=0.3)


def test_sets_of_two_and_three():
    """No halves can be compared: the error is that of the plain projections."""
    x, y = _normal(2, 3, 1), _normal(3, 3, 2)
    _, variance, _ = mmd_with_variance(x, y, 1.0)
    kernel = torch.exp(-torch.cdist(torch.cat((x, y)).double(), torch.cat((x, y)).double()).square() / 2)
    kernel.fill_diagonal_(0)
    of_x = kernel[:2, :2].sum(1) - kernel[:2, 2:].mean(1)
    of_y = kernel[2:, 2:].sum(1) / 2 - kernel[2:, :2].mean(1)
    assert variance.error == pytest.approx(math.sqrt(4 * float(of_x.var()) / 2 + 4 * float(of_y.var()) / 3), rel=1e-4)


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 0.05 - 4 * 0.0126, 0.05 + 4 * 0.0126), (0.8, 0.9, 1.0)])
def test_size_and_power(shift, least, most):
    """Of 300 tests at 5 %; the binomial error of the size is 0.0126."""
    ps = [permutation_p(_normal(40, 2, 2 * r, shift), _normal(30, 2, 2 * r + 1), 1.0, 99) for r in range(300)]
    assert least <= np.mean(np.array(ps) <= 0.05) <= most


def test_the_bandwidth_is_the_median_between_test_examples():
    points = torch.tensor([[0.0], [1.0], [3.0]])  # distances 1, 2, 3
    assert median_distance(points) == 2.0
    result = MMD(bandwidth=0.5, permutations=19).measure(generated=2 * points, test=points)
    assert result.values["bandwidth"].value == 1.0
    assert {finding.code for finding in result.findings} == {"few-examples"}


def test_the_smallest_p_value_and_the_examples_that_it_is_of():
    """The sets as they are count among the permutations; the first 25 of either are permuted."""
    assert permutation_p(_normal(20, 2, 1, 9.0), _normal(20, 2, 2), 1.0, 99) == pytest.approx(0.01)
    x, y = _normal(80, 3, 1, 0.5), _normal(70, 3, 2)
    values = MMD(permutations=99, limit=25).measure(generated=x, test=y).values
    expected = permutation_p(chosen(x, 25), chosen(y, 25), values["bandwidth"].value, 99)
    assert values["p"].value == expected
    assert expected != permutation_p(x, y, values["bandwidth"].value, 99)


def test_the_order_changes_nothing():
    x, y = _normal(80, 3, 1, 0.2), _normal(70, 3, 2)
    first, second = (MMD(permutations=99, limit=50).measure(generated=g, test=y) for g in (x, x.flip(0)))
    assert first == second


def test_refusals():
    with pytest.raises(DataError, match="generated: 1 examples; mmd needs at least 2"):
        MMD().measure(generated=_normal(1, 3, 1), test=_normal(9, 3, 1))
    with pytest.raises(DataError, match="leaves a kernel no bandwidth"):
        MMD().measure(generated=_normal(9, 3, 1), test=torch.ones(9, 3))
    with pytest.raises(ValueError, match="space is 'words'"):
        MMD(space="words")


@pytest.mark.parametrize("space", ["pixels", "components", "classifier"])
def test_it_keeps_the_contract(space):
    results = list(check_metric(f"ganbench.metrics.mmd:MMD[space={space},permutations=19]"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}


@pytest.mark.parametrize("seed", range(6))
def test_p_is_that_of_plain_permutations(seed):
    """Of the unbiased MMD^2 of few and unequally many points."""
    x, y = _normal(4, 2, 2 * seed, 0.5), _normal(15, 2, 2 * seed + 1)
    pooled, fixed = torch.cat((x, y)).double(), torch.Generator().manual_seed(0)
    kernel = torch.exp(-torch.cdist(pooled, pooled).square() / 2).fill_diagonal_(0)

    def mmd(rows):
        z = torch.zeros(19, dtype=torch.float64)
        z[rows] = 1
        o = 1 - z
        return float(z @ kernel @ z / 12 + o @ kernel @ o / 210 - 2 * z @ kernel @ o / 60)

    permuted = [mmd(torch.randperm(19, generator=fixed)[:4]) for _ in range(99)]
    expected = np.mean([value >= mmd(torch.arange(4)) - 1e-9 for value in (*permuted, mmd(torch.arange(4)))])
    assert permutation_p(x, y, 1.0, 99) == pytest.approx(float(expected))
