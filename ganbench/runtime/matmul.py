"""Matrix products by the fastest of the libraries that torch carries.

On x86 processors torch sends float32 products to MKL. For the few rows of a minibatch, and on processors of another
maker than MKL's, oneDNN, which torch carries as well, is up to 1.6 times as fast, but for small matrices, where its
preparations take longer than the product. torch has no switch for it; the operator that its compiler uses is called
here, and only here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.functional import linear

__all__ = ["add_product_", "affine", "full_precision", "has_bfloat16_units"]

# to the bit but for one or two rows, on the Intel Xeon of the committed results
NUMBERS_OF = "05e66c0803f528c38391d7a26cf2a1bc92146e4dc72a4b97a6b67ad1c652828e"

_SMALL = 2**15  # weights; before a product oneDNN needs 20 µs, longer than MKL for all of one with so few
_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


def affine(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """X Wᵀ + b, as `torch.nn.functional.linear` of matrices.

    Args:
        x: `[n, inputs]`.
        weight: `[outputs, inputs]`; a transposed view is as good.
        bias: `[outputs]`.

    Returns:
        `[n, outputs]`, a new tensor.
    """
    differentiable = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    small = weight.numel() < _SMALL
    if _ONEDNN is None or small or differentiable or x.dtype is not torch.float32 or x.device.type != "cpu":
        return linear(x, weight, bias)
    return _ONEDNN(x, weight, bias, "none", [], "")


def add_product_(
    total: torch.Tensor, left: torch.Tensor, right: torch.Tensor, *, beta: float = 1.0, alpha: float = 1.0
) -> torch.Tensor:
    """Total ← beta · total + alpha · left right, in place; the factors may have a lower precision than the total.

    Args:
        total: `[n, m]` or, for a vector on the right, `[n]`.
        left: `[n, k]`.
        right: `[k, m]` or `[k]`.
        beta: Factor on what there is.
        alpha: Factor on the product.
    """
    if left.dtype is total.dtype:
        add = total.addmm_ if right.dim() == 2 else total.addmv_
        return add(left, right, beta=beta, alpha=alpha)
    return total.mul_(beta).add_(left @ right, alpha=alpha)


def has_bfloat16_units(device: torch.device) -> bool:
    """Whether a processor multiplies bfloat16 matrices faster than float32: AVX512-BF16, which AMX implies."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and torch.backends.mkldnn.is_available() and supported()


@contextmanager
def full_precision() -> Iterator[None]:
    """Within it float32 products are float32 throughout, whatever shortcuts (TF32, bfloat16) a program has allowed."""
    allowed = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(allowed)
