"""Fully connected layers: an affine map and what follows it.

A layer knows the shapes of its input and output from construction on, when its parameters are mere shapes on torch's
meta device; `materialise` gives them memory and `initialise` values.

Every layer also knows its own derivatives, so that training needs no graph: see `ganbench_models.adversarial.passes`.

Sources: Maxout Networks (Goodfellow et al., 2013); Deep learning via Hessian-free optimization (Martens, 2010) for the
sparse initialisation; the program published with Generative Adversarial Nets (Goodfellow et al., 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ganbench.modelling import add_product_, affine
from ganbench_models.adversarial.checks import number_between, positive_integer

__all__ = [
    "Layer",
    "Linear",
    "Maxout",
    "RectifiedLinear",
    "Sigmoid",
    "gradient_of_maximum_",
    "logit_of_marginals",
    "maximum_of_pieces_",
    "pieces_of",
]


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
        """What comes before the nonlinearity, for inputs `[n, *input_shape]`."""
        return affine(x.flatten(1), self.weight, self.bias)

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """The nonlinearity."""
        return a

    def activate_(self, a: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """The nonlinearity, and what its derivative needs; `a` is overwritten."""
        return a, None

    def activation_gradient_(self, gradient: torch.Tensor, memory: Any) -> torch.Tensor:
        """The gradient by `a`, from the gradient by the output `[n, *output_shape]`; both arguments are overwritten."""
        return gradient

    def input_gradient(self, gradient: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The gradient by the inputs `x`, in their shape, from the gradient by `a`."""
        return affine(gradient, self.weight.T).view_as(x)

    def add_gradient_(
        self,
        totals: tuple[torch.Tensor, torch.Tensor],
        gradient: torch.Tensor,
        x: torch.Tensor,
        *,
        beta: float,
        row_weights: torch.Tensor | None = None,
    ) -> None:
        """For weight and bias: total ← beta · total + Σ_i w_i · gradient of example i, in place.

        Args:
            totals: Of the weight and of the bias.
            gradient: The gradient by `a`, one row an example.
            x: The inputs times w, one row an example.
            beta: Factor on the totals.
            row_weights: w, `[n]`; None for ones.
        """
        weight, bias = totals
        by_bias = self._bias_gradients(gradient)
        weights = by_bias.new_ones(len(by_bias)) if row_weights is None else row_weights
        add_product_(bias.view(-1), by_bias.T, weights, beta=beta)
        self._add_weight_gradient_(weight, gradient, x, beta)

    def _bias_gradients(self, gradient: torch.Tensor) -> torch.Tensor:
        """The gradient of every example by the bias, `[n, biases]`."""
        return gradient

    def _add_weight_gradient_(self, total: torch.Tensor, gradient: torch.Tensor, x: torch.Tensor, beta: float) -> None:
        add_product_(total, gradient.T, x.flatten(1), beta=beta)

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
        positive_integer("units", units)
        super().__init__((units, math.prod(input_shape)), (units,), **initialisation)
        self.output_shape = (units,)


class RectifiedLinear(Linear):
    """`units` outputs max(0, w·x + b)."""

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """max(0, a)."""
        return a.relu()

    def activate_(self, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """max(0, a), which its derivative remembers."""
        return a.relu_(), a

    def activation_gradient_(self, gradient: torch.Tensor, memory: Any) -> torch.Tensor:
        """The gradient where the output is above 0, and 0 elsewhere."""
        return torch.ops.aten.threshold_backward(gradient, memory, 0, grad_input=gradient)


class Sigmoid(Linear):
    """`units` outputs 1 / (1 + exp(−w·x − b))."""

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """1 / (1 + exp(−a))."""
        return a.sigmoid()

    def activate_(self, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The sigmoid y = 1 / (1 + exp(−a)), which its derivative remembers."""
        return a.sigmoid_(), a

    def activation_gradient_(self, gradient: torch.Tensor, memory: Any) -> torch.Tensor:
        """The gradient times y (1 − y)."""
        return torch.ops.aten.sigmoid_backward(gradient, memory, grad_input=gradient)


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
        positive_integer("units", units)
        positive_integer("pieces", pieces)
        super().__init__((pieces * units, math.prod(input_shape)), (pieces * units,), **initialisation)
        self._pieces = pieces
        self.output_shape = (units,)

    def activation(self, a: torch.Tensor) -> torch.Tensor:
        """The largest piece of every unit: `[n, pieces · units]` to `[n, units]`."""
        return pieces_of(a, self._pieces).amax(1)

    def activate_(self, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The largest piece of every unit, and which pieces those are."""
        return maximum_of_pieces_(a, self._pieces)

    def activation_gradient_(self, gradient: torch.Tensor, memory: Any) -> torch.Tensor:
        """The gradient for the pieces that are largest."""
        return gradient_of_maximum_(gradient, memory)


def pieces_of(a: torch.Tensor, pieces: int) -> torch.Tensor:
    """View `[n, pieces · units, ...]` as `[n, pieces, units, ...]`."""
    return a.view(len(a), pieces, -1, *a.shape[2:])


def maximum_of_pieces_(a: torch.Tensor, pieces: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Maximum over the pieces of `[n, pieces · units, ...]`, and, in the memory of `a`, 1 for winners, 0 for others.

    Pieces that tie all win. The winners are numbers, as these multiply five times as fast as truth values.

    Returns:
        The maximum `[n, units, ...]`; the winners `[n, pieces, units, ...]`.
    """
    a = pieces_of(a, pieces)
    largest = a.amax(1)
    return largest, a.eq_(largest.unsqueeze(1))


def gradient_of_maximum_(gradient: torch.Tensor, winners: torch.Tensor) -> torch.Tensor:
    """The gradient by `[n, pieces · units, ...]`, in the memory of the winners, from that by the maximum."""
    return winners.mul_(gradient.unsqueeze(1)).flatten(1, 2)


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
        number_between("weight_range", weight_range, 0)
    else:
        positive_integer("sparse_weights", sparse_weights)
        number_between("sparse_weights", sparse_weights, 1, inputs)
    if isinstance(bias, str) and bias != "marginals":
        raise ValueError(f'bias is {bias!r}; accepted: a number, or "marginals".')
    if not isinstance(bias, str):
        number_between("bias", bias, -math.inf)
