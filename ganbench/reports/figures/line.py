"""Games on the line: adversarial nets whose data are single numbers, so that densities and D can be drawn.

Their training takes seconds and no record keeps its stages, so the figures of them train anew, from a fixed seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganbench.errors import ModelError
from ganbench.registry.models import ModelSource, find_model
from ganbench.runtime.seeding import derive_seed, torch_generator

__all__ = ["AXIS", "DISCRIMINATOR_ONLY", "PRESET", "Game", "Position", "integral", "jensen_shannon", "normal_density"]

AXIS = np.linspace(-8, 8, 1601)
"""Where densities and the discriminator are evaluated."""

PRESET = "toy-figure1"
"""The preset of "adversarial" that the games are played with."""

DISCRIMINATOR_ONLY = 10**9
"""So many `discriminator_steps` that the generator's turn never comes."""


@dataclass(frozen=True, eq=False)
class Position:
    """How a game stands.

    Attributes:
        discriminator: D(x) at the points of `AXIS`.
        shift: The generator is G(z) = shift + scale · z, with z from N(0, 1).
        scale: See `shift`.
    """

    discriminator: np.ndarray
    shift: float
    scale: float

    @property
    def density(self) -> np.ndarray:
        """The density of the generator's samples at the points of `AXIS`: N(shift, scale²)."""
        return normal_density(AXIS, self.shift, abs(self.scale))


class Game:
    """The training of adversarial nets on numbers, stopped and continued at will.

    Args:
        name: What its seed is derived from.
        seed: The base seed.
        shift: Where the generator begins; None for the preset's choice.
    """

    def __init__(self, name: str, seed: int = 0, shift: float | None = None) -> None:
        source = find_model("adversarial")
        if not isinstance(source, ModelSource):
            raise ModelError("'adversarial' is no model that can be trained.")
        self._source = source
        self._settings = dict(source.variant(PRESET, (1,)).hyperparameters) | {"epochs": 10**9}
        if shift is not None:
            self._settings["stages"] = [_shifted(self._settings["stages"][0], shift)]
        self._generator = torch_generator(derive_seed(seed, name), "cpu")
        self._state: Mapping[str, Any] | None = None

    def train(self, data: np.ndarray, epochs: int, **settings: Any) -> None:
        """Train for some epochs more.

        Args:
            data: Numbers, `[n]` float32.
            epochs: How many.
            **settings: Settings of the model for these epochs; with `discriminator_steps=DISCRIMINATOR_ONLY` the
                generator stays as it is.
        """
        import torch

        model = self._model(settings)
        epochs_of_model = model.fit(torch.from_numpy(data[:, None]), generator=self._generator)
        for _ in range(epochs):
            next(epochs_of_model)
        self._state = model.state_dict()

    def position(self) -> Position:
        """How the game stands."""
        import torch

        model = self._model({})
        discriminator = model.discriminate(torch.from_numpy(AXIS.astype(np.float32))[:, None])
        at_zero, at_one = model.decode(torch.tensor([[0.0], [1.0]]))[:, 0].double().tolist()
        return Position(discriminator.double().numpy(), at_zero, at_one - at_zero)

    def _model(self, settings: Mapping[str, Any]) -> Any:
        model = self._source.build((1,), "cpu", {**self._settings, **settings})
        if self._state is not None:
            model.load_state_dict(self._state)
        return model


def _shifted(stage: Mapping[str, Any], shift: float) -> dict[str, Any]:
    """The nets of a stage, whose generator's last bias begins elsewhere."""
    *below, last = stage["generator"]
    return {**stage, "generator": [*below, {**last, "bias": shift}]}


def normal_density(x: np.ndarray, mean: float = 0.0, deviation: float = 1.0) -> np.ndarray:
    """The density of N(mean, deviation²)."""
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))


def integral(values: np.ndarray) -> float:
    """The integral of a function given at the points of `AXIS`."""
    return float(np.trapezoid(values, AXIS))


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """The Jensen-Shannon divergence of two densities given at the points of `AXIS`, in nats."""
    from scipy.special import rel_entr

    middle = (p + q) / 2
    return integral(rel_entr(p, middle) + rel_entr(q, middle)) / 2
