import pytest
import torch
from ganbench_models.adversarial.networks import build_layers
from torch.nn import functional

RANGE = {"weight_range": 0.05}
CONVOLUTIONS = [
    {
        "layer": "maxout-convolution",
        "channels": 32,
        "pieces": 2,
        "kernel": 8,
        "padding": 4,
        "pool": 4,
        "pool_stride": 2,
    },
    {
        "layer": "maxout-convolution",
        "channels": 32,
        "pieces": 2,
        "kernel": 8,
        "padding": 3,
        "pool": 4,
        "pool_stride": 2,
    },
    {
        "layer": "maxout-convolution",
        "channels": 192,
        "pieces": 2,
        "kernel": 5,
        "padding": 3,
        "pool": 2,
        "pool_stride": 2,
    },
]
TRANSPOSED = {"layer": "transposed-convolution", "image_shape": [80, 10, 10], "channels": 3, "kernel": 5, "stride": 3}


def _begin(layers, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for layer in layers:
        layer.to_empty(device="cpu")
        layer.initialise(torch.zeros(1), generator=generator)
    return layers


def test_discriminator_shapes_stage_by_stage():
    layers = _begin(build_layers([table | RANGE for table in CONVOLUTIONS], (3, 32, 32)))
    x = torch.randn(2, 3, 32, 32)
    for layer, detector, pooled in zip(layers, (33, 15, 9), ((32, 16, 16), (32, 7, 7), (192, 5, 5)), strict=True):
        assert layer.detector_sides == (detector, detector)
        assert layer.affine(x).shape[2:] == (detector, detector)
        x = layer(x)
        assert x.shape[1:] == layer.output_shape == pooled


def test_maxout_convolution_agrees_with_a_loop_over_places():
    table = {
        "layer": "maxout-convolution",
        "channels": 2,
        "pieces": 3,
        "kernel": 3,
        "padding": 1,
        "pool": 2,
        "pool_stride": 2,
    }
    (layer,) = _begin(build_layers([table | {"weight_range": 0.5, "bias": -4.0}], (2, 5, 5)))
    x = torch.randn(3, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    padded, weight = functional.pad(x, (1, 1, 1, 1)), layer.weight.detach().view(3, 2, 2, 3, 3)
    detector = torch.empty(3, 2, 5, 5)
    for i in range(5):
        for j in range(5):
            patch = padded[:, :, i : i + 3, j : j + 3]
            detector[:, :, i, j] = torch.einsum("ncij,pkcij->npk", patch, weight).amax(1) - 4
    pooled = torch.stack(
        [torch.stack([detector[:, :, i : i + 2, j : j + 2].amax((2, 3)) for j in (0, 2, 4)], dim=2) for i in (0, 2, 4)],
        dim=2,
    )
    torch.testing.assert_close(layer(x), pooled)


def test_transposed_convolution_spreads_every_input_and_adds_an_untied_bias():
    table = {"layer": "transposed-convolution", "image_shape": [2, 3, 3], "channels": 2, "kernel": 4, "stride": 3}
    (layer,) = _begin(build_layers([table | {"weight_range": 0.5}], (18,)))
    assert layer.bias.shape == layer.output_shape == (2, 10, 10)
    with torch.no_grad():
        layer.bias.normal_(generator=torch.Generator().manual_seed(2))
    x = torch.randn(3, 18, generator=torch.Generator().manual_seed(1))
    expected = layer.bias.detach().expand(3, -1, -1, -1).clone()
    for i in range(3):
        for j in range(3):
            patch = torch.einsum("nc,ckij->nkij", x.view(3, 2, 3, 3)[:, :, i, j], layer.weight.detach())
            expected[:, :, 3 * i : 3 * i + 4, 3 * j : 3 * j + 4] += patch
    torch.testing.assert_close(layer(x), expected)


def test_transposed_convolution_of_the_cifar10_net_gives_images():
    (layer,) = build_layers([TRANSPOSED | RANGE], (8000,))
    assert layer.output_shape == (3, 32, 32)
    assert layer.unit_weights.shape == (3, 80, 5, 5)


@pytest.mark.parametrize(
    ("table", "input_shape", "text"),
    [
        (CONVOLUTIONS[0], (784,), r"reads \[channels, height, width\]"),
        (CONVOLUTIONS[0] | {"kernel": 40}, (3, 28, 28), "do not fit"),
        (CONVOLUTIONS[0] | {"pool_stride": 5}, (3, 28, 28), "pool_stride is 5"),
        (TRANSPOSED, (800,), "the input has 800 elements"),
        (TRANSPOSED | {"stride": 0}, (8000,), "stride is 0"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(table, input_shape, text):
    with pytest.raises(ValueError, match=text):
        build_layers([table | RANGE], input_shape)
