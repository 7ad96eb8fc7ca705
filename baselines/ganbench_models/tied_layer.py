"""Tied weights: one matrix for both directions between two layers of units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch

from ganbench.modelling import affine

__all__ = ["TiedLayer", "glorot_uniform"]


@dataclass
class TiedLayer:
    """Sigmoid units on both sides of one weight matrix: up σ(v W + c), down σ(h Wᵀ + b).

    As a restricted Boltzmann machine these are P(h = 1 | v) and P(v = 1 | h); as an auto-encoder with tied weights, the
    encoder and the decoder.

    Args:
        weights: W, `[visible, hidden]`.
        visible_bias: b, `[visible]`.
        hidden_bias: c, `[hidden]`.
    """

    weights: torch.Tensor
    visible_bias: torch.Tensor
    hidden_bias: torch.Tensor

    @classmethod
    def initialised(
        cls, visible: int, hidden: int, *, gain: float, generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> Self:
        """Zero biases and W by `glorot_uniform`, on the device of the generator."""
        weights = glorot_uniform(visible, hidden, gain=gain, generator=generator, dtype=dtype)
        return cls(weights, weights.new_zeros(visible), weights.new_zeros(hidden))

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor], device: str | torch.device) -> Self:
        """A layer with copies of the tensors of `state`."""
        return cls(**{name: tensor.to(device, copy=True) for name, tensor in state.items()})

    def state(self) -> dict[str, torch.Tensor]:
        """The tensors by name, shared with the layer."""
        return {"weights": self.weights, "visible_bias": self.visible_bias, "hidden_bias": self.hidden_bias}

    def zeros_like(self) -> TiedLayer:
        """A velocity, or a gradient, of the same shapes, all zero."""
        return TiedLayer(*(torch.zeros_like(tensor) for tensor in self.state().values()))

    def add_(self, change: TiedLayer) -> None:
        """Add `change` to the parameters, in place."""
        for tensor, difference in zip(self.state().values(), change.state().values(), strict=True):
            tensor.add_(difference)

    def in_precision(self, dtype: torch.dtype) -> Self:
        """The layer with parameters of a data type: sharing memory where they have it already, or else copies."""
        return replace(self, **{name: tensor.to(dtype) for name, tensor in self.state().items()})

    def up(self, visible: torch.Tensor) -> torch.Tensor:
        """σ(v W + c): `[n, visible]` -> `[n, hidden]`."""
        return affine(visible, self.weights.T, self.hidden_bias).sigmoid_()

    def down(self, hidden: torch.Tensor) -> torch.Tensor:
        """σ(h Wᵀ + b): `[n, hidden]` -> `[n, visible]`."""
        return affine(hidden, self.weights, self.visible_bias).sigmoid_()

    def set_marginal_bias(self, visible: torch.Tensor, clip: float) -> None:
        """Set b to the logit of the mean of `visible` clipped to [clip, 1 - clip]: the best constant reconstruction."""
        self.visible_bias.copy_(torch.logit(visible.mean(0), eps=clip))


def glorot_uniform(
    rows: int, columns: int, *, gain: float = 1.0, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """`[rows, columns]` from U(-r, r) with r = gain · √(6 / (rows + columns)), on the generator's device.

    References:
        Understanding the difficulty of training deep feedforward neural networks (Glorot and Bengio, 2010).
    """
    bound = gain * math.sqrt(6 / (rows + columns))
    weights = torch.empty(rows, columns, dtype=dtype, device=generator.device)
    return weights.uniform_(-bound, bound, generator=generator)
