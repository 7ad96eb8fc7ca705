"""Convolutional layers: maxout over channels with pooling (discriminator) and deconvolution (generator).

Sources: Maxout Networks (Goodfellow et al., 2013); the program published with Generative Adversarial Nets (Goodfellow
et al., 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import conv2d, conv_transpose2d, max_pool2d
from torch.nn.grad import conv2d_input, conv2d_weight

from ganbench_models.adversarial.checks import number_between, positive_integer
from ganbench_models.adversarial.layers import Layer, gradient_of_maximum_, maximum_of_pieces_, pieces_of

__all__ = ["Deconvolution", "MaxoutConvolution"]


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
        _check_sizes(channels=channels, pieces=pieces, kernel=kernel, pool=pool, pool_stride=pool_stride)
        number_between("padding", padding, 0)
        number_between("pool_stride", pool_stride, 1, pool)
        inputs, *sides = _image_shape("maxout-convolution", input_shape)
        super().__init__((pieces * channels, inputs, kernel, kernel), (pieces * channels,), **initialisation)
        self._pieces, self._padding, self._pool, self._pool_stride = pieces, padding, pool, pool_stride
        self.detector_sides = tuple(side + 2 * padding - kernel + 1 for side in sides)
        if min(self.detector_sides) < pool:
            raise ValueError(f"kernel {kernel} and pool {pool} do not fit into an input of {tuple(input_shape)}.")
        self.output_shape = (channels, *(math.ceil((side - pool) / pool_stride) + 1 for side in self.detector_sides))

    def affine(self, x: torch.Tensor) -> torch.Tensor:
        """The convolution: `[n, pieces · channels, *detector_sides]`."""
        return conv2d(x, self.weight, self.bias, padding=self._padding)

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """Maximum over pieces, then over places: `[n, *output_shape]`."""
        return max_pool2d(pieces_of(a, self._pieces).amax(1), self._pool, self._pool_stride, ceil_mode=True)

    def activate_(self, a: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """Maximum over pieces, then over places, and which pieces and places those are."""
        channels, winners = maximum_of_pieces_(a, self._pieces)
        pooled, places = max_pool2d(channels, self._pool, self._pool_stride, ceil_mode=True, return_indices=True)
        return pooled, (channels, winners, places)

    def activation_gradient_(self, gradient: torch.Tensor, memory: Any) -> torch.Tensor:
        """The gradient for the pieces and places that are largest."""
        channels, winners, places = memory
        pool, stride = [self._pool] * 2, [self._pool_stride] * 2
        gradient = torch.ops.aten.max_pool2d_with_indices_backward(
            gradient, channels, pool, stride, [0, 0], [1, 1], True, places
        )
        return gradient_of_maximum_(gradient, winners)

    def input_gradient(self, gradient: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The gradient by the inputs `x`."""
        return conv2d_input(x.shape, self.weight, gradient, padding=self._padding)

    def _bias_gradients(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.sum((2, 3))

    def _add_weight_gradient_(self, total: torch.Tensor, gradient: torch.Tensor, x: torch.Tensor, beta: float) -> None:
        total.mul_(beta).add_(conv2d_weight(x, self.weight.shape, gradient, padding=self._padding))


class Deconvolution(Layer):
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
        inputs, *sides = _image_shape("deconvolution", image_shape)
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
        return conv_transpose2d(x.view(-1, *self._image_shape), self.weight, stride=self._stride) + self.bias

    def input_gradient(self, gradient: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The gradient by the inputs `x`: a transposed convolution's is the convolution."""
        return conv2d(gradient, self.weight, stride=self._stride).view_as(x)

    def _bias_gradients(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.flatten(1)

    def _add_weight_gradient_(self, total: torch.Tensor, gradient: torch.Tensor, x: torch.Tensor, beta: float) -> None:
        images = x.view(-1, *self._image_shape)
        total.mul_(beta).add_(conv2d_weight(gradient, self.weight.shape, images, stride=self._stride))


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        positive_integer(name, size)


def _image_shape(layer: str, shape: Sequence[int]) -> tuple[int, ...]:
    if len(shape) != 3:
        raise ValueError(f"A {layer} layer reads [channels, height, width]; its input has shape {list(shape)}.")
    return tuple(shape)
