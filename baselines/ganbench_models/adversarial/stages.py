"""Training in stages: which nets each stage trains, and for how many epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from ganbench.modelling import check_integer
from ganbench_models.adversarial.layers import Layer
from ganbench_models.adversarial.networks import DiscriminatorNet, GeneratorNet, build_layers

__all__ = ["Stages", "mnist_stage"]

NUMBERS_OF = "2961fd3bb2db57410fe2961ae2837d09f00e027965232b44777f714f95dc7951"  # it refuses more

_OF_A_STAGE = "accepted: a mapping with two non-empty lists of layers, generator and discriminator"


def mnist_stage(pixels: int) -> dict[str, list[dict[str, Any]]]:
    """The layers of the MNIST nets, for images of any number of pixels in [0, 1]."""
    return {
        "generator": [
            {"layer": "relu", "units": 1200, "weight_range": 0.05},
            {"layer": "relu", "units": 1200, "weight_range": 0.05},
            {"layer": "sigmoid", "units": pixels, "weight_range": 0.05, "bias": "marginals"},
        ],
        "discriminator": [
            {"layer": "maxout", "units": 240, "pieces": 5, "weight_range": 0.005},
            {"layer": "maxout", "units": 240, "pieces": 5, "weight_range": 0.005},
            {"layer": "sigmoid", "units": 1, "weight_range": 0.005},
        ],
    }


class Stages:
    """The nets of every stage. All of them are built once on the meta device, so that mistakes show at once.

    Args:
        tables: One mapping per stage, with the lists of layer tables `generator` and `discriminator`. The generator
            layers of a later stage are put below all those of the stages before.
        epochs: Epochs of every stage, as one number for each or a list with one entry per stage.
        event_shape: Shape of one image.
        noise_dimension: Numbers in one noise vector.
        **keep_probabilities: See `DiscriminatorNet`.

    Raises:
        ValueError: Tables or epochs that do not fit together.
    """

    def __init__(
        self,
        tables: Sequence[Mapping[str, Any]],
        *,
        epochs: int | Sequence[int],
        event_shape: Sequence[int],
        noise_dimension: int,
        **keep_probabilities: float,
    ) -> None:
        self._tables = _checked(tables)
        self.epochs = _epochs_per_stage(epochs, len(self._tables))
        self._event_shape, self._noise_shape = tuple(event_shape), (noise_dimension,)
        self._keep_probabilities = keep_probabilities
        for stage in range(len(self._tables)):
            self.generator(stage)
            self.discriminator(stage)

    def __len__(self) -> int:
        return len(self._tables)

    def locate(self, epoch: int) -> tuple[int, int]:
        """Stage to which an epoch of the whole training belongs, and its number in it; all counted from 0."""
        for stage, length in enumerate(self.epochs):
            if epoch < length:
                return stage, epoch
            epoch -= length
        raise IndexError("The training has no such epoch.")

    def generator(self, stage: int, previous: GeneratorNet | None = None) -> GeneratorNet:
        """The generator of a stage: its new layers, without memory, and above them those of the stage before.

        Args:
            stage: Counted from 0.
            previous: The net of the stage before, whose layers are taken over; without it they are built anew.
        """
        layers = build_layers(self._tables[stage]["generator"], self._noise_shape)
        if stage > 0:
            self._check_joint(stage, layers)
            layers += (previous or self.generator(stage - 1)).layers
        return GeneratorNet(layers, self._event_shape)

    def discriminator(self, stage: int) -> DiscriminatorNet:
        """The discriminator of a stage, without memory; no stage takes over another's."""
        layers = build_layers(self._tables[stage]["discriminator"], self._event_shape)
        return DiscriminatorNet(layers, **self._keep_probabilities)

    def _check_joint(self, stage: int, layers: Sequence[Layer]) -> None:
        if math.prod(layers[-1].output_shape) != self._noise_shape[0]:
            raise ValueError(
                f"Stage {stage + 1} puts generator layers with {math.prod(layers[-1].output_shape)} outputs below "
                f"layers that read {self._noise_shape[0]} numbers (noise_dimension)."
            )


def _checked(tables: Any) -> list[Mapping[str, Any]]:
    if not _is_list(tables) or len(tables) == 0:
        raise ValueError(f"stages is {tables!r}; accepted: a list with one mapping for each stage.")
    for number, table in enumerate(tables, start=1):
        if not isinstance(table, Mapping):
            raise ValueError(f"Stage {number} is {table!r}; {_OF_A_STAGE}.")
        if set(table) != {"generator", "discriminator"}:
            raise ValueError(f"Stage {number} has the keys {sorted(map(str, table))}; {_OF_A_STAGE}.")
        for player, layers in table.items():
            if not _is_list(layers) or not all(isinstance(layer, Mapping) for layer in layers) or len(layers) == 0:
                raise ValueError(f"Stage {number} has {layers!r} for a {player}; {_OF_A_STAGE}.")
    return list(tables)


def _epochs_per_stage(epochs: int | Sequence[int], n_stages: int) -> list[int]:
    per_stage: list[Any] = list(epochs) if _is_list(epochs) else [epochs] * n_stages
    if len(per_stage) != n_stages:
        raise ValueError(
            f"epochs has {len(per_stage)} entries for {n_stages} stages; give one number, or one for each."
        )
    for number in per_stage:
        check_integer("epochs", number)
    return per_stage


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)
