"""Sampling by Markov chains that advance side by side."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch

from ganbench.modelling import check_integer
from ganbench_models.images import flat_images

__all__ = ["ChainSampler"]

_CHAINS_AT_ONCE = 1000


class ChainSampler(ABC):
    """What models that are sampled by Markov chains have in common: a `MarkovChain` of `ganbench.model`.

    Attributes:
        sampling_steps: Steps of a chain before `sample` takes its state. The harness does not use `sample`: it runs the
            chains itself, from the starts and for as many steps as the protocol says.
    """

    event_shape: tuple[int, ...]
    device: torch.device
    epoch: int
    sampling_steps: int = 200

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

    def _require_trained(self) -> None:
        if self.epoch == 0:
            raise ValueError(f"{type(self).__name__} has not been trained: run at least one epoch of fit first.")

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Draw `n` independent samples: the states of as many chains `sampling_steps` steps after noise.

        Raises:
            ValueError: The model has not been trained, or n is below 1.
        """
        self._require_trained()
        check_integer("n", n)
        samples = torch.empty(n, *self.event_shape, device=self.device)
        for part in samples.split(_CHAINS_AT_ONCE):
            state = self.start_chains(len(part), generator=generator)
            for _ in range(self.sampling_steps):
                state = self.step_chains(state, generator=generator)
            part.copy_(self.chain_samples(state, generator=generator))
        return samples
