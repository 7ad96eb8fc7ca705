from __future__ import annotations

import pytest
import torch
from ganbench_models.chains import ChainSampler


class CountingChains(ChainSampler):
    """The state is the number of steps taken; the sample of chain i after t steps is [t, i]."""

    event_shape, device, epoch, sampling_steps = (2,), torch.device("cpu"), 1, 3

    def __init__(self) -> None:
        self.decoded: list[int] = []

    def step_chains(self, state: dict, *, generator: torch.Generator) -> dict:
        return {**state, "time": state["time"] + 1}

    def chain_samples(self, state: dict, *, generator: torch.Generator) -> torch.Tensor:
        self.decoded.append(state["time"])
        chains = len(state["images"])
        return torch.stack([torch.full((chains,), state["time"]), torch.arange(chains)], 1).float()

    def _start_at(self, images: torch.Tensor, generator: torch.Generator) -> dict:
        return {"images": images, "time": 0}


@pytest.mark.parametrize("n", [1, 4, 1000, 1003])
def test_samples_are_chains_of_their_own_after_so_many_steps(n: int) -> None:
    model = CountingChains()
    rows = model.sample(n, generator=torch.Generator())
    assert rows.tolist() == [[3, i % 1000] for i in range(n)]
    assert model.decoded == [3] * -(-n // 1000)  # nothing else is decoded


def test_samples_carry_no_gradient() -> None:
    class Differentiable(CountingChains):
        def chain_samples(self, state: dict, *, generator: torch.Generator) -> torch.Tensor:
            return super().chain_samples(state, generator=generator) * torch.ones(2, requires_grad=True)

    rows = Differentiable().sample(5, generator=torch.Generator())
    assert rows.shape == (5, 2)
    assert rows.dtype == torch.float32
    assert not rows.requires_grad


def test_chains_start_at_examples_or_at_uniform_noise() -> None:
    model, examples = CountingChains(), torch.tensor([[0.5, 0.25], [1.0, 0.0], [0.0, 0.0]])
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
    model = CountingChains()
    model.epoch = 0
    for begin in (model.sample, model.start_chains):
        with pytest.raises(ValueError, match="CountingChains has not been trained"):
            begin(1, generator=torch.Generator())


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="n is 0; accepted: a whole number of at least 1"):
        CountingChains().sample(0, generator=torch.Generator())
