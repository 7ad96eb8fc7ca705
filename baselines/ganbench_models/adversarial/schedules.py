"""Momentum, which grows from epoch to epoch, and the learning rate, which decays from update to update.

Source: the program published with Generative Adversarial Nets (Goodfellow et al., 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.modelling import check_number

__all__ = ["LearningRateDecay", "MomentumRamp"]


@dataclass(frozen=True)
class MomentumRamp:
    """Momentum m(e) = initial + (final − initial) · min(1, e / saturation_epoch) in epoch e = 0, 1, 2, ...

    Args:
        initial: Momentum in the first epoch, in [0, 1].
        final: Momentum from `saturation_epoch` on, in [0, 1].
        saturation_epoch: The epoch, counted from 0, in which the final momentum is reached.

    Raises:
        ValueError: A setting outside its range.
    """

    initial: float
    final: float
    saturation_epoch: int

    def __post_init__(self) -> None:
        check_number("initial_momentum", self.initial, least=0, most=1)
        check_number("final_momentum", self.final, least=0, most=1)
        check_number("momentum_saturation_epoch", self.saturation_epoch, least=1)

    def at(self, epoch: int) -> float:
        """Momentum in `epoch`, counted from 0."""
        return self.initial + (self.final - self.initial) * min(1.0, epoch / self.saturation_epoch)


@dataclass(frozen=True)
class LearningRateDecay:
    """Learning rate max(initial / decay^t, minimum) after t updates; the first update uses the initial one.

    Args:
        initial: Learning rate of the first update, above 0.
        decay: Divisor per update, at least 1.
        minimum: The rate below which it does not fall, at least 0.

    Raises:
        ValueError: A setting outside its range.
    """

    initial: float
    decay: float
    minimum: float

    def __post_init__(self) -> None:
        check_number("learning_rate", self.initial, above=0)
        check_number("learning_rate_decay", self.decay, least=1, most=2)
        check_number("minimum_learning_rate", self.minimum, least=0)

    def after(self, updates: int) -> float:
        """Learning rate of the update that follows `updates` others."""
        return max(self.initial * self.decay**-updates, self.minimum)
