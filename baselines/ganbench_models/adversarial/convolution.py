"""Convolutional layers: maxout over channels with pooling (discriminator), and transposed convolution (generator).

Sources: Maxout Networks (Goodfellow et al., 2013); the program published with Generative Adversarial Nets (Goodfellow
et al., 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import conv2d, conv_transpose2d, max_pool2d

from ganbench.modelling import check_integer
from ganbench_models.adversarial.layers import Layer, largest_piece

__all__ = ["MaxoutConvolution", "TransposedConvolution"]


class MaxoutConvolution(Layer):
    """Convolution of stride 1 with zero padding, maximum over `pieces` channels, then spatial max-pooling.

    A side of s becomes d = s + 2·padding − kernel + 1, and after pooling ⌈(d − pool) / pool_stride⌉ + 1: windows that
    reach over the edge take the maximum of what is inside. A bias is shared by all places of its channel.

    Args:
        input_shape: `(channels, height, width)` of one input.
        channels: Channels of the output.
        pieces: Channels of the convolution an output channel chooses from.
        kernel: Side of the square kernel.
        padding: Zeros around the input.
        pool: Side of the pooling window.
        pool_stride: Step between pooling windows.
        **initialisation: See `Layer`.

    Raises:
        ValueError: A setting outside its range, or an input smaller than the windows.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        *,
        channels: int,
        pieces: int,
        kernel: int,
        padding: int = 0,
        pool: int,
        pool_stride: int,
        **initialisation: Any,
    ) -> None:
        _check_sizes(channels=channels, pieces=pieces, kernel=kernel, pool=pool)
        check_integer("padding", padding, least=0)
        check_integer("pool_stride", pool_stride, most=pool)
        inputs, *sides = _image_shape("maxout-convolution", input_shape)
        super().__init__((pieces * channels, inputs, kernel, kernel), (pieces * channels,), **initialisation)
        self._pieces, self._padding, self._pool, self._pool_stride = pieces, padding, pool, pool_stride
        self.detector_sides = tuple(side + 2 * padding - kernel + 1 for side in sides)
        if min(self.detector_sides) < pool:
            raise ValueError(f"kernel {kernel} and pool {pool} do not fit into an input of {tuple(input_shape)}.")
        self.output_shape = (channels, *(math.ceil((side - pool) / pool_stride) + 1 for side in self.detector_sides))

    def affine(self, x: torch.Tensor) -> torch.Tensor:
        """The convolution: `[n, pieces · channels, *detector_sides]`."""
        return conv2d(x, self.weight.to(x.dtype), self.bias.to(x.dtype), padding=self._padding)

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """Maximum over pieces, then over places: `[n, *output_shape]`."""
        return max_pool2d(largest_piece(a, self._pieces), self._pool, self._pool_stride, ceil_mode=True)


class TransposedConvolution(Layer):
    """Transposed convolution, linear, with a bias for every output number ("untied").

    A side of s becomes stride·(s − 1) + kernel.

    Args:
        input_shape: Shape of one input.
        image_shape: `(channels, height, width)` as which the input is read.
        channels: Channels of the output.
        kernel: Side of the square kernel.
        stride: Step in the output between neighbours of the input.
        **initialisation: See `Layer`.

    Raises:
        ValueError: A setting outside its range, or an input of another size than `image_shape`.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        *,
        image_shape: Sequence[int],
        channels: int,
        kernel: int,
        stride: int,
        **initialisation: Any,
    ) -> None:
        _check_sizes(channels=channels, kernel=kernel, stride=stride)
        inputs, *sides = _image_shape("transposed-convolution", image_shape)
        if math.prod(image_shape) != math.prod(input_shape):
            raise ValueError(f"image_shape is {list(image_shape)}; the input has {math.prod(input_shape)} elements.")
        self._image_shape, self._stride = tuple(image_shape), stride
        self.output_shape = (channels, *(stride * (side - 1) + kernel for side in sides))
        super().__init__((inputs, channels, kernel, kernel), self.output_shape, **initialisation)

    @property
    def unit_weights(self) -> torch.Tensor:
        """The weight by output channel: `[channels, inputs, kernel, kernel]`."""
        return self.weight.detach().transpose(0, 1)

    def affine(self, x: torch.Tensor) -> torch.Tensor:
        """The transposed convolution: `[n, *output_shape]`."""
        images = x.view(-1, *self._image_shape)
        return conv_transpose2d(images, self.weight.to(x.dtype), stride=self._stride) + self.bias.to(x.dtype)


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        check_integer(name, size)


def _image_shape(layer: str, shape: Sequence[int]) -> tuple[int, ...]:
    if len(shape) != 3:
        raise ValueError(f"A {layer} layer reads [channels, height, width]; its input has shape {list(shape)}.")
    return tuple(shape)
