"""Momentum, which grows from epoch to epoch, and the learning rate, which decays from update to update.

Source: the program published with Generative Adversarial Nets (Goodfellow et al., 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

from ganbench_models.adversarial.checks import number_between

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
        number_between("initial_momentum", self.initial, 0, 1)
        number_between("final_momentum", self.final, 0, 1)
        number_between("momentum_saturation_epoch", self.saturation_epoch, 1)

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
        number_between("learning_rate", self.initial, 0, low_included=False)
        number_between("learning_rate_decay", self.decay, 1, 2)
        number_between("minimum_learning_rate", self.minimum, 0)

    def after(self, updates: int) -> float:
        """Learning rate of the update that follows `updates` others."""
        return max(self.initial * self.decay**-updates, self.minimum)
