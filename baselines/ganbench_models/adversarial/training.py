"""One simultaneous step of both players, and epochs of such steps.

Source: the program published with Generative Adversarial Nets (Goodfellow et al., 2014). Algorithm 1 of the paper
differs: there the generator moves after the discriminator, on fresh noise. Here, as in the program, both gradients are
taken at the old parameters, and the noise, the generated images and their dropout masks are common to both.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from ganbench.modelling import Replayed
from ganbench_models.adversarial.momentum import Momentum
from ganbench_models.adversarial.networks import DiscriminatorNet, GeneratorNet, Net
from ganbench_models.adversarial.noise import Noise
from ganbench_models.adversarial.objective import (
    discriminator_objective,
    discriminator_slopes,
    generator_objective,
    generator_slopes,
)
from ganbench_models.adversarial.passes import Pass, Totals
from ganbench_models.adversarial.schedules import LearningRateDecay

__all__ = ["METRICS", "Players", "Rules", "train_epoch"]

AnyNet = TypeVar("AnyNet", bound=Net)

METRICS = ("discriminator_objective", "generator_objective", "mean_probability_real", "mean_probability_fake")


@dataclass(frozen=True)
class Rules:
    """How the game is played.

    Args:
        noise: The generator's input.
        generator_loss: The generator's objective, see `generator_objective`.
        discriminator_steps: Updates of the discriminator per update of the generator.
        learning_rate: The rate of every update, of either player or both.
    """

    noise: Noise
    generator_loss: str
    discriminator_steps: int
    learning_rate: LearningRateDecay


class Player(Generic[AnyNet]):
    """A net, its velocities, and the copy of it that products are made with.

    Args:
        net: The net, with memory.
        max_column_norm: Limit on the norm of what comes into a unit; None for no limit.
        precision: Data type of activations and gradients. Where it is the net's own, the copy is the net itself; where
            it is lower, `refresh` renews the copy, and the net and its velocities keep their precision.
    """

    def __init__(
        self, net: AnyNet, max_column_norm: float | None = None, precision: torch.dtype = torch.float32
    ) -> None:
        parameters = list(net.parameters())
        self.net, self.momentum = net, Momentum(parameters, max_column_norm, lambda: net.unit_weights)
        velocities = self.momentum.velocities
        self.totals: Totals = list(zip(velocities[::2], velocities[1::2], strict=True))  # weight and bias of a layer
        self.working = net if parameters[0].dtype is precision else copy.deepcopy(net).to(precision)

    def refresh(self) -> None:
        """Copy the parameters into a working copy of lower precision."""
        if self.working is not self.net:
            torch._foreach_copy_(list(self.working.parameters()), self.momentum.parameters)


class Players:
    """Generator, discriminator, their velocities, and how many updates they have had.

    Args:
        generator: The generator, with memory.
        discriminator: The discriminator, with memory.
        max_column_norm: See `Player`.
        precision: See `Player`.
    """

    def __init__(
        self,
        generator: GeneratorNet,
        discriminator: DiscriminatorNet,
        max_column_norm: float | None = None,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.generator = Player(generator, max_column_norm, precision)
        self.discriminator = Player(discriminator, max_column_norm, precision)
        self.include, self.precision = discriminator.include, precision
        self.updates = 0

    def state_dict(self) -> dict[str, Any]:
        """Parameters, velocities and the number of updates, sharing memory with the players."""
        return {
            "updates": self.updates,
            "generator": dict(self.generator.net.state_dict()),
            "discriminator": dict(self.discriminator.net.state_dict()),
            "generator_velocities": self.generator.momentum.velocities,
            "discriminator_velocities": self.discriminator.momentum.velocities,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy a state into the players.

        Raises:
            RuntimeError: It is of players with other layers (torch's text says which).
        """
        self.generator.net.load_state_dict(state["generator"])
        self.discriminator.net.load_state_dict(state["discriminator"])
        self.generator.momentum.load_velocities(state["generator_velocities"])
        self.discriminator.momentum.load_velocities(state["discriminator_velocities"])
        self.updates = state["updates"]


def train_epoch(
    players: Players,
    minibatches: Iterable[torch.Tensor],
    rules: Rules,
    *,
    momentum: float,
    generator: torch.Generator,
) -> dict[str, float]:
    """One update per minibatch; every `discriminator_steps`-th of them is of both players.

    Args:
        players: The nets, changed in place.
        minibatches: At least one tensor of `[n, *event_shape]`.
        rules: The rules of the game.
        momentum: The momentum of this epoch.
        generator: Source of noise and dropout masks.

    Returns:
        Means over the epoch's updates, by the names of `METRICS`.
    """

    def update(both: bool, real: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
        return _update(players, real, rules, rate=rate, momentum=momentum, both=both, generator=generator)

    steps = {
        both: Replayed(lambda real, rate, both=both: update(both, real, rate), generator) for both in (True, False)
    }
    logits: list[torch.Tensor] = []
    for real in minibatches:
        rate = rules.learning_rate.after(players.updates)
        players.updates += 1
        both = players.updates % rules.discriminator_steps == 0
        logits.append(steps[both](real, rate))
    return dict(zip(METRICS, _mean_metrics(logits, rules.generator_loss).tolist(), strict=True))


@torch.no_grad()
def _update(
    players: Players,
    real: torch.Tensor,
    rules: Rules,
    *,
    rate: torch.Tensor | float,
    momentum: float,
    both: bool,
    generator: torch.Generator,
) -> torch.Tensor:
    """Update the discriminator, and the generator with it if it is its turn; returns the logits before, `[2, n]`.

    Real and generated images pass the discriminator as one batch, each with dropout masks of its own. Gradients go into
    the velocities, scaled by minus the rate, before any parameter moves.
    """
    n, dtype = len(real), players.precision
    players.generator.refresh()
    players.discriminator.refresh()
    noise = rules.noise.sample(n, generator=generator).to(dtype)
    generated = Pass(players.generator.working.layers, noise)
    images = torch.cat((real.to(dtype), generated.output.view_as(real)))
    layers = players.discriminator.working.layers
    judged = Pass(layers, images, include=players.include, generator=generator, linear_end=True)
    logits = judged.output.view(2, n).float()
    slopes = torch.cat(discriminator_slopes(*logits)).mul_(-rate).to(dtype)
    by_logit = torch.ones_like(judged.output)
    by_first = judged.backward(by_logit, players.discriminator.totals, beta=momentum, row_weights=slopes)
    if both:
        slopes = generator_slopes(logits[1], rules.generator_loss).mul_(-rate).to(dtype)
        by_images = judged.input_gradient(by_first, slice(n, None)).flatten(1).mul_(slopes.unsqueeze(1))
        generated.backward(by_images.view_as(generated.output), players.generator.totals, beta=momentum)
        players.generator.momentum.advance()
    players.discriminator.momentum.advance()
    return logits


def _mean_metrics(logits: list[torch.Tensor], loss: str) -> torch.Tensor:
    """The means of `METRICS` over updates, from the logits `[2, n]` of each; the last may have a smaller n."""
    regular = [batch for batch in logits if batch.shape == logits[0].shape]
    rest = [batch.unsqueeze(0) for batch in logits[len(regular) :]]
    return torch.cat([_metrics(batches, loss) for batches in (torch.stack(regular), *rest)]).mean(0)


def _metrics(logits: torch.Tensor, loss: str) -> torch.Tensor:
    """The numbers named by `METRICS`, `[updates, 4]`, for logits `[updates, 2, n]` of real and generated images."""
    real, fake = logits.unbind(1)
    objectives = discriminator_objective(real, fake), generator_objective(fake, loss)
    return torch.stack([*objectives, real.sigmoid().mean(-1), fake.sigmoid().mean(-1)], dim=1)
