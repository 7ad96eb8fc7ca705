"""Effective kernels and the share of the nearest one, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from ganbench.errors import UsageError
from ganbench.metrics import effective_kernels
from ganbench.metrics._kernels.weights import kernel_weights


def test_one_kernel_each_and_all_alike():
    """Fifty centres at one distance, none of them equal."""
    apart, together = np.eye(4) * 100, np.eye(50)
    np.testing.assert_allclose(effective_kernels(apart, apart, 0.1), 1, rtol=1e-9)
    weights = kernel_weights(np.ones((2, 50)), together, [0.5])
    np.testing.assert_allclose(weights.effective, 50, rtol=1e-12)
    np.testing.assert_allclose(weights.largest, 1 / 50, rtol=1e-12)


def test_two_kernels_have_the_entropy_of_a_coin():
    """Weights 3 : 1, from exponents that differ by log 3."""
    centres = np.array([[0.0], [np.sqrt(2 * np.log(3))]])
    weights = kernel_weights(np.zeros((1, 1)), centres, [1.0])
    assert float(weights.largest) == pytest.approx(0.75, abs=1e-12)
    assert float(weights.effective) == pytest.approx(4 / 3**0.75, abs=1e-12)


@pytest.mark.parametrize("memory", [2**20, 2**28])
@pytest.mark.parametrize(("n", "m", "d"), [(5, 40, 2), (70, 1031, 12), (33, 2500, 784)])
def test_the_definition(n, m, d, memory):
    """More centres than a tile has, the nearest of them anywhere."""
    rng = np.random.default_rng(0)
    points, centres, bandwidths = rng.random((n, d)), rng.random((m, d)), [0.05, 0.3, 2.0]
    squared = np.stack([((centres - x) ** 2).sum(1) for x in points])
    weights = kernel_weights(points, centres, bandwidths, max_memory=memory)
    for k, s in enumerate(bandwidths):
        p = np.exp(-(squared - squared.min(1, keepdims=True)) / (2 * s**2))
        p /= p.sum(1, keepdims=True)
        entropy = -np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0).sum(1)
        np.testing.assert_allclose(weights.effective[k], np.exp(entropy), rtol=1e-9)
        np.testing.assert_allclose(weights.largest[k], p.max(1), rtol=1e-9)


def test_equal_centres_are_one_kernel():
    """Three at 0 and one at log 3 more: weights 9 : 1; as many of each are as one of each."""
    centres = np.array([[0.0]] * 3 + [[np.sqrt(2 * np.log(3))]])
    weights = kernel_weights(np.zeros((1, 1)), centres, [1.0])
    assert float(weights.largest) == pytest.approx(0.9, abs=1e-12)
    assert float(weights.effective) == pytest.approx(10 / 9**0.9, abs=1e-12)
    rng = np.random.default_rng(0)
    points, distinct = rng.random((9, 4)), rng.random((300, 4))
    once, often = (kernel_weights(points, np.tile(distinct, (k, 1)), [0.1]) for k in (1, 7))
    np.testing.assert_allclose(often.effective, once.effective, rtol=1e-9)
    np.testing.assert_allclose(often.largest, once.largest, rtol=1e-9)


def test_the_largest_share_need_not_be_the_nearests():
    """A thousand centres a little farther off than one: they carry more, and are one kernel."""
    centres = np.array([[0.0]] + [[1.0]] * 1000)
    weights = kernel_weights(np.zeros((1, 1)), centres, [1.0])
    assert float(weights.largest) == pytest.approx(1000 / (1000 + np.exp(0.5)), abs=1e-9)


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="3 dimensions and centres 4"):
        kernel_weights(np.zeros((2, 3)), np.zeros((2, 4)), [1.0])
    with pytest.raises(UsageError, match="positive finite"):
        effective_kernels(np.zeros((2, 3)), np.zeros((2, 3)), 0.0)
