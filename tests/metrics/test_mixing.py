"""Mixing measured on chains whose mixing is known."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
import torch

from ganbench.conformance import check_metric
from ganbench.metrics import Chains, Labels
from ganbench.metrics.mixing import Mixing

ROUNDS, CHAINS, SHAPE = 10, 200, (3, 3)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


DATA = {
    "train": 0.5 + 0.1 * torch.randn(300, *SHAPE, generator=generator(1)),
    "valid": 0.5 + 0.1 * torch.randn(100, *SHAPE, generator=generator(2)),
    "test": 0.5 + 0.1 * torch.randn(150, *SHAPE, generator=generator(3)),
}
LABELS = {"train": (DATA["train"][:, 0, 0] > 0.5).long(), "valid": (DATA["valid"][:, 0, 0] > 0.5).long()}


def autoregression(a: float, first: torch.Tensor, steps: int, seed: int) -> torch.Tensor:
    """All states of chains x ← 1/2 + a (x - 1/2) + noise, `[steps, chains, 3, 3]`; the law of the data is theirs."""
    random, states = generator(seed), []
    for _ in range(steps):
        noise = torch.randn(first.shape, generator=random)
        first = 0.5 + a * (first - 0.5) + 0.1 * math.sqrt(1 - a * a) * noise
        states.append(first)
    return torch.stack(states)


def chains(a: float = 0.5, burn_in: int = 40, thinning: int = 4, starts=("noise", "train"), seed: int = 0) -> Chains:
    origins = torch.randperm(300, generator=generator(9))[:CHAINS]
    firsts = {"noise": torch.rand(CHAINS, *SHAPE, generator=generator(8)), "train": DATA["train"][origins]}
    steps = burn_in + ROUNDS * thinning
    runs = {start: autoregression(a, firsts[start], steps, seed + i) for i, start in enumerate(starts)}
    samples = {start: states[burn_in + thinning - 1 :: thinning] for start, states in runs.items()}
    times = {"components": (1 + a) / (1 - a), "classes": 1.0}
    return Chains(samples, origins, burn_in, thinning, times)


def measure(of: Chains, labels: Labels | None = None, **settings):
    generated = next(iter(of.samples.values())).flatten(0, 1)
    return Mixing(**{"least_effective_samples": 1000, **settings}).measure(
        generated=generated, chains=of, labels=labels or Labels(), **DATA
    )


def values(result) -> dict[str, float]:
    return {name: value.value for name, value in result.values.items()}


def test_chains_that_mix_are_found_to_mix():
    found = measure(chains())
    assert found.findings == ()
    numbers = values(found)
    assert numbers["autocorrelation_time"] == numbers["autocorrelation_time_of_components"] == 3
    assert numbers["autocorrelation_time_of_classes"] == 1
    assert numbers["effective_sample_size"] == 2000
    assert numbers["split_r_hat"] == pytest.approx(1, abs=0.03)
    assert numbers["start_distance_ratio"] == pytest.approx(1, abs=0.02)
    assert numbers["own_start_share"] < 0.01
    assert numbers["burn_in"] == 40


def test_a_burn_in_that_is_too_short_is_told():
    (finding,) = measure(chains(burn_in=20)).findings
    assert (finding.code, finding.severity, finding.about) == ("chains-not-mixed", "warning", "samples")
    assert "the burn-in of 20 steps is less than 10 autocorrelation times of 3" in finding.text


def test_few_effective_samples_are_told():
    numbers = values(found := measure(chains(a=0.9, burn_in=400, thinning=1)))
    assert numbers["effective_sample_size"] == pytest.approx(2000 / 19)
    assert "effective samples are fewer than 1000" in found.findings[0].text


def test_chains_that_stay_at_their_training_images_fail_in_every_way():
    found = measure(chains(a=0.9999, burn_in=10, thinning=1), Labels(**LABELS))
    numbers = values(found)
    assert numbers["own_start_share"] > 0.9
    assert numbers["start_distance_ratio"] < 0.5
    assert numbers["class_memory"] > 0.3
    assert numbers["split_r_hat"] > 2
    assert numbers["start_difference_in_errors"] > 10
    for words in ("burn-in", "effective samples", "split R-hat", "different starts differ", "nearest to the training"):
        assert words in found.findings[0].text


def test_starts_that_agree_are_rarely_said_to_differ():
    """At the level .05 in 5 % of 60 trials, within 4 standard errors."""
    rejected = []
    for seed in range(60):
        found = measure(chains(burn_in=40, seed=100 + 2 * seed), level=0.05, most_own_starts=1.0)
        rejected.append(any("different starts" in finding.text for finding in found.findings))
    assert np.mean(rejected) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 60)


def test_the_error_between_starts_is_that_of_the_groups():
    from ganbench.metrics._kernels.parzen import parzen_log_density
    from ganbench.metrics.mixing import _bandwidth

    of = chains()
    groups = {start: samples.tensor_split(10, dim=1) for start, samples in of.samples.items()}
    bandwidth = _bandwidth(DATA["valid"], groups["noise"][0].flatten(0, 1))
    means = {
        start: [float(parzen_log_density(DATA["test"], part.flatten(0, 1), bandwidth).mean()) for part in parts]
        for start, parts in groups.items()
    }
    numbers = measure(of).values
    difference = np.mean(means["train"]) - np.mean(means["noise"])
    error = math.sqrt(sum(np.var(m, ddof=1) / 10 for m in means.values()))
    assert numbers["start_difference"].value == pytest.approx(difference, rel=1e-6)
    assert numbers["start_difference"].standard_error == pytest.approx(error, rel=1e-6)
    assert numbers["start_difference"].across == "chain groups"
    assert numbers["start_difference_in_errors"].value == pytest.approx(abs(difference) / error, rel=1e-6)


def test_one_start_at_training_images_is_marked():
    found = measure(chains(starts=("train",)))
    assert [finding.code for finding in found.findings] == ["chains-start-at-training-images"]
    assert "start_difference" not in found.values
    assert "own_start_share" in found.values


def test_without_labels_nothing_is_said_of_classes():
    assert not [name for name in measure(chains()).values if "class" in name and "time" not in name]
    named = [name for name in measure(chains(), Labels(**LABELS)).values if "class" in name and "time" not in name]
    assert sorted(named) == ["class_distance", "class_memory", "classifier_accuracy"]


def test_uneven_classes_and_faint_samples_are_noted():
    of = chains()
    bright = {start: samples.clone() for start, samples in of.samples.items()}
    for samples in bright.values():
        samples[:, :, 0, 0] = 0.9  # all of one class
    uneven = measure(msgspec.structs.replace(of, samples=bright), Labels(**LABELS))
    assert values(uneven)["class_distance"] == pytest.approx(0.5, abs=0.12)
    assert "classes-uneven" in [finding.code for finding in uneven.findings]
    faint = {start: samples * 0.1 for start, samples in of.samples.items()}
    found = measure(msgspec.structs.replace(of, samples=faint))
    assert values(found)["faint_share"] == 1
    assert "samples-faint" in [finding.code for finding in found.findings]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("burn_in_times", -1), ("least_effective_samples", 0), ("most_r_hat", 0.9), ("level", 0), ("most_own_starts", 2)],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=f"{setting} is {value}; accepted"):
        Mixing(**{setting: value})


def test_it_keeps_the_contract():
    results = list(check_metric("mixing"))
    assert [result.name for result in results if result.status == "failed"] == []
    assert sum(result.status == "passed" for result in results) == 11
