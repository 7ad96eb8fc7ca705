"""Autocorrelation times and R-hat against closed forms of autoregressive chains, and against direct sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganbench.metrics.chain_statistics import autocorrelation_times, chain_features, split_r_hat


def autoregression(a: float, points: int, chains: int, seed: int = 0) -> torch.Tensor:
    """x_t = a x_(t-1) + sqrt(1 - a²) noise at stationarity, `[points, chains, 1]`; its time is (1 + a) / (1 - a)."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(points, chains, 1, generator=generator, dtype=torch.float64)
    series = noise.clone()
    for t in range(1, points):
        series[t] = a * series[t - 1] + math.sqrt(1 - a * a) * noise[t]
    return series


@pytest.mark.parametrize("a", [0.0, 0.5, 0.8])
def test_the_time_of_an_autoregression(a):
    """Windowed at 5 times the time, the sum misses exp(-10) of it; its relative error is sqrt(22 time / (T chains))."""
    time, points, chains = (1 + a) / (1 - a), 200, 400
    found = [float(autocorrelation_times(autoregression(a, points, chains, seed))) for seed in range(5)]
    relative = math.sqrt((4 * 5 + 2) * time / (points * chains) / 5)  # Sokal, equation 3.19
    # and the mean over `points` steps that is taken off costs a share time / points / chains of every correlation
    assert np.mean(found) == pytest.approx(time, rel=5 * relative)


def test_the_sum_is_that_of_the_definition():
    series = autoregression(0.6, 30, 4)[..., 0].numpy()
    x = series - series.mean()
    correlations = [np.mean(x[lag:] * x[: len(x) - lag]) / np.mean(x * x) for lag in range(len(x))]
    total, lag = 1.0, 0
    while lag + 1 < len(x):
        lag += 1
        total += 2 * correlations[lag]
        if lag >= 5 * total:
            break
    assert float(autocorrelation_times(torch.tensor(series[..., None]))) == pytest.approx(max(total, 1), rel=1e-9)


def test_chains_that_stay_where_they_are_have_no_time_shorter_than_the_series():
    stuck = torch.arange(10.0).expand(50, 10).unsqueeze(2) + 0.01 * torch.rand(50, 10, 1)
    assert float(autocorrelation_times(stuck)) > 40


def test_a_scalar_that_never_changes_and_one_that_alternates_count_as_independent():
    constant, alternating = torch.ones(20, 3, 1), torch.tensor([0.0, 1.0]).repeat(10).view(20, 1, 1).expand(20, 3, 1)
    assert autocorrelation_times(torch.cat((constant, alternating), 2)).tolist() == [1.0, 1.0]


def test_r_hat_against_its_formula():
    series = np.random.default_rng(0).normal(size=(9, 5, 2))
    halves = np.concatenate((series[:4], series[5:]), axis=1)  # the middle point belongs to neither half
    within, means = halves.var(0, ddof=1).mean(0), halves.mean(0)
    expected = np.sqrt((3 / 4 * within + means.var(0, ddof=1)) / within)
    np.testing.assert_allclose(split_r_hat(torch.tensor(series)).numpy(), expected, rtol=1e-12)


def test_r_hat_of_chains_that_agree_that_differ_and_that_drift():
    agree = torch.randn(100, 50, 1, generator=torch.Generator().manual_seed(1))
    assert float(split_r_hat(agree)) == pytest.approx(1, abs=0.02)
    assert float(split_r_hat(agree + torch.arange(50.0).view(1, 50, 1))) > 5
    assert float(split_r_hat(agree + torch.linspace(0, 20, 100).view(100, 1, 1))) > 1.5  # halves of one chain differ
    assert float(split_r_hat(torch.ones(8, 3, 1))) == 1
    assert float(split_r_hat(torch.arange(3.0).view(1, 3, 1).expand(8, 3, 1))) == math.inf


def test_features_are_components_and_classes():
    train = torch.rand(60, 3, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(60) % 3
    train[labels == 1] += 5
    assert list(chain_features(train, None)) == ["components"]
    features = chain_features(train, labels)
    assert features["components"](train).shape == (60, 5)
    assert torch.equal(features["classes"](train).sum(1), torch.ones(60, dtype=torch.int64))
    assert bool((features["classes"](train)[labels == 1, 1] == 1).all())
