from __future__ import annotations

import pytest
import torch
from ganbench_models.autoencoders.cae import StackedContractiveAutoEncoder
from ganbench_models.autoencoders.contractive import ContractiveAutoEncoder
from ganbench_models.autoencoders.random_walk import decode, encode, jacobian_product, walk
from torch.nn.functional import binary_cross_entropy


def random_layer(visible: int, hidden: int, seed: int) -> ContractiveAutoEncoder:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((visible, hidden), (visible,), (hidden,))
    return ContractiveAutoEncoder(*(torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes))


@pytest.fixture
def layer() -> ContractiveAutoEncoder:
    return random_layer(6, 5, seed=1)


@pytest.fixture
def stack(layer) -> list[ContractiveAutoEncoder]:
    return [layer, random_layer(5, 4, seed=2)]


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(7, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def encoder_jacobian(layers: list[ContractiveAutoEncoder], image: torch.Tensor) -> torch.Tensor:
    """∂(top code)/∂(image) of one image, by automatic differentiation: [hidden, visible]."""

    def code(x: torch.Tensor) -> torch.Tensor:
        for layer in layers:
            x = torch.sigmoid(x @ layer.weights + layer.hidden_bias)
        return x

    return torch.autograd.functional.jacobian(code, image)


def test_penalty_is_the_squared_norm_of_the_jacobian(layer, images):
    norms = torch.stack([encoder_jacobian([layer], image).square().sum() for image in images])
    torch.testing.assert_close(layer.penalty(images[:1]), norms[0])
    torch.testing.assert_close(layer.penalty(images), norms.mean())


def test_cross_entropy_is_summed_over_pixels_and_averaged_over_images(layer, images):
    reconstruction = layer.down(layer.up(images))
    expected = binary_cross_entropy(reconstruction, images, reduction="sum") / len(images)
    torch.testing.assert_close(layer.cross_entropy(images), expected)


@pytest.mark.parametrize("contraction", [0.0, 0.3])
def test_descent_follows_the_gradient_of_the_loss(layer, images, contraction):
    parameters = {name: tensor.clone().requires_grad_() for name, tensor in layer.state().items()}
    w, b, c = parameters["weights"], parameters["visible_bias"], parameters["hidden_bias"]
    hidden = torch.sigmoid(images @ w + c)
    jacobians = (hidden * (1 - hidden)).unsqueeze(2) * w.T  # [n, hidden, visible]
    entropy = binary_cross_entropy(torch.sigmoid(hidden @ w.T + b), images, reduction="sum") / len(images)
    loss = entropy + contraction * jacobians.square().sum((1, 2)).mean()
    gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))

    velocity = layer.zeros_like()
    for tensor in velocity.state().values():
        tensor.fill_(2.0)
    layer.descend_(velocity, images, contraction=contraction, learning_rate=0.1, momentum=0.5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(velocity.state()[name], 0.5 * 2.0 - 0.1 * gradient)
        torch.testing.assert_close(layer.state()[name], parameters[name].detach() + velocity.state()[name])


@pytest.mark.parametrize("reach", [1, 2], ids=["top", "input"])
def test_jacobian_product_matches_the_materialised_matrix(stack, images, reach):
    codes = encode(stack, images)
    noise = torch.randn(codes[-1].shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    moved = jacobian_product(stack[-reach:], codes[-reach:], noise)
    inputs = images if reach == 2 else codes[0]
    for row, epsilon, expected in zip(inputs, noise, moved, strict=True):
        jacobian = encoder_jacobian(stack[-reach:], row)
        torch.testing.assert_close(expected, jacobian @ jacobian.T @ epsilon)


@pytest.mark.parametrize("reach", [1, 2], ids=["top", "input"])
def test_walk_moves_the_top_code_and_decodes(stack, images, reach):
    stepped = walk(stack, images, step_size=0.7, jacobian_layers=reach, generator=torch.Generator().manual_seed(9))
    codes = encode(stack, images)
    noise = 0.7 * torch.randn(codes[1].shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    inputs = images if reach == 2 else codes[0]
    jacobians = torch.stack([encoder_jacobian(stack[-reach:], row) for row in inputs])
    top = codes[1] + torch.einsum("nij,nkj,nk->ni", jacobians, jacobians, noise)
    below = torch.sigmoid(top @ stack[1].weights.T + stack[1].visible_bias)
    expected = torch.sigmoid(below @ stack[0].weights.T + stack[0].visible_bias)
    torch.testing.assert_close(stepped, expected)


def tiny(**settings) -> StackedContractiveAutoEncoder:
    defaults = {"hidden_sizes": (5, 4), "epochs": 2, "batch_size": 4}
    return StackedContractiveAutoEncoder((2, 3), **{**defaults, **settings})


def train(model: StackedContractiveAutoEncoder, images: torch.Tensor) -> None:
    for _ in model.fit(images, generator=torch.Generator().manual_seed(0)):
        pass


@pytest.mark.parametrize(("jacobian", "reach"), [("top", 1), ("input", 2)])
def test_a_step_of_the_chains_is_a_step_of_the_walk(jacobian, reach):
    """From examples and from noise, with J as the option says."""
    images = torch.rand(10, 2, 3, generator=torch.Generator().manual_seed(1))
    model = tiny(jacobian=jacobian, step_size=50.0)
    train(model, images)
    for examples in (images, None):
        state = model.start_chains(10, examples=examples, generator=torch.Generator().manual_seed(3))
        if examples is not None:
            assert torch.equal(state["visible"], images.flatten(1))
        moved = model.step_chains(state, generator=torch.Generator().manual_seed(2))
        samples = model.chain_samples(moved, generator=torch.Generator())
        assert samples.shape == (10, 2, 3)
        walked = {
            layers: walk(
                model.layers,
                state["visible"],
                step_size=50.0,
                jacobian_layers=layers,
                generator=torch.Generator().manual_seed(2),
            )
            for layers in (1, 2)
        }
        assert torch.equal(samples.flatten(1), walked[reach])
        assert not torch.allclose(walked[1], walked[2])


def test_without_noise_a_step_is_a_reconstruction():
    images = torch.rand(10, 2, 3, generator=torch.Generator().manual_seed(1))
    model = tiny(step_size=0.0)
    train(model, images)
    state = model.start_chains(10, examples=images, generator=torch.Generator())
    moved = model.step_chains(state, generator=torch.Generator())
    expected = decode(model.layers, encode(model.layers, images.flatten(1))[-1])
    torch.testing.assert_close(moved["visible"], expected)


def test_nothing_of_the_training_images_is_kept():
    model = tiny()
    train(model, torch.rand(10, 2, 3, generator=torch.Generator().manual_seed(1)))
    assert set(model.state_dict()) == {"epoch", "layers", "velocity"}


def test_a_stronger_penalty_contracts_more():
    images = torch.rand(40, 2, 3, generator=torch.Generator().manual_seed(1))
    penalties = []
    for contraction in (0.0, 1.0):
        model = tiny(contraction=contraction, epochs=20, learning_rate=0.1)
        *_, last = model.fit(images, generator=torch.Generator().manual_seed(0))
        penalties.append(last["penalty"])
    assert penalties[1] < 0.5 * penalties[0]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("contraction", -0.1), ("contraction", (0.1,)), ("step_size", -1.0), ("jacobian", "middle")],
)
def test_settings_are_checked(setting, value):
    with pytest.raises(ValueError, match=f"^{setting} is .*; accepted: "):
        tiny(**{setting: value})
