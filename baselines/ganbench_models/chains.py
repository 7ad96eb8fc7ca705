"""Sampling by Markov chains that advance side by side."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ganbench.modelling import check_integer
from ganbench_models.images import flat_images

__all__ = ["ChainSampler", "ChainSettings", "cycled"]


@dataclass(frozen=True)
class ChainSettings:
    """How many chains run in parallel, and which of their states are kept.

    Args:
        chains: Chains side by side, at least 1; never more are run than samples are asked for.
        burn_in: Steps of every chain that are thrown away first, at least 0.
        thinning: Steps from one kept state of a chain to the next, at least 1; 1 keeps every state.

    Raises:
        ValueError: A value is not a whole number or below its least value.
    """

    chains: int
    burn_in: int
    thinning: int

    def __post_init__(self) -> None:
        check_integer("chains", self.chains)
        check_integer("burn_in", self.burn_in, least=0)
        check_integer("thinning", self.thinning)


class ChainSampler(ABC):
    """What models that are sampled by Markov chains have in common: a `MarkovChain` of `ganbench.model`."""

    event_shape: tuple[int, ...]
    device: torch.device
    chain_settings: ChainSettings
    epoch: int

    def start_chains(
        self, chains: int, *, examples: torch.Tensor | None = None, generator: torch.Generator
    ) -> dict[str, Any]:
        """The state of `chains` chains at the examples, `[chains, *event_shape]`, or else at noise.

        Raises:
            ValueError: The model has not been trained, or there is not one example for each chain.
            UserError: The examples have another shape or leave [0, 1].
        """
        self._require_trained()
        check_integer("chains", chains)
        if examples is None:
            return self._start_at_noise(chains, generator)
        images = flat_images(examples, self.event_shape)
        if len(images) != chains:
            raise ValueError(f"{chains} chains cannot start at {len(images)} examples: give one for each chain.")
        return self._start_at(images, generator)

    @abstractmethod
    def step_chains(self, state: Mapping[str, Any], *, generator: torch.Generator) -> dict[str, Any]:
        """The state one step later."""

    @abstractmethod
    def chain_samples(self, state: Mapping[str, Any], *, generator: torch.Generator) -> torch.Tensor:
        """The samples that a state after at least one step stands for, `[chains, *event_shape]`."""

    @abstractmethod
    def _start_at(self, images: torch.Tensor, generator: torch.Generator) -> dict[str, Any]:
        """The state of chains at images, `[chains, d]`."""

    def _start_at_noise(self, chains: int, generator: torch.Generator) -> dict[str, Any]:
        """The state of chains at images of uniform noise."""
        noise = torch.rand(chains, math.prod(self.event_shape), generator=generator, device=self.device)
        return self._start_at(noise, generator)

    @abstractmethod
    def _sampling_start(self, chains: int, generator: torch.Generator) -> dict[str, Any]:
        """Where `sample` starts its chains."""

    def _require_trained(self) -> None:
        if self.epoch == 0:
            raise ValueError(f"{type(self).__name__} has not been trained: run at least one epoch of fit first.")

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Draw `n` samples from c = min(chains, n) chains.

        Step t = 1, 2, … of the chains is kept if t > burn_in and (t - burn_in) is a multiple of thinning, so that
        burn_in + ⌈n / c⌉ · thinning steps are taken. Rows come round by round: the first c rows are the first kept
        states of all chains; of the last round only as many rows are used as are still wanted.

        Raises:
            ValueError: The model has not been trained, or n is below 1.
        """
        self._require_trained()
        check_integer("n", n)
        settings = self.chain_settings
        chains = min(settings.chains, n)
        state, steps = self._sampling_start(chains, generator), settings.burn_in + settings.thinning
        samples = torch.empty(n, *self.event_shape, device=self.device)
        for first in range(0, n, chains):
            for _ in range(steps):
                state = self.step_chains(state, generator=generator)
            samples[first : first + chains] = self.chain_samples(state, generator=generator)[: n - first]
            steps = settings.thinning
        return samples


def cycled(rows: torch.Tensor, n: int) -> torch.Tensor:
    """The first `n` rows, over again from the first where there are too few."""
    return rows[torch.arange(n, device=rows.device) % len(rows)]
