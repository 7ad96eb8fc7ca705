"""A matrix product whose gradient with respect to the matrix is added in place.

The walkback uses every weight several times in one step, upwards and downwards. Left to itself, autograd makes one
matrix per use and adds them up; here the products of the backward pass are accumulated where they belong.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from ganbench.modelling import add_product_, affine

__all__ = ["add_product"]


def add_product(
    total: torch.Tensor, source: torch.Tensor, matrix: torch.Tensor, gradient: torch.Tensor | None
) -> torch.Tensor:
    """Total + source · matrix, as `[batch, n_out]`.

    Args:
        total: `[batch, n_out]` or `[n_out]`.
        source: `[batch, n_in]`.
        matrix: `[n_in, n_out]`; autograd does not see it.
        gradient: `[n_in, n_out]`, to which the backward pass adds the gradient with respect to `matrix`, and which may
            have a higher precision; None if no gradient is wanted.
    """
    return _AddProduct.apply(total, source, matrix, gradient)


class _AddProduct(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, total: torch.Tensor, source: torch.Tensor, matrix: torch.Tensor, gradient: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.save_for_backward(source, matrix)
        ctx.gradient, ctx.total_is_a_row = gradient, total.dim() == 1
        if ctx.total_is_a_row:
            return affine(source, matrix.t(), total)
        return affine(source, matrix.t()).add_(total)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outgoing: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        source, matrix = ctx.saved_tensors
        if ctx.gradient is not None:
            add_product_(ctx.gradient, source.t(), outgoing)
        to_source = affine(outgoing, matrix) if ctx.needs_input_grad[1] else None
        to_total = outgoing.sum(0) if ctx.total_is_a_row else outgoing
        return to_total, to_source, None, None
