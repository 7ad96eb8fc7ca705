"""Derivatives of layers and passes against automatic differentiation, in float64."""

import pytest
import torch
from ganbench_models.adversarial.networks import build_layers
from ganbench_models.adversarial.passes import Pass

N = 4
LAYERS = {
    "linear": ((3, 2), {"layer": "linear", "units": 5}),
    "relu": ((6,), {"layer": "relu", "units": 5}),
    "sigmoid": ((6,), {"layer": "sigmoid", "units": 5}),
    "maxout": ((2, 3), {"layer": "maxout", "units": 4, "pieces": 3}),
    "convolution": (
        (2, 7, 6),
        {
            "layer": "maxout-convolution",
            "channels": 3,
            "pieces": 2,
            "kernel": 3,
            "padding": 1,
            "pool": 3,
            "pool_stride": 2,
        },
    ),
    "deconvolution": (
        (18,),
        {"layer": "deconvolution", "image_shape": (2, 3, 3), "channels": 2, "kernel": 5, "stride": 3},
    ),
}
STACK = [
    {"layer": "maxout-convolution", "channels": 3, "pieces": 2, "kernel": 3, "padding": 1, "pool": 2, "pool_stride": 2},
    {"layer": "sigmoid", "units": 9},
    {"layer": "relu", "units": 8},
    {"layer": "maxout", "units": 4, "pieces": 3},
    {"layer": "relu", "units": 7},
    {"layer": "sigmoid", "units": 6},
    {"layer": "sigmoid", "units": 1},
]


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _layers(tables, shape):
    layers = build_layers([table | {"weight_range": 0.6} for table in tables], shape)
    for layer in layers:
        layer.to_empty(device="cpu")
        layer.initialise(torch.zeros(1), generator=_generator())
        layer.double()
        with torch.no_grad():
            layer.bias.uniform_(-0.5, 0.5, generator=_generator(1))
    return layers


def _totals(layers):
    return [(torch.full_like(layer.weight, 2.0), torch.full_like(layer.bias, 2.0)) for layer in layers]


def _check_totals(layers, totals, objective, beta):
    for layer, pair in zip(layers, totals, strict=True):
        expected = torch.autograd.grad(objective, (layer.weight, layer.bias), retain_graph=True)
        for total, gradient in zip(pair, expected, strict=True):
            torch.testing.assert_close(total, beta * 2.0 + gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_layer_knows_its_derivatives(kind, weighted):
    shape, table = LAYERS[kind]
    layers = _layers([table], shape)
    x = torch.randn(N, *shape, generator=_generator(2), dtype=torch.float64, requires_grad=True)
    y = layers[0](x)
    gradient = torch.randn(y.shape, generator=_generator(3), dtype=torch.float64)
    weights = torch.randn(N, generator=_generator(4), dtype=torch.float64) if weighted else None
    totals = _totals(layers)
    with torch.no_grad():
        way = Pass(layers, x.clone())
        torch.testing.assert_close(way.output, y)
        first = way.backward(gradient.clone(), totals, beta=0.3, row_weights=weights)
        by_x = way.input_gradient(first, slice(1, None))
    rows = torch.ones(N, dtype=torch.float64) if weights is None else weights
    _check_totals(layers, totals, (y.flatten(1) * gradient.flatten(1)).sum(1) @ rows, 0.3)
    torch.testing.assert_close(by_x, torch.autograd.grad((y * gradient).sum(), x)[0][1:], rtol=1e-10, atol=1e-12)


def test_a_pass_through_a_stack_with_dropout_and_a_linear_end():
    layers = _layers(STACK, (2, 6, 6))
    x = torch.randn(N, 2, 6, 6, generator=_generator(2), dtype=torch.float64)
    totals, weights = _totals(layers), torch.randn(N, generator=_generator(4), dtype=torch.float64)
    with torch.no_grad():
        way = Pass(layers, x.clone(), include=[0.8, 0.5, 0.7, 0.5, 1, 1, 0.6], generator=_generator(7), linear_end=True)
        first = way.backward(torch.ones(N, 1, dtype=torch.float64), totals, beta=0.5, row_weights=weights)
        by_x = way.input_gradient(first, slice(None))
    masks = [step.mask for step in way._steps]
    assert [mask is None for mask in masks] == [False] * 4 + [True] * 2 + [False]
    leaf = x.clone().requires_grad_()
    y = leaf
    for layer, mask in zip(layers, masks, strict=True):
        y = y if mask is None else y * mask
        y = layer.affine(y) if layer is layers[-1] else layer(y)
    torch.testing.assert_close(way.output, y)
    _check_totals(layers, totals, y[:, 0] @ weights, 0.5)
    torch.testing.assert_close(by_x, torch.autograd.grad(y.sum(), leaf)[0], rtol=1e-10, atol=1e-12)
