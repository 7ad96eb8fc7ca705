"""Matrix matmul against float64, whatever library makes them."""

import pytest
import torch

from ganbench.runtime import matmul
from ganbench.runtime.matmul import add_product_, affine


def _matrix(rows: int, columns: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)).to(dtype)


def _bound(dtype: torch.dtype, inputs: int) -> float:
    """Products of standard normal numbers: `inputs` roundings of sums of size sqrt(inputs), six standard deviations."""
    unit = {torch.float64: 2.0**-53, torch.float32: 2.0**-24, torch.bfloat16: 2.0**-8}[dtype]
    return 6 * unit * inputs


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("n", "inputs", "outputs"), [(1, 1, 1), (3, 7, 64), (100, 33, 20), (30, 260, 130)])
@pytest.mark.parametrize("transposed", [False, True])
def test_affine_agrees_with_float64(monkeypatch, onednn, dtype, n, inputs, outputs, transposed):
    if not onednn:
        monkeypatch.setattr(matmul, "_ONEDNN", None)
    x, bias = _matrix(n, inputs, 0, dtype), _matrix(1, outputs, 1, dtype)[0]
    weight = _matrix(inputs, outputs, 2, dtype).T if transposed else _matrix(outputs, inputs, 2, dtype)
    for b in (bias, None):
        expected = x.double() @ weight.double().T + (0 if b is None else b.double())
        y = affine(x, weight, b)
        assert y.dtype is dtype
        assert float((y.double() - expected).abs().max()) <= _bound(dtype, inputs)


@pytest.mark.skipif(matmul._ONEDNN is None, reason="this torch carries no oneDNN")
def test_small_products_are_left_to_torch(monkeypatch):
    made = []
    monkeypatch.setattr(matmul, "_ONEDNN", lambda x, weight, *more: made.append(weight.numel()) or x @ weight.T)
    for inputs in (127, 128, 129):
        affine(_matrix(3, inputs, 0), _matrix(256, inputs, 1))
    assert made == [256 * 128, 256 * 129]


def test_affine_has_gradients_where_they_are_asked_for():
    x, weight, bias = _matrix(4, 3, 0), _matrix(5, 3, 1).requires_grad_(), _matrix(1, 5, 2)[0].requires_grad_()
    affine(x, weight, bias).sum().backward()
    torch.testing.assert_close(weight.grad, x.sum(0).expand(5, 3))
    torch.testing.assert_close(bias.grad, torch.full((5,), 4.0))
    with torch.no_grad():
        assert not affine(x, weight, bias).requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_are_added_in_the_precision_of_the_total(dtype):
    left, right, total = _matrix(6, 5, 0, dtype), _matrix(5, 4, 1, dtype), _matrix(6, 4, 2)
    expected = 0.5 * total.double() - 2 * left.double() @ right.double()
    assert add_product_(total, left, right, beta=0.5, alpha=-2) is total
    assert total.dtype is torch.float32
    assert float((total.double() - expected).abs().max()) <= 2 * _bound(dtype, 5) + _bound(torch.float32, 5)
