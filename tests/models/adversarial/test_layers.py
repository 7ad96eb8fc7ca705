import math

import pytest
import torch
from ganbench_models.adversarial.layers import largest_piece, logit_of_marginals
from ganbench_models.adversarial.networks import LAYERS, DiscriminatorNet, GeneratorNet, build_layers
from torch.nn import functional


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _layer(input_shape, train=None, **table):
    (layer,) = build_layers([table], input_shape)
    layer.to_empty(device="cpu")
    layer.initialise(torch.zeros(1, 1) if train is None else train, generator=_generator())
    return layer


def test_weights_begin_uniform_and_biases_constant():
    layer = _layer((200,), layer="relu", units=150, weight_range=0.05, bias=-2.0)
    weight, n = layer.weight.detach().double(), 200 * 150
    assert -0.05 <= float(weight.min()) < -0.0499
    assert 0.0499 < float(weight.max()) <= 0.05
    assert abs(float(weight.mean())) < 5 * 0.05 / math.sqrt(3 * n)
    assert layer.bias.tolist() == [-2.0] * 150


def test_sparse_units_begin_with_exactly_100_normal_weights():
    weight = _layer((800,), layer="sigmoid", units=300, sparse_weights=100).weight.detach().double()
    assert (weight != 0).sum(1).tolist() == [100] * 300
    values, n = weight[weight != 0], 300 * 100
    assert abs(float(values.mean())) < 5 / math.sqrt(n)
    assert abs(float(values.square().mean()) - 1) < 5 * math.sqrt(2 / n)
    # Every input is drawn by 300 · 100 / 800 = 37.5 units on average.
    counts = (weight != 0).sum(0).double()
    assert float(counts.max()) < 37.5 + 6 * math.sqrt(37.5 * 7 / 8)
    assert float(counts.min()) > 37.5 - 6 * math.sqrt(37.5 * 7 / 8)


def test_marginal_biases_reproduce_pixel_means_and_clip_constant_pixels():
    train = torch.tensor([[0.0, 1.0, 0.25], [0.0, 1.0, 0.75], [0.0, 1.0, 0.2]])
    never, always, mean = logit_of_marginals(train).tolist()
    assert never == pytest.approx(math.log(1e-7 / (1 - 1e-7)), rel=1e-9)
    assert never == pytest.approx(-16.118, abs=5e-4)
    assert always == pytest.approx(16.118, abs=5e-4)
    assert mean == pytest.approx(math.log(0.4 / 0.6), rel=1e-6)
    layer = _layer((4,), train, layer="sigmoid", units=3, weight_range=0.0, bias="marginals")
    torch.testing.assert_close(layer(torch.randn(2, 4, generator=_generator()))[0], torch.tensor([1e-7, 1 - 1e-7, 0.4]))


def test_marginals_need_data_in_the_unit_interval():
    with pytest.raises(ValueError, match=r"range from -55 to 55"):
        logit_of_marginals(torch.tensor([[-55.0, 55.0]]))


def test_maxout_takes_the_largest_piece_without_a_floor():
    layer = _layer((6,), layer="maxout", units=4, pieces=3, weight_range=0.5, bias=-3.0)
    x = torch.randn(5, 6, generator=_generator(1))
    pieces = [x @ layer.weight[p * 4 : (p + 1) * 4].t() + layer.bias[p * 4 : (p + 1) * 4] for p in range(3)]
    expected = torch.maximum(torch.maximum(pieces[0], pieces[1]), pieces[2])
    torch.testing.assert_close(layer(x), expected)
    assert float(layer(x).detach().max()) < 0


def _largest(a, pieces):
    return a.view(len(a), pieces, -1, *a.shape[2:]).amax(1)


WINDOWS = {"kernel": 3, "padding": 1, "pool": 3, "pool_stride": 2}
# input shape, layer, the same by torch's own functions
DEFINITIONS = {
    "linear": ((3, 2), {"units": 5}, lambda x, w, b: functional.linear(x.flatten(1), w, b)),
    "relu": ((6,), {"units": 5}, lambda x, w, b: functional.linear(x, w, b).relu()),
    "sigmoid": ((6,), {"units": 5}, lambda x, w, b: functional.linear(x, w, b).sigmoid()),
    "maxout": (
        (2, 3),
        {"units": 4, "pieces": 3},
        lambda x, w, b: _largest(functional.linear(x.flatten(1), w, b), 3),
    ),
    "maxout-convolution": (
        (2, 7, 6),
        {"channels": 3, "pieces": 2, **WINDOWS},
        lambda x, w, b: functional.max_pool2d(_largest(functional.conv2d(x, w, b, padding=1), 2), 3, 2, ceil_mode=True),
    ),
    "transposed-convolution": (
        (18,),
        {"image_shape": (2, 3, 3), "channels": 2, "kernel": 5, "stride": 3},
        lambda x, w, b: functional.conv_transpose2d(x.view(-1, 2, 3, 3), w, stride=3) + b,
    ),
}


def test_every_layer_has_a_definition():
    assert set(DEFINITIONS) == set(LAYERS)


LARGE = ((8, 50), {"units": 400}, DEFINITIONS["linear"][2])


@pytest.mark.parametrize("kind", [*DEFINITIONS, "large"])
def test_values_and_gradients_are_those_of_the_definition(kind):
    shape, table, definition = LARGE if kind == "large" else DEFINITIONS[kind]
    layer = _layer(shape, layer="linear" if kind == "large" else kind, weight_range=0.6, **table).double()
    with torch.no_grad():
        layer.bias.uniform_(-0.5, 0.5, generator=_generator(1))
    x = torch.randn(4, *shape, generator=_generator(2), dtype=torch.float64, requires_grad=True)
    leaves = (x, layer.weight, layer.bias)
    y, expected = layer(x), definition(*leaves)
    torch.testing.assert_close(y, expected)
    gradient = torch.randn(y.shape, generator=_generator(3), dtype=torch.float64)
    for mine, other in zip(
        torch.autograd.grad(y, leaves, gradient), torch.autograd.grad(expected, leaves, gradient), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


def test_pieces_that_tie_all_get_the_gradient():
    a = torch.tensor([[1.0, 5.0, 1.0, 2.0, 0.0, 5.0]], requires_grad=True)  # three pieces of two units
    largest = largest_piece(a * 1, 3)
    assert largest.tolist() == [[1, 5]]
    largest.backward(torch.tensor([[2.0, 3.0]]))
    assert a.grad.tolist() == [[2, 3, 2, 0, 0, 3]]


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_layers_compute_in_the_precision_of_their_inputs_and_parameters_keep_theirs(kind):
    shape, table, _ = DEFINITIONS[kind]
    layer = _layer(shape, layer=kind, weight_range=0.6, **table)
    y = layer(torch.randn(4, *shape, generator=_generator(2)).bfloat16())
    assert y.dtype is torch.bfloat16
    y.sum().backward()
    assert layer.weight.grad.dtype is layer.bias.grad.dtype is torch.float32


@pytest.mark.parametrize(
    ("kind", "function"), [("relu", torch.relu), ("sigmoid", torch.sigmoid), ("linear", torch.clone)]
)
def test_activations(kind, function):
    layer = _layer((6,), layer=kind, units=4, weight_range=0.5, bias=0.1)
    x = torch.randn(5, 2, 3, generator=_generator(1))
    torch.testing.assert_close(layer(x), function(x.view(5, 6) @ layer.weight.t() + 0.1))


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"layer": "tanh"}, "'tanh'; accepted: 'linear', 'relu'"),
        ({"layer": "relu", "units": 3}, "either weight_range or sparse_weights"),
        ({"layer": "relu", "units": 0, "weight_range": 0.1}, "units is 0"),
        ({"layer": "relu", "weight_range": 0.1}, "accepts: units, weight_range, sparse_weights, bias"),
        ({"layer": "relu", "units": 3, "range": 0.1}, "accepts: units, weight_range"),
        ({"layer": "relu", "units": 3, "sparse_weights": 9}, "at most 8"),
        ({"layer": "relu", "units": 3, "weight_range": 0.1, "bias": "zero"}, "'zero'; accepted: a number"),
        ({"layer": "maxout", "units": 3, "pieces": -1, "weight_range": 0.1}, "pieces is -1"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(table, text):
    with pytest.raises(ValueError, match=r"^Layer 1, \{") as error:
        build_layers([table], (8,))
    assert text in str(error.value)


def test_nets_refuse_ends_that_do_not_fit():
    relu = {"layer": "relu", "units": 1, "weight_range": 0.1}
    with pytest.raises(ValueError, match=r"gives 1 numbers and an image of shape \(2, 2\) has 4"):
        GeneratorNet(build_layers([relu], (3,)), (2, 2))
    with pytest.raises(ValueError, match="last layer must be a sigmoid"):
        DiscriminatorNet(build_layers([relu], (4,)), input_keep_probability=0.8, hidden_keep_probability=0.5)
    with pytest.raises(ValueError, match="hidden_keep_probability is 0"):
        DiscriminatorNet(build_layers([relu], (4,)), input_keep_probability=0.8, hidden_keep_probability=0)
