"""A forward pass that remembers what its backward pass needs, and that backward pass.

The discriminator ends in one number a, so the gradient of whatever function of a goes through it as the same vectors
∂a/∂(…), each times one factor for each example. They are computed once: `Pass.backward` weights them by the
discriminator's factors where gradients of parameters are summed over examples, and the generator's factors are applied
to what arrives at the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ganbench_models.adversarial.dropout import dropout_mask
from ganbench_models.adversarial.layers import Layer

__all__ = ["Pass", "Totals"]

Totals = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""For every layer what its gradients are added to, for the weight and for the bias."""


@dataclass(frozen=True)
class _Step:
    """One layer on the way.

    Attributes:
        layer: The layer.
        inputs: What it multiplies.
        inputs_are_free: Nobody else needs them, so that they may be overwritten.
        mask: The dropout factors that are in the inputs.
        memory: What the derivative of its nonlinearity needs.
    """

    layer: Layer
    inputs: torch.Tensor
    inputs_are_free: bool
    mask: torch.Tensor | None
    memory: Any

    def weighted_inputs(self, row_weights: torch.Tensor | None) -> torch.Tensor:
        """The inputs, each row times its weight."""
        if row_weights is None:
            return self.inputs
        weights = row_weights.view(-1, *[1] * (self.inputs.dim() - 1))
        return self.inputs.mul_(weights) if self.inputs_are_free else self.inputs * weights


class Pass:
    """The way of examples through layers, once forwards and once backwards: memory is used again on the way.

    Args:
        layers: From the lowest up.
        x: `[n, *input_shape]`, which is overwritten with dropout or row weights.
        include: For each layer the share of its inputs that dropout keeps; None for no dropout.
        generator: Source of the dropout masks.
        linear_end: The last layer's nonlinearity is left out.

    Attributes:
        output: What the last layer gives.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        x: torch.Tensor,
        *,
        include: Sequence[float] | None = None,
        generator: torch.Generator | None = None,
        linear_end: bool = False,
    ) -> None:
        self._steps: list[_Step] = []
        free = True
        for number, layer in enumerate(layers):
            mask = None
            if include is not None and generator is not None and include[number] < 1:
                mask = dropout_mask(x.shape, include[number], generator=generator, dtype=x.dtype)
                x, free = x.mul_(mask) if free else x * mask, True
            inputs, last = x, number == len(layers) - 1
            a = layer.affine(x)
            x, memory = (a, None) if last and linear_end else layer.activate_(a)
            self._steps.append(_Step(layer, inputs, free, mask, memory))
            free = memory is not x
        self.output, self._linear_end = x, linear_end

    def backward(
        self, gradient: torch.Tensor, totals: Totals, *, beta: float, row_weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Add the gradients of all parameters to `totals`: total ← beta · total + Σ_i w_i · gradient of example i.

        Args:
            gradient: The gradient by the output, `[n, *output_shape]`, which is overwritten.
            totals: What is added to, for every layer.
            beta: Factor on the totals.
            row_weights: w, `[n]`; None for ones.

        Returns:
            The gradient, without w, by what the first layer's nonlinearity gets; see `input_gradient`.
        """
        for number in reversed(range(len(self._steps))):
            step, last = self._steps[number], number == len(self._steps) - 1
            if not (last and self._linear_end):
                gradient = step.layer.activation_gradient_(gradient, step.memory)
            inputs = step.weighted_inputs(row_weights)
            step.layer.add_gradient_(totals[number], gradient, inputs, beta=beta, row_weights=row_weights)
            if number > 0:
                gradient = self._input_gradient(step, gradient, slice(None))
        return gradient

    def input_gradient(self, gradient: torch.Tensor, rows: slice) -> torch.Tensor:
        """For some rows the gradient by the inputs of the pass, from what `backward` returns."""
        return self._input_gradient(self._steps[0], gradient[rows], rows)

    def _input_gradient(self, step: _Step, gradient: torch.Tensor, rows: slice) -> torch.Tensor:
        by_inputs = step.layer.input_gradient(gradient, step.inputs[rows])
        return by_inputs if step.mask is None else by_inputs.mul_(step.mask[rows])
