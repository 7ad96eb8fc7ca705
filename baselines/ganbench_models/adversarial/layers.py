"""Fully connected layers: an affine map and what follows it.

A layer knows the shapes of its input and output from construction on, when its parameters are mere shapes on torch's
meta device; `materialise` gives them memory and `initialise` values.

Sources: Maxout Networks (Goodfellow et al., 2013); Deep learning via Hessian-free optimization (Martens, 2010) for the
sparse initialisation; the program published with Generative Adversarial Nets (Goodfellow et al., 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from ganbench.modelling import affine, check_integer, check_number

__all__ = ["Layer", "Linear", "Maxout", "RectifiedLinear", "Sigmoid", "largest_piece", "logit_of_marginals"]

_LARGE = 2**17  # weights, from which on a product outweighs what surrounds it


class Layer(nn.Module):
    """What all layers share: a weight, a bias, and how they begin.

    Args:
        weight_shape: Shape of the weight; its first dimension is the units', unless a subclass says otherwise.
        bias_shape: Shape of the bias.
        weight_range: Weights begin as U(−r, r). Either this or `sparse_weights` is given.
        sparse_weights: Every unit begins with exactly this many weights N(0, 1), at random places, and zeros.
        bias: The number at which biases begin, or "marginals": where a sigmoid gives the mean of the training data.

    Raises:
        ValueError: A setting outside its range.
    """

    output_shape: tuple[int, ...]

    def __init__(
        self,
        weight_shape: Sequence[int],
        bias_shape: Sequence[int],
        *,
        weight_range: float | None = None,
        sparse_weights: int | None = None,
        bias: float | str = 0.0,
    ) -> None:
        super().__init__()
        _check_initialisation(weight_range, sparse_weights, bias, math.prod(weight_shape[1:]))
        self._weight_range, self._sparse_weights, self._bias = weight_range, sparse_weights, bias
        self.weight = nn.Parameter(torch.empty(*weight_shape, device="meta"))
        self.bias = nn.Parameter(torch.empty(*bias_shape, device="meta"))

    @property
    def unit_weights(self) -> torch.Tensor:
        """A view of the weight in which every row, `[units, ...]`, is what comes into one unit."""
        return self.weight.detach()

    def affine(self, x: torch.Tensor) -> torch.Tensor:
        """What comes before the nonlinearity, for inputs `[n, *input_shape]` and in their data type."""
        product = _Affine.apply if self.weight.numel() >= _LARGE else linear
        return product(x.flatten(1), self.weight.to(x.dtype), self.bias.to(x.dtype))

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """The nonlinearity; it may overwrite `a`."""
        return a

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs `[n, *output_shape]` for inputs `[n, *input_shape]`."""
        return self.activation(self.affine(x))

    @torch.no_grad()
    def initialise(self, train: torch.Tensor, *, generator: torch.Generator) -> None:
        """Give the parameters their first values; `train` is `[n, *event_shape]`, for biases from marginals."""
        if self._sparse_weights is not None:
            _sparse_normal_(self.weight.flatten(1), self._sparse_weights, generator)
        elif self._weight_range is not None:
            self.weight.uniform_(-self._weight_range, self._weight_range, generator=generator)
        if isinstance(self._bias, str):
            self.bias.copy_(logit_of_marginals(train).view_as(self.bias))
        else:
            self.bias.fill_(self._bias)


class Linear(Layer):
    """`units` outputs w·x + b of all inputs.

    Args:
        input_shape: Shape of one input, which is flattened.
        units: Outputs.
        **initialisation: See `Layer`.
    """

    def __init__(self, input_shape: Sequence[int], *, units: int, **initialisation: Any) -> None:
        check_integer("units", units)
        super().__init__((units, math.prod(input_shape)), (units,), **initialisation)
        self.output_shape = (units,)


class RectifiedLinear(Linear):
    """`units` outputs max(0, w·x + b)."""

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """max(0, a)."""
        return a.relu_()


class Sigmoid(Linear):
    """`units` outputs 1 / (1 + exp(−w·x − b))."""

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """1 / (1 + exp(−a))."""
        return a.sigmoid_()


class Maxout(Layer):
    """`units` outputs, each the largest of `pieces` affine maps of all inputs; it has no floor at zero.

    The maps are laid out piece by piece, so that the maximum runs along whole vectors of units.

    Args:
        input_shape: Shape of one input, which is flattened.
        units: Outputs.
        pieces: Affine maps an output chooses from.
        **initialisation: See `Layer`.
    """

    def __init__(self, input_shape: Sequence[int], *, units: int, pieces: int, **initialisation: Any) -> None:
        check_integer("units", units)
        check_integer("pieces", pieces)
        super().__init__((pieces * units, math.prod(input_shape)), (pieces * units,), **initialisation)
        self._pieces = pieces
        self.output_shape = (units,)

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """The largest piece of every unit: `[n, pieces · units]` to `[n, units]`."""
        return largest_piece(a, self._pieces)


def largest_piece(a: torch.Tensor, pieces: int) -> torch.Tensor:
    """Maximum over the pieces of `[n, pieces · units, ...]`, which is overwritten: `[n, units, ...]`.

    Pieces that tie all get the gradient.
    """
    return _LargestPiece.apply(a, pieces)


class _LargestPiece(torch.autograd.Function):
    """`largest_piece`, differentiated once.

    With torch's `amax`, where ties share the gradient, a float32 step of the MNIST nets takes 3 % longer, of the digits
    nets 20 %.
    """

    @staticmethod
    def forward(ctx: Any, a: torch.Tensor, pieces: int) -> torch.Tensor:
        a = a.view(len(a), pieces, -1, *a.shape[2:])
        largest = a.amax(1)
        ctx.winners = a.eq_(largest.unsqueeze(1))  # as numbers, which multiply five times as fast as truth values
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        winners, ctx.winners = ctx.winners, None
        return winners.mul_(gradient.unsqueeze(1)).flatten(1, 2), None


class _Affine(torch.autograd.Function):
    """`ganbench.modelling.affine` with its gradients, so that float32 products are oneDNN's.

    In place of torch's `linear` it shortens a float32 step of the MNIST nets by 7 %. Small layers lose by it.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return affine(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
        x, weight = ctx.saved_tensors
        x_gradient = affine(gradient, weight.T) if ctx.needs_input_grad[0] else None
        return x_gradient, gradient.T @ x, gradient.sum(0)


def logit_of_marginals(train: torch.Tensor) -> torch.Tensor:
    """The logit of every pixel's mean over the training data, log(p / (1 − p)) with p clipped to [10⁻⁷, 1 − 10⁻⁷].

    Args:
        train: `[n, *event_shape]` with values in [0, 1].

    Raises:
        ValueError: The data leave [0, 1].
    """
    low, high = (float(bound) for bound in train.aminmax())
    if low < 0 or high > 1:
        raise ValueError(f'bias "marginals" needs data in [0, 1]; these range from {low:g} to {high:g}.')
    return train.double().mean(0).clamp(1e-7, 1 - 1e-7).logit()


def _sparse_normal_(weight: torch.Tensor, count: int, generator: torch.Generator) -> None:
    """`count` normal numbers at random places of every row of `[units, inputs]`, and zeros."""
    places = torch.rand(weight.shape, generator=generator, device=weight.device).topk(count, dim=1).indices
    values = torch.empty(places.shape, dtype=weight.dtype, device=weight.device).normal_(generator=generator)
    weight.zero_().scatter_(1, places, values)


def _check_initialisation(
    weight_range: float | None, sparse_weights: int | None, bias: float | str, inputs: int
) -> None:
    if (weight_range is None) == (sparse_weights is None):
        raise ValueError("A layer needs either weight_range or sparse_weights, and not both.")
    if weight_range is not None:
        check_number("weight_range", weight_range, least=0)
    else:
        check_integer("sparse_weights", sparse_weights, most=inputs)
    if isinstance(bias, str) and bias != "marginals":
        raise ValueError(f'bias is {bias!r}; accepted: a number, or "marginals".')
    if not isinstance(bias, str):
        check_number("bias", bias)
