"""The metric of nearest neighbours, against a closed form and an oracle."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
import torch

from ganbench.metrics.neighbors import NearestNeighbors


def _measure(limit=1000, **arrays):
    return NearestNeighbors(limit=limit).measure(**{role: torch.from_numpy(array) for role, array in arrays.items()})


def test_on_a_line_it_is_known():
    """Training points 0, 10, 20; samples at distances 0, 1, 2, 3, 4 and test examples at 5, 5, 5."""
    train = np.array([[0.0], [10.0], [20.0]])
    generated, test = np.array([[0.0], [11.0], [22.0], [-3.0], [6.0]]), np.array([[5.0], [15.0], [25.0]])
    result = _measure(generated=generated, train=train, test=test)
    assert {name: value.value for name, value in result.values.items()} == {
        "generated_median": 2.0,
        "generated_mean": 2.0,
        "test_median": 5.0,
        "test_mean": 5.0,
    }
    curve = result.curves["generated_quantiles"]
    assert curve.x == (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
    assert curve.y == pytest.approx((0.0, 0.2, 1.0, 2.0, 3.0, 3.8, 4.0), abs=1e-12)
    assert set(result.curves["test_quantiles"].y) == {5.0}
    assert all(value.standard_error is None and not value.per_example for value in result.values.values())


def test_images_agree_with_the_oracle():
    rng = np.random.default_rng(1)
    arrays = {role: rng.random((n, 5, 5), np.float32) for role, n in [("generated", 40), ("train", 70), ("test", 30)]}
    result = _measure(limit=25, **arrays)
    for role in ("generated", "test"):
        distances = oracles.nearest_neighbors(arrays[role][:25].reshape(25, -1), arrays["train"].reshape(70, -1), 1)[0]
        assert result.values[f"{role}_mean"].value == pytest.approx(distances.mean(), rel=1e-6)
        assert result.values[f"{role}_median"].value == pytest.approx(np.median(distances), rel=1e-6)
        quantiles = np.quantile(distances, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
        assert result.curves[f"{role}_quantiles"].y == pytest.approx(quantiles, rel=1e-6)


def test_copies_of_training_images_are_at_distance_nought():
    train = np.random.default_rng(2).random((20, 3, 3), np.float32)
    result = _measure(generated=train[::2].copy(), train=train, test=train + 1)
    assert result.curves["generated_quantiles"].y == (0.0,) * 7
    assert result.values["test_median"].value > 0


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "5"])
def test_bad_limits(limit):
    with pytest.raises(ValueError, match="limit is"):
        NearestNeighbors(limit=limit)
