"""The two players, as stacks of layers that are written as tables (mappings with a `layer` key)."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from ganbench.modelling import check_choice, check_number
from ganbench_models.adversarial.convolution import MaxoutConvolution, TransposedConvolution
from ganbench_models.adversarial.dropout import dropout_mask
from ganbench_models.adversarial.layers import Layer, Linear, Maxout, RectifiedLinear, Sigmoid

__all__ = ["LAYERS", "DiscriminatorNet", "GeneratorNet", "Net", "build_layers"]

LAYERS: dict[str, type[Layer]] = {
    "linear": Linear,
    "relu": RectifiedLinear,
    "sigmoid": Sigmoid,
    "maxout": Maxout,
    "maxout-convolution": MaxoutConvolution,
    "transposed-convolution": TransposedConvolution,
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
    check_choice("layer", kind, LAYERS)
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
        input_keep_probability: The keep probability of dropout (see `dropout_mask`) for the numbers of an image.
        hidden_keep_probability: The same for the inputs of every later layer.

    Raises:
        ValueError: Another last layer, or a probability outside (0, 1].
    """

    def __init__(
        self, layers: Sequence[Layer], *, input_keep_probability: float, hidden_keep_probability: float
    ) -> None:
        super().__init__(layers)
        check_number("input_keep_probability", input_keep_probability, above=0, most=1)
        check_number("hidden_keep_probability", hidden_keep_probability, above=0, most=1)
        if not isinstance(layers[-1], Sigmoid) or layers[-1].output_shape != (1,):
            raise ValueError("The discriminator's last layer must be a sigmoid layer with units = 1.")
        self._keep = [input_keep_probability] + [hidden_keep_probability] * (len(layers) - 1)

    def forward(self, images: torch.Tensor, *, dropout: torch.Generator | None = None) -> torch.Tensor:
        """Logits `[n]` in the parameters' data type, with dropout if there is a generator to draw its masks."""
        x, last = images, self.layers[-1]
        for layer, keep in zip(self.layers, self._keep, strict=True):
            if dropout is not None and keep < 1:
                x = x * dropout_mask(x.shape, keep, generator=dropout, dtype=x.dtype)
            x = layer.affine(x) if layer is last else layer(x)
        return x.squeeze(1).to(last.weight.dtype)
