"""The two players, as stacks of layers that are written as tables (mappings with a `layer` key)."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from ganbench_models.adversarial.checks import number_between, one_of
from ganbench_models.adversarial.convolution import Deconvolution, MaxoutConvolution
from ganbench_models.adversarial.layers import Layer, Linear, Maxout, RectifiedLinear, Sigmoid

__all__ = ["LAYERS", "DiscriminatorNet", "GeneratorNet", "Net", "build_layers"]

LAYERS: dict[str, type[Layer]] = {
    "linear": Linear,
    "relu": RectifiedLinear,
    "sigmoid": Sigmoid,
    "maxout": Maxout,
    "maxout-convolution": MaxoutConvolution,
    "deconvolution": Deconvolution,
}


def build_layers(tables: Sequence[Mapping[str, Any]], input_shape: Sequence[int]) -> list[Layer]:
    """Layers on the meta device, each reading what the one before gives.

    Args:
        tables: One mapping per layer: `layer` is a key of `LAYERS`, the rest are that class's keyword arguments.
        input_shape: Shape of one input of the first layer.

    Raises:
        ValueError: A table that describes no layer; the text says which one and why.
    """
    layers: list[Layer] = []
    for number, table in enumerate(tables, start=1):
        try:
            layers.append(_build_layer(table, layers[-1].output_shape if layers else input_shape))
        except ValueError as error:
            raise ValueError(f"Layer {number}, {dict(table)}: {error}") from error
    return layers


def _build_layer(table: Mapping[str, Any], input_shape: Sequence[int]) -> Layer:
    settings = dict(table)
    kind = settings.pop("layer", None)
    one_of("layer", kind, tuple(LAYERS))
    try:
        return LAYERS[kind](input_shape, **settings)
    except TypeError as error:
        accepted = ", ".join(_keywords(LAYERS[kind]) | _keywords(Layer))
        raise ValueError(f"{error}. A {kind} layer accepts: {accepted}.") from error


def _keywords(layer: type[Layer]) -> dict[str, None]:
    parameters = inspect.signature(layer).parameters.values()
    return {parameter.name: None for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


class Net(nn.Module):
    """A stack of layers.

    Args:
        layers: The layers, from input to output; layers may be shared with another net.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = cast("Sequence[Layer]", nn.ModuleList(layers))

    @property
    def unit_weights(self) -> list[torch.Tensor]:
        """For every layer its weight, with what comes into one unit as a row."""
        return [layer.unit_weights for layer in self.layers]

    @property
    def n_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.parameters())

    def materialise(self, device: str | torch.device) -> list[Layer]:
        """Give memory to the layers that have none yet, and return them: their values are still to be set."""
        return [layer.to_empty(device=device) for layer in self.layers if layer.weight.is_meta]


class GeneratorNet(Net):
    """The generator: noise `[n, noise_dimension]` to images `[n, *event_shape]`, without dropout.

    Args:
        layers: The layers, from noise to image.
        event_shape: Shape of one image.

    Raises:
        ValueError: The last layer's output has another size than an image.
    """

    def __init__(self, layers: Sequence[Layer], event_shape: Sequence[int]) -> None:
        super().__init__(layers)
        self._event_shape = tuple(event_shape)
        outputs, pixels = math.prod(layers[-1].output_shape), math.prod(event_shape)
        if outputs != pixels:
            raise ValueError(
                f"The generator's last layer gives {outputs} numbers and an image of shape {self._event_shape} has "
                f"{pixels}; choose the preset of this data set or change the last layer."
            )

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        """Images `[n, *event_shape]`."""
        for layer in self.layers:
            noise = layer(noise)
        return noise.view(-1, *self._event_shape)


class DiscriminatorNet(Net):
    """The discriminator: images `[n, *event_shape]` to logits `[n]`; its probability of "real" is their sigmoid.

    Args:
        layers: The layers; the last is a sigmoid of one unit, of which only the affine part is evaluated.
        input_include_probability: Share of the image's numbers that dropout keeps.
        hidden_include_probability: Share of every later layer's inputs that dropout keeps.

    Raises:
        ValueError: Another last layer, or a probability outside (0, 1].
    """

    def __init__(
        self, layers: Sequence[Layer], *, input_include_probability: float, hidden_include_probability: float
    ) -> None:
        super().__init__(layers)
        number_between("input_include_probability", input_include_probability, 0, 1, low_included=False)
        number_between("hidden_include_probability", hidden_include_probability, 0, 1, low_included=False)
        if not isinstance(layers[-1], Sigmoid) or layers[-1].output_shape != (1,):
            raise ValueError("The discriminator's last layer must be a sigmoid layer with units = 1.")
        self.include = [input_include_probability] + [hidden_include_probability] * (len(layers) - 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `[n]`, without dropout."""
        *hidden, last = self.layers
        for layer in hidden:
            images = layer(images)
        return last.affine(images).squeeze(1)
