"""Games on the line: adversarial nets whose data are single numbers, so that densities and D can be drawn.

Their training takes seconds and no record keeps its stages, so figures of them train anew, from a fixed seed.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganbench.registry.models import find_model
from ganbench.runtime.seeding import derive_seed, torch_generator

__all__ = ["AXIS", "Game", "Position", "divergence", "normal_density", "optimal_discriminator"]

AXIS = np.linspace(-5, 5, 501)
"""Where densities and the discriminator are evaluated."""

_N_CODES = 200_000
_WIDTH = 0.08  # standard deviation of the kernels of a generator's density


@dataclass(frozen=True, eq=False)
class Position:
    """How a game stands.

    Attributes:
        discriminator: D(x) at the points of `AXIS`.
        generated: Samples of the generator, in the order of their codes, `[n]`.
        codes: The codes, ascending, `[n]`.
        density: The density of the generator's samples at the points of `AXIS`.
    """

    discriminator: np.ndarray
    generated: np.ndarray
    codes: np.ndarray
    density: np.ndarray


class Game:
    """The training of adversarial nets on numbers, stopped and continued at will.

    Args:
        name: What the seed is derived from.
        seed: The base seed.
        **settings: Settings of the model "adversarial" besides those of its preset "toy-figure1".
    """

    def __init__(self, name: str, seed: int = 0, **settings: Any) -> None:
        self._settings = dict(find_model("adversarial").variant("toy-figure1", (1,)).hyperparameters) | settings
        self._generator = torch_generator(derive_seed(seed, name), "cpu")
        self._state: Mapping[str, Any] | None = None

    def train(self, data: np.ndarray, epochs: int, **settings: Any) -> None:
        """Train for some epochs more, on numbers `[n]`, under these settings.

        With `discriminator_steps` above the number of minibatches only the discriminator learns.
        """
        import torch

        model = self._model(**settings)
        epochs_of_model = model.fit(torch.from_numpy(data[:, None]), generator=self._generator)
        for _ in range(epochs):
            next(epochs_of_model)
        self._state = model.state_dict()

    def position(self) -> Position:
        """How the game stands."""
        import torch

        model = self._model()
        codes = model.draw_codes(_N_CODES, generator=torch_generator(0, "cpu")).sort(0).values
        generated = model.decode(codes)[:, 0].double().numpy()
        points = torch.from_numpy(AXIS.astype(np.float32))[:, None]
        discriminator = model.discriminate(points).double().numpy()
        return Position(discriminator, generated, codes[:, 0].double().numpy(), _density(generated))

    def _model(self, **settings: Any) -> Any:
        model = find_model("adversarial").build((1,), "cpu", {**self._settings, "epochs": 10**9, **settings})
        if self._state is not None:
            model.load_state_dict(self._state)
        return model
