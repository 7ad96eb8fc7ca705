"""Updates of both players, and epochs of such updates.

Source: the program published with Generative Adversarial Nets (Goodfellow et al., 2014), which moves both players at
once: both gradients are taken at the old parameters, and the noise, the generated images and their dropout masks are
common to both. In Algorithm 1 of the paper the generator moves after the discriminator, on fresh noise.

Both objectives see an image only through its logit, so their gradients pass the discriminator as the same vectors,
times a factor for each image. A simultaneous update is therefore one backward pass: of the discriminator's objective
down to the generated images, where the factors are exchanged, and of the generator's from there on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from ganbench.modelling import Replayed
from ganbench_models.adversarial.momentum import Momentum
from ganbench_models.adversarial.networks import DiscriminatorNet, GeneratorNet, Net
from ganbench_models.adversarial.noise import Noise
from ganbench_models.adversarial.objective import (
    discriminator_gradient,
    discriminator_objective,
    generator_gradient,
    generator_objective,
)
from ganbench_models.adversarial.schedules import LearningRateDecay

__all__ = ["METRICS", "UPDATES", "Players", "Rules", "train_epoch"]

AnyNet = TypeVar("AnyNet", bound=Net)

METRICS = ("discriminator_objective", "generator_objective", "mean_probability_real", "mean_probability_fake")
UPDATES = ("simultaneous", "alternating")
_LEAST_GRADIENT = 1e-20


@dataclass(frozen=True)
class Rules:
    """How the game is played.

    Args:
        noise: The generator's input.
        generator_loss: The generator's objective, see `generator_objective`.
        discriminator_steps: Updates of the discriminator per update of the generator.
        learning_rate: The rate of every update, of either player or both.
        updates: "simultaneous", as in the program, or "alternating", as in Algorithm 1.
    """

    noise: Noise
    generator_loss: str
    discriminator_steps: int
    learning_rate: LearningRateDecay
    updates: str = "simultaneous"


class Player(Generic[AnyNet]):
    """A net and the momentum of its training.

    Args:
        net: The net, with memory.
        max_column_norm: Limit on the norm of what comes into a unit; None for no limit.
    """

    def __init__(self, net: AnyNet, max_column_norm: float | None = None) -> None:
        self.net = net
        self.momentum = Momentum(net.parameters(), max_column_norm, net.unit_weights)


class Players:
    """Generator, discriminator, their velocities, and how many updates they have had.

    Args:
        generator: The generator, with memory.
        discriminator: The discriminator, with memory.
        max_column_norm: See `Player`.
        precision: Data type of activations and gradients; parameters and velocities keep theirs.
    """

    def __init__(
        self,
        generator: GeneratorNet,
        discriminator: DiscriminatorNet,
        max_column_norm: float | None = None,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.generator = Player(generator, max_column_norm)
        self.discriminator = Player(discriminator, max_column_norm)
        self.precision = precision
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
    """Update the discriminator, and the generator too if it is its turn; returns the logits before, `[2, n]`.

    Real and generated images pass the discriminator as one batch, each with dropout masks of its own. No parameter
    moves before both players have their gradients.
    """
    simultaneous = both and rules.updates == "simultaneous"
    generated = _generate(players, rules, len(real), generator)
    images = torch.cat((real.to(generated.dtype), generated if simultaneous else generated.detach()))
    logits = players.discriminator.net(images, dropout=generator)
    real_logits, fake_logits = logits.detach().view(2, -1)
    real_gradient, fake_gradient = discriminator_gradient(real_logits, fake_logits)
    fake_gradient.clamp_(min=_LEAST_GRADIENT)  # lost in the rounding of sums over images, and no ratio overflows
    players.discriminator.momentum.decay(momentum)
    if simultaneous:
        players.generator.momentum.decay(momentum)
        ratio = generator_gradient(fake_logits, rules.generator_loss) / fake_gradient
        ratio = ratio.to(generated.dtype).view(-1, *[1] * (generated.dim() - 1))
        generated.register_hook(lambda gradient: gradient * ratio)
    logits.backward(-rate * torch.cat((real_gradient, fake_gradient)))
    players.discriminator.momentum.advance()
    if simultaneous:
        players.generator.momentum.advance()
    elif both:
        _update_generator(players, rules, len(real), rate=rate, momentum=momentum, generator=generator)
    return logits.detach().view(2, -1)


def _update_generator(
    players: Players,
    rules: Rules,
    n: int,
    *,
    rate: torch.Tensor | float,
    momentum: float,
    generator: torch.Generator,
) -> None:
    """Update the generator alone, on fresh noise."""
    logits = players.discriminator.net(_generate(players, rules, n, generator), dropout=generator)
    gradient = generator_gradient(logits.detach(), rules.generator_loss)
    players.generator.momentum.decay(momentum)
    logits.backward(-rate * gradient, inputs=players.generator.momentum.parameters)
    players.generator.momentum.advance()


def _generate(players: Players, rules: Rules, n: int, generator: torch.Generator) -> torch.Tensor:
    """Images `[n, *event_shape]` from fresh noise."""
    return players.generator.net(rules.noise.sample(n, generator=generator).to(players.precision))


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
