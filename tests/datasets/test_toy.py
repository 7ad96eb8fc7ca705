"""Toy densities against scipy, quadrature and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from ganbench.datasets import load_dataset
from ganbench.datasets.toy import GaussianMixture

_NAMES = {"toy-gaussian": 10, "toy-mixture": 2, "toy-figure1": 1}


def _reference(name: str, points: np.ndarray) -> np.ndarray:
    """The log density as scipy has it, from the parameters that the documentation states."""
    if name == "toy-figure1":
        return norm.logpdf(points[:, 0])
    if name == "toy-gaussian":
        covariance = [[0.5 ** abs(i - j) for j in range(10)] for i in range(10)]
        return multivariate_normal(np.arange(10) / 9, covariance).logpdf(points)
    angles = np.arange(8) * np.pi / 4
    modes = [multivariate_normal([4 * np.cos(a), 4 * np.sin(a)], 0.25) for a in angles]
    return logsumexp([mode.logpdf(points) for mode in modes], axis=0) - np.log(8)


@pytest.fixture(params=sorted(_NAMES))
def toy(request):
    return load_dataset(request.param)


def test_sizes_shape_and_range(toy):
    (split,) = toy.splits
    assert (len(split.train), len(split.valid), len(split.test)) == (10_000, 2_000, 5_000)
    assert toy.event_shape == (_NAMES[toy.name],)
    assert toy.value_range == (-np.inf, np.inf)
    assert len({split.train_checksum, split.valid_checksum, split.test_checksum}) == 3


def test_equal_bits_every_time(toy):
    again = load_dataset(toy.name)
    assert again.checksum == toy.checksum
    assert np.array_equal(again.splits[0].test, toy.splits[0].test)


def test_log_density_is_that_of_scipy(toy, rng):
    points = np.concatenate([toy.splits[0].test[:500], rng.normal(0, 30, (500, _NAMES[toy.name])).astype(np.float32)])
    found = toy.log_density(points)
    assert found.dtype == np.float64
    assert found.shape == (1000,)
    np.testing.assert_allclose(found, _reference(toy.name, points.astype(np.float64)), rtol=1e-10)


def test_far_points_do_not_underflow(toy):
    found = toy.log_density(np.full((1, _NAMES[toy.name]), 1e4))
    assert np.isfinite(found).all()
    assert found[0] < -1e6


def test_densities_integrate_to_one():
    line = np.linspace(-12, 12, 2_001)
    one = np.exp(load_dataset("toy-figure1").log_density(line[:, None])).sum() * (line[1] - line[0])
    axis = np.linspace(-9, 9, 361)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    two = np.exp(load_dataset("toy-mixture").log_density(grid)).sum() * (axis[1] - axis[0]) ** 2
    # The sum over an even grid is exact to rounding once the grid resolves and covers the bumps.
    assert one == pytest.approx(1, abs=1e-12)
    assert two == pytest.approx(1, abs=1e-10)


def test_the_ten_dimensional_gaussian_integrates_to_one_by_importance(rng):
    # Drawn from a wider Gaussian q, the mean of p / q is one.
    data = load_dataset("toy-gaussian")
    wide = multivariate_normal(
        np.full(10, 0.5), 2 * np.array([[0.5 ** abs(i - j) for j in range(10)] for i in range(10)])
    )
    points = wide.rvs(40_000, random_state=rng)
    ratio = np.exp(data.log_density(points) - wide.logpdf(points))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio))


@pytest.mark.parametrize(
    ("name", "entropy"),
    [
        ("toy-gaussian", 5 * np.log(2 * np.pi * np.e) + 4.5 * np.log(0.75)),
        ("toy-figure1", 0.5 * np.log(2 * np.pi * np.e)),
        # The modes are six deviations apart: the entropy is that of one plus log 8, to about 0.01 nat.
        ("toy-mixture", np.log(2 * np.pi * np.e * 0.25) + np.log(8)),
    ],
)
def test_examples_follow_the_density_that_is_claimed(name, entropy):
    data = load_dataset(name)
    overlap = 0.01 if name == "toy-mixture" else 0
    for examples in (data.splits[0].train, data.splits[0].test):
        values = data.log_density(examples)
        assert abs(values.mean() + entropy) < 4 * values.std() / np.sqrt(len(values)) + overlap


def test_moments_of_the_gaussian():
    data = load_dataset("toy-gaussian").splits[0].train.astype(np.float64)
    covariance = 0.5 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    n = len(data)
    assert (np.abs(data.mean(0) - np.arange(10) / 9) < 4.5 * 1 / np.sqrt(n)).all()
    # The variance of an entry of the sample covariance of a Gaussian is (s_ij^2 + s_ii s_jj) / n.
    assert (np.abs(np.cov(data.T) - covariance) < 4.5 * np.sqrt((covariance**2 + 1) / n)).all()


def test_modes_of_the_ring_are_equally_frequent():
    train = load_dataset("toy-mixture").splits[0].train
    angle = np.arctan2(train[:, 1], train[:, 0])
    counts = np.bincount(np.rint(angle / (np.pi / 4)).astype(int) % 8, minlength=8)
    assert (np.abs(counts - 10_000 / 8) < 4 * np.sqrt(10_000 * (1 / 8) * (7 / 8))).all()


def test_points_of_another_dimension_are_refused(toy):
    with pytest.raises(ValueError, match="Expected points of shape"):
        toy.log_density(np.zeros((3, 4)))


def test_an_unequal_factor_enters_the_normaliser():
    # Scales differ by axis, so that a determinant of the wrong matrix would show.
    factor = np.array([[2.0, 0.0], [0.7, 0.1]])
    points = np.array([[0.3, -0.2], [1.0, 2.0]])
    expected = multivariate_normal([0, 0], factor @ factor.T).logpdf(points)
    np.testing.assert_allclose(GaussianMixture(np.zeros((1, 2)), factor).log_density(points), expected, rtol=1e-10)
