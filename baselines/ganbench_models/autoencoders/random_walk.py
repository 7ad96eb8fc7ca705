"""The random walk along the directions in which a contractive auto-encoder's code can move."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ganbench.modelling import affine
from ganbench_models.autoencoders.contractive import ContractiveAutoEncoder, sigmoid_derivative

__all__ = ["decode", "encode", "jacobian_product", "walk"]


def encode(layers: Sequence[ContractiveAutoEncoder], visible: torch.Tensor) -> list[torch.Tensor]:
    """The codes of all layers, from the lowest up."""
    codes = []
    for layer in layers:
        visible = layer.up(visible)
        codes.append(visible)
    return codes


def decode(layers: Sequence[ContractiveAutoEncoder], code: torch.Tensor) -> torch.Tensor:
    """The visible values that the top layer's code stands for."""
    for layer in reversed(layers):
        code = layer.down(code)
    return code


def jacobian_product(
    layers: Sequence[ContractiveAutoEncoder], codes: Sequence[torch.Tensor], noise: torch.Tensor
) -> torch.Tensor:
    """J Jᵀ ε for the Jacobian J of the top code with respect to the input of the lowest of `layers`.

    By the chain rule J = diag(s_L) W_Lᵀ ⋯ diag(s₁) W₁ᵀ with s = h (1 - h) of each layer's code, so that for one layer
    (J Jᵀ)_ij = s_i s_j (Wᵀ W)_ij. Neither J nor J Jᵀ is formed.

    Args:
        layers: From the lowest up.
        codes: The code of each layer, `[n, hidden]`.
        noise: ε, in the space of the top code.

    Returns:
        In the space of the top code.
    """
    derivatives = [sigmoid_derivative(code) for code in codes]
    for layer, s in zip(reversed(layers), reversed(derivatives), strict=True):
        noise = affine(noise * s, layer.weights)
    for layer, s in zip(layers, derivatives, strict=True):
        noise = affine(noise, layer.weights.T).mul_(s)
    return noise


def walk(
    layers: Sequence[ContractiveAutoEncoder],
    visible: torch.Tensor,
    *,
    step_size: float,
    jacobian_layers: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """One step of the walk: encode, move the top code h by J Jᵀ ε with ε ~ N(0, step_size² I), decode.

    References:
        A generative process for sampling contractive auto-encoders (Rifai, Bengio, Dauphin and Vincent, 2012).

    Args:
        layers: From the lowest up.
        visible: Where the chains are, `[n, visible]`.
        step_size: Standard deviation of the noise.
        jacobian_layers: How many layers, counted from the top, J reaches through.
        generator: Source of the noise.
    """
    codes = encode(layers, visible)
    noise = torch.empty_like(codes[-1]).normal_(0, step_size, generator=generator)
    move = jacobian_product(layers[-jacobian_layers:], codes[-jacobian_layers:], noise)
    return decode(layers, codes[-1] + move)
