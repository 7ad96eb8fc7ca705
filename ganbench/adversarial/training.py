"""One simultaneous step of both players, and epochs of such steps.

Source: the program published with Generative Adversarial Nets (Goodfellow et al., 2014). Algorithm 1 of the paper
differs: there the generator moves after the discriminator, on fresh noise. Here, as in the program, both gradients are
taken at the old parameters, and the noise, the generated images and their dropout masks are common to both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ganbench.adversarial.momentum import Momentum
from ganbench.adversarial.networks import DiscriminatorNet, GeneratorNet, Net
from ganbench.adversarial.noise import Noise
from ganbench.adversarial.objective import discriminator_objective, generator_objective
from ganbench.adversarial.schedules import LearningRateDecay

__all__ = ["METRICS", "Evaluation", "Players", "Rules", "evaluate", "train_epoch"]

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


class Players:
    """Generator, discriminator, their velocities, and how many updates they have had.

    Args:
        generator: The generator, with memory.
        discriminator: The discriminator, with memory.
        max_column_norm: Limit on the norm of what comes into a unit; None for no limit.
    """

    def __init__(
        self, generator: GeneratorNet, discriminator: DiscriminatorNet, max_column_norm: float | None = None
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.generator_momentum = _momentum(generator, max_column_norm)
        self.discriminator_momentum = _momentum(discriminator, max_column_norm)
        self.updates = 0

    def state_dict(self) -> dict[str, Any]:
        """Parameters, velocities and the number of updates, sharing memory with the players."""
        return {
            "updates": self.updates,
            "generator": dict(self.generator.state_dict()),
            "discriminator": dict(self.discriminator.state_dict()),
            "generator_velocities": self.generator_momentum.velocities,
            "discriminator_velocities": self.discriminator_momentum.velocities,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy a state into the players.

        Raises:
            RuntimeError: It is of players with other layers (torch's text says which).
        """
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.generator_momentum.load_velocities(state["generator_velocities"])
        self.discriminator_momentum.load_velocities(state["discriminator_velocities"])
        self.updates = state["updates"]


def _momentum(net: Net, max_column_norm: float | None) -> Momentum:
    return Momentum(list(net.parameters()), net.unit_weights, max_column_norm)


@dataclass(frozen=True)
class Evaluation:
    """One forward pass of the game: both objectives, with their graph, and the logits they come from."""

    discriminator_objective: torch.Tensor
    generator_objective: torch.Tensor
    real_logits: torch.Tensor
    fake_logits: torch.Tensor

    def metrics(self) -> torch.Tensor:
        """The numbers named by `METRICS`, as a tensor, so that nobody waits for the device."""
        real, fake = self.real_logits.detach(), self.fake_logits.detach()
        objectives = self.discriminator_objective.detach(), self.generator_objective.detach()
        return torch.stack([*objectives, real.sigmoid().mean(), fake.sigmoid().mean()])


def evaluate(
    players: Players, real: torch.Tensor, noise: torch.Tensor, *, generator_loss: str, generator: torch.Generator
) -> Evaluation:
    """Evaluate both objectives on one minibatch, with dropout in the discriminator only.

    Real and generated images have masks of their own; the generated images pass the discriminator once.

    Args:
        players: The two nets.
        real: `[n, *event_shape]` images of the data.
        noise: `[n, noise_dimension]`.
        generator_loss: See `generator_objective`.
        generator: Source of the dropout masks.
    """
    real_logits = players.discriminator(real, generator=generator)
    fake_logits = players.discriminator(players.generator(noise), generator=generator)
    return Evaluation(
        discriminator_objective(real_logits, fake_logits),
        generator_objective(fake_logits, generator_loss),
        real_logits,
        fake_logits,
    )


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
    totals, count = torch.zeros(len(METRICS), device=generator.device), 0
    for real in minibatches:
        totals += _update(players, real, rules, momentum=momentum, generator=generator)
        count += 1
    return dict(zip(METRICS, (totals / count).tolist(), strict=True))


def _update(
    players: Players, real: torch.Tensor, rules: Rules, *, momentum: float, generator: torch.Generator
) -> torch.Tensor:
    """Update the discriminator, and the generator with it when it is its turn; returns the metrics before."""
    rate = {"learning_rate": rules.learning_rate.after(players.updates), "momentum": momentum}
    players.updates += 1
    both = players.updates % rules.discriminator_steps == 0
    noise = rules.noise.sample(len(real), generator=generator)
    evaluation = evaluate(players, real, noise, generator_loss=rules.generator_loss, generator=generator)
    gradients = _gradient(evaluation.discriminator_objective, players.discriminator_momentum, retain_graph=both)
    if both:
        players.generator_momentum.update(_gradient(evaluation.generator_objective, players.generator_momentum), **rate)
    players.discriminator_momentum.update(gradients, **rate)
    return evaluation.metrics()


def _gradient(objective: torch.Tensor, player: Momentum, *, retain_graph: bool = False) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(objective, player.parameters, retain_graph=retain_graph)
