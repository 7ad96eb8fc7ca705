from __future__ import annotations

import pytest
import torch
from ganbench_models.chains import ChainSampler, ChainSettings, cycled


class CountingChains(ChainSampler):
    """The state is the number of steps taken; the sample of chain i after t steps is [t, i]."""

    event_shape, device, epoch = (2,), torch.device("cpu"), 1

    def __init__(self, *settings: int) -> None:
        self.chain_settings = ChainSettings(*settings)
        self.steps = 0
        self.sampled: list[int] = []
        self.started: list[int] = []

    def step_chains(self, state: dict, *, generator: torch.Generator) -> dict:
        self.steps += 1
        return {**state, "time": state["time"] + 1}

    def chain_samples(self, state: dict, *, generator: torch.Generator) -> torch.Tensor:
        self.sampled.append(state["time"])
        chains = len(state["images"])
        return torch.stack([torch.full((chains,), state["time"]), torch.arange(chains)], 1).float()

    def _start_at(self, images: torch.Tensor, generator: torch.Generator) -> dict:
        return {"images": images, "time": 0}

    def _sampling_start(self, chains: int, generator: torch.Generator) -> dict:
        self.started.append(chains)
        return self.start_chains(chains, generator=generator)


def expected_rows(n: int, settings: ChainSettings) -> list[list[int]]:
    """The definition, written as a filter over a chain that is far too long."""
    chains = min(settings.chains, n)
    kept = [t for t in range(1, 10_000) if t > settings.burn_in and (t - settings.burn_in) % settings.thinning == 0]
    return [[t, chain] for t in kept for chain in range(chains)][:n]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 9])
@pytest.mark.parametrize("settings", [(1, 0, 1), (4, 0, 1), (4, 5, 1), (4, 0, 3), (3, 2, 4), (100, 7, 2)])
def test_chains_burn_in_and_thinning_are_honoured_exactly(n: int, settings: tuple[int, int, int]) -> None:
    model = CountingChains(*settings)
    wanted = model.chain_settings
    rows = model.sample(n, generator=torch.Generator())
    assert rows.tolist() == expected_rows(n, wanted)
    side_by_side = min(wanted.chains, n)
    rounds = -(-n // side_by_side)
    assert model.started == [side_by_side]
    assert model.steps == wanted.burn_in + rounds * wanted.thinning
    assert model.sampled == [
        wanted.burn_in + (i + 1) * wanted.thinning for i in range(rounds)
    ]  # nothing else is decoded


def test_samples_carry_no_gradient() -> None:
    class Differentiable(CountingChains):
        def chain_samples(self, state: dict, *, generator: torch.Generator) -> torch.Tensor:
            return super().chain_samples(state, generator=generator) * torch.ones(2, requires_grad=True)

    rows = Differentiable(2, 1, 1).sample(5, generator=torch.Generator())
    assert rows.shape == (5, 2)
    assert rows.dtype == torch.float32
    assert not rows.requires_grad


def test_samples_that_are_overwritten_in_place_are_kept() -> None:
    class Overwriting(CountingChains):
        buffer = torch.zeros(1, 2)

        def chain_samples(self, state: dict, *, generator: torch.Generator) -> torch.Tensor:
            return self.buffer.add_(1)

    assert Overwriting(1, 0, 1).sample(3, generator=torch.Generator()).tolist() == [[1, 1], [2, 2], [3, 3]]


def test_chains_start_at_examples_or_at_uniform_noise() -> None:
    model, examples = CountingChains(1, 0, 1), torch.tensor([[0.5, 0.25], [1.0, 0.0], [0.0, 0.0]])
    assert torch.equal(model.start_chains(3, examples=examples, generator=torch.Generator())["images"], examples)
    noise = model.start_chains(20_000, generator=torch.Generator().manual_seed(0))["images"]
    assert noise.shape == (20_000, 2)
    # mean 1/2, variance 1/12; 5 standard errors
    assert ((noise.mean(0) - 0.5).abs() <= 5 * (1 / 12 / 20_000) ** 0.5).all()
    assert noise.min() < 0.01
    assert noise.max() > 0.99
    with pytest.raises(ValueError, match="2 chains cannot start at 3 examples"):
        model.start_chains(2, examples=examples, generator=torch.Generator())
    with pytest.raises(ValueError, match="chains is 0; accepted"):
        model.start_chains(0, generator=torch.Generator())


def test_nothing_starts_before_training() -> None:
    model = CountingChains(1, 0, 1)
    model.epoch = 0
    for begin in (model.sample, model.start_chains):
        with pytest.raises(ValueError, match="CountingChains has not been trained"):
            begin(1, generator=torch.Generator())


def test_rows_are_cycled() -> None:
    rows = torch.arange(3) * 10
    assert cycled(rows, 2).tolist() == [0, 10]
    assert cycled(rows, 7).tolist() == [0, 10, 20, 0, 10, 20, 0]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ((0, 0, 1), "chains"),
        ((1, -1, 1), "burn_in"),
        ((1, 0, 0), "thinning"),
        ((1.5, 0, 1), "chains"),
        ((True, 0, 1), "chains"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: tuple, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is .*; accepted: a whole number of at least \d\."):
        ChainSettings(*settings)


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="n is 0; accepted: a whole number of at least 1"):
        CountingChains(1, 0, 1).sample(0, generator=torch.Generator())
