"""What a Parzen estimate says of its own health, against closed forms, a float64 oracle and repetitions."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
import torch
from clustered import images, tensors

from ganbench.metrics import mean_with_error
from ganbench.metrics.parzen import Parzen
from ganbench.metrics.parzen_health import GroupSums

TOLERANCE = 1e-3  # nats per point: the accuracy that is promised


def normal(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


@pytest.fixture(scope="module")
def healthy() -> dict[str, torch.Tensor]:
    """In one dimension 4,000 samples leave nothing to complain of."""
    return tensors(generated=normal(4000, 1, 1), valid=normal(500, 1, 2), test=normal(500, 1, 3))


def codes(roles: dict[str, torch.Tensor], **settings) -> dict[str, str]:
    return {finding.code: finding.severity for finding in Parzen(**settings).measure(**roles).findings}


def test_a_healthy_estimate_has_no_findings(healthy):
    assert codes(healthy) == {}


def test_kernels_far_apart_are_told(healthy):
    """Each test example has one kernel near it, the others ten units off."""
    near = 10 * np.eye(30)[:8] + 0.01
    far = tensors(generated=10 * np.eye(30), valid=near, test=near)
    found = codes(far)
    assert found["few-effective-kernels"] == found["nearest-kernel-decides"] == "note"
    values = Parzen().measure(**far).values
    assert values["effective_kernels"].value == pytest.approx(1, abs=1e-9)
    assert values["nearest_kernel_share"].value == pytest.approx(1, abs=1e-9)


def test_kernels_and_shares_are_those_of_the_definition():
    """p_j = w_j / sum w: the median of exp(-sum p log p), the mean of the largest p."""
    roles = {"generated": images(300, 16, 1), "valid": images(40, 16, 2), "test": images(30, 16, 3)}
    values = Parzen().measure(**tensors(**roles)).values
    for prefix in ("", "grid_"):
        s = values[f"{prefix}bandwidth"].value
        squared = oracles.nearest_neighbors(roles["test"], roles["generated"], 300)[0] ** 2
        p = np.exp(-(squared - squared[:, :1]) / (2 * s**2))
        p /= p.sum(1, keepdims=True)
        entropy = -np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0).sum(1)
        assert values[f"{prefix}effective_kernels"].value == pytest.approx(np.median(np.exp(entropy)), rel=1e-5)
        share, expected = values[f"{prefix}nearest_kernel_share"], mean_with_error(p.max(1), across="examples")
        assert share.value == pytest.approx(expected.mean, rel=1e-5)
        assert share.standard_error == pytest.approx(expected.standard_error, rel=1e-5)


def test_examples_whose_kernels_are_weighed_come_from_all_of_the_test_data():
    """The second half of 2,000 has no kernel near it but one: of the first 1,000 all would have many."""
    test = np.concatenate([np.zeros((1000, 1)), np.full((1000, 1), 30.0)])
    generated = np.concatenate([normal(400, 1, 1), [[30.0]]])
    share = Parzen().measure(**tensors(generated=generated, valid=normal(100, 1, 2), test=test)).values
    assert share["nearest_kernel_share"].value == pytest.approx(0.5, abs=0.05)


def test_too_few_samples_are_told():
    """Twenty samples change the estimate more than 2,000 test examples do; so does a single one, unseen."""
    few = tensors(generated=normal(20, 2, 1), valid=normal(2000, 2, 2), test=normal(2000, 2, 3))
    assert codes(few)["too-few-samples"] == "warning"
    assert codes(few | {"generated": few["generated"][:1]})["too-few-samples"] == "warning"
    many = few | {"generated": torch.from_numpy(normal(20_000, 2, 1)), "test": few["test"][:100]}
    assert "too-few-samples" not in codes(many)


def test_growth_is_told_where_it_exceeds_the_error(healthy):
    """In 20 dimensions each doubling adds more than a standard error; in one dimension none does."""
    roles = tensors(generated=normal(400, 20, 1), valid=normal(500, 20, 2), test=normal(2000, 20, 3))
    result = Parzen().measure(**roles)
    finding = next(f for f in result.findings if f.code == "grows-with-samples")
    assert finding.severity == "note"
    assert "by 400 samples only" in finding.text
    headline, limit = (result.values[f"mean_log_likelihood{suffix}"] for suffix in ("", "_extrapolated"))
    assert limit.value > headline.value + headline.standard_error
    assert (limit.unit, limit.across) == ("nats", "groups of samples")
    assert "grows-with-samples" not in codes(healthy)


def test_the_limit_is_the_closed_form_within_its_error():
    """Samples N(0, I) in two dimensions under kernels of deviation s: infinitely many give N(0, 1 + s^2) exactly.

    Over 60 draws of 400: the deviation of the limits from the truth in units of their errors has mean square 1 for
    exact errors, with a standard error of sqrt(2 / 60) = 0.18; the second part makes the errors cautious, so that less
    is allowed. The mean deviation is nil within four of its standard errors, where the estimate itself is 15 too low.
    """
    s, test = 0.4, normal(300, 2, 0)
    truth = (-(test.astype(float) ** 2).sum(1) / (2 * (1 + s**2)) - math.log(2 * math.pi * (1 + s**2))).mean()
    limits, errors, plain = [], [], []
    for seed in range(1, 61):
        sums = GroupSums.of(torch.from_numpy(test), torch.from_numpy(normal(400, 2, seed)), [s], 40)
        growth = sums.growth(0)
        limits.append(growth.limit - truth)
        errors.append(growth.error)
        plain.append(sums.log_likelihoods(0).mean() - truth)
    of_mean = np.std(limits, ddof=1) / math.sqrt(60)
    assert abs(np.mean(limits)) < 4 * of_mean
    assert np.mean(plain) < -4 * np.std(plain, ddof=1) / math.sqrt(60)
    assert 0.2 < np.mean(np.square(limits) / np.square(errors)) < 1 + 4 * 0.18


@pytest.mark.parametrize("n", [64, 83])
def test_the_limit_is_the_line_in_1_over_n_of_the_definition(n):
    """Through all samples and the halves; the jackknife's error from as many estimates anew, by the oracle."""
    samples, test = images(n, 16, 1).astype(float), images(30, 16, 3)
    growth = GroupSums.of(torch.from_numpy(test), torch.from_numpy(samples), [0.2], 8).growth(0)
    groups = [samples[first::8] for first in range(8)]

    def mean(*parts):
        return oracles.parzen_log_density(test, np.concatenate(parts), 0.2).mean()

    def line(whole, halves):
        n, n2 = len(samples), np.mean([sum(map(len, groups[:4])), sum(map(len, groups[4:]))])
        return (n * mean(*whole) - n2 * np.mean([mean(*half) for half in halves])) / (n - n2)

    assert growth.limit == pytest.approx(line(groups, (groups[:4], groups[4:])), abs=20 * TOLERANCE)
    assert growth.by_doubling == pytest.approx(
        mean(*groups) - np.mean([mean(*groups[:4]), mean(*groups[4:])]), abs=TOLERANCE
    )
    quarters = np.mean([mean(*groups[i : i + 2]) for i in (0, 2, 4, 6)])
    halves = np.mean([mean(*groups[:4]), mean(*groups[4:])])
    sizes = (
        np.mean([sum(map(len, groups[:4])), sum(map(len, groups[4:]))]),
        np.mean([sum(map(len, groups[i : i + 2])) for i in (0, 2, 4, 6)]),
    )
    coarse = (sizes[0] * halves - sizes[1] * quarters) / (sizes[0] - sizes[1])
    without = []
    for j in range(8):
        kept = [[g for i, g in enumerate(groups) if i != j and i in block] for block in (range(4), range(4, 8))]
        without.append(line(kept[0] + kept[1], kept))
    jackknife = math.sqrt(7 / 8 * ((without - np.mean(without)) ** 2).sum())
    assert growth.error == pytest.approx(math.hypot(jackknife, growth.limit - coarse), rel=0.02)


def test_without_8_groups_there_is_no_limit():
    roles = tensors(generated=images(7, 16, 1), valid=images(40, 16, 2), test=images(30, 16, 3))
    assert "mean_log_likelihood_extrapolated" not in Parzen().measure(**roles).values
    assert (
        "mean_log_likelihood_extrapolated"
        in Parzen().measure(**roles | {"generated": torch.from_numpy(images(8, 16, 1))}).values
    )


@pytest.mark.parametrize(("n", "groups"), [(120, 8), (123, 8), (123, 50), (5, 40), (2, 40)])
def test_the_error_across_samples_is_the_jackknife_of_the_definition(n, groups):
    """Without the samples i, i + g, i + 2 g, ... for every i; the oracle computes each of these anew in float64."""
    samples, test = images(n, 16, 1), images(30, 16, 3)
    sums = GroupSums.of(torch.from_numpy(test), torch.from_numpy(samples), [0.05, 0.2], groups)
    g = min(groups, n)
    for which, s in enumerate((0.05, 0.2)):
        without = [
            oracles.parzen_log_density(test, np.delete(samples, slice(first, None, g), 0), s).mean()
            for first in range(g)
        ]
        expected = math.sqrt((g - 1) / g * ((without - np.mean(without)) ** 2).sum())
        assert sums.error(which) == pytest.approx(expected, rel=1e-3)
        np.testing.assert_allclose(
            sums.log_likelihoods(which), oracles.parzen_log_density(test, samples, s), rtol=0, atol=TOLERANCE
        )


def test_the_error_across_samples_is_what_other_samples_give():
    """Over 40 draws the root mean square of the error is the deviation of the means; their ratio has an error of
    1 / sqrt(2 * 39) = 0.11 from the deviation alone, and twice that with the jackknife's, of which three are allowed.
    """
    test = torch.from_numpy(np.random.default_rng(0).standard_normal((200, 2)))
    draws = [
        GroupSums.of(test, torch.from_numpy(np.random.default_rng(seed).standard_normal((400, 2))), [0.4], 40)
        for seed in range(1, 41)
    ]
    deviation = np.std([draw.log_likelihoods(0).mean() for draw in draws], ddof=1)
    error = math.sqrt(np.mean([draw.error(0) ** 2 for draw in draws]))
    assert error / deviation == pytest.approx(1, abs=3 * 0.16)


def test_chains_stay_together():
    """Ten chains that repeat one sample each for 30 rounds: the error is that of ten samples, not of 300."""
    rng = np.random.default_rng(2)
    test, chains = torch.from_numpy(rng.standard_normal((100, 2))), rng.standard_normal((10, 2))
    rounds = GroupSums.of(test, torch.from_numpy(np.tile(chains, (30, 1))), [0.5], 10)
    assert rounds.error(0) == pytest.approx(GroupSums.of(test, torch.from_numpy(chains), [0.5], 10).error(0), rel=1e-6)
    assert rounds.error(0) > 3 * GroupSums.of(test, torch.from_numpy(np.tile(chains, (30, 1))), [0.5], 60).error(0)


def test_the_curve_over_the_number_of_samples():
    samples, roles = images(160, 16, 1), {"valid": images(40, 16, 2), "test": images(30, 16, 3)}
    result = Parzen(groups=8, grid=(0.03, 0.09, 0.2)).measure(**tensors(generated=samples, **roles))
    for prefix in ("", "grid_"):
        curve, s = result.curves[f"{prefix}samples"], result.values[f"{prefix}bandwidth"].value
        assert (curve.x_name, curve.y_name, curve.x) == ("n_samples", "mean_log_likelihood", (20, 40, 80, 160))
        for n, mean in zip(curve.x, curve.y, strict=True):
            part = np.concatenate([samples[first::8] for first in range(int(n) // 20)])
            assert mean == pytest.approx(oracles.parzen_log_density(roles["test"], part, s).mean(), abs=TOLERANCE)
    few = Parzen().measure(**tensors(generated=samples[:3], **roles)).curves["samples"]
    assert few.x == (1, 3)
