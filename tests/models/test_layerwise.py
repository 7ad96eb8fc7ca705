from __future__ import annotations

import copy
import io

import pytest
import torch
from ganbench_models.autoencoders import cae
from ganbench_models.boltzmann import dbn
from ganbench_models.tied_layer import TiedLayer

from ganbench import UserError
from ganbench.model import Encoder

SHAPE = (3, 4)
MODELS = [dbn.DeepBeliefNetwork, cae.StackedContractiveAutoEncoder]
OWN_SETTINGS = {"hidden_sizes": (6, 5), "epochs": (2, 3), "batch_size": 8}

every_model = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)


def tiny(kind, **settings):
    return kind(SHAPE, **{**OWN_SETTINGS, **settings})


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(21, *SHAPE, generator=generator(100))  # the last minibatch is partial


def through_a_file(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def flat(state) -> list:
    if isinstance(state, dict):
        return [leaf for key in sorted(state) for leaf in flat(state[key])]
    if isinstance(state, list):
        return [leaf for entry in state for leaf in flat(entry)]
    return [state]


def assert_same_bits(one, other):
    one, other = flat(one), flat(other)
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@every_model
def test_layers_are_trained_one_after_the_other(kind, images):
    model = tiny(kind, learning_rate=(0.1, 0.4), final_learning_rate=(0.05, 0.2))
    epochs = list(model.fit(images, generator=generator()))
    assert model.total_epochs == len(epochs) == 5
    assert [metrics["layer"] for metrics in epochs] == [0, 0, 1, 1, 1]
    assert [metrics["learning_rate"] for metrics in epochs] == pytest.approx([0.1, 0.05, 0.4, 0.3, 0.2])
    for metrics in epochs:
        assert "reconstruction_error" in metrics
        assert all(isinstance(value, float) for value in metrics.values())


@every_model
def test_the_upper_layer_learns_from_mean_activations_and_leaves_the_lower_alone(kind, images):
    model = tiny(kind, learning_rate=0.0, final_learning_rate=0.0, marginal_clip=1e-6)
    for _ in model.fit(images, generator=generator()):
        pass
    below, top = model.layers
    expected = torch.logit(below.up(images.flatten(1)).mean(0))
    torch.testing.assert_close(top.visible_bias, expected)
    torch.testing.assert_close(below.visible_bias, torch.logit(images.flatten(1).mean(0)))


@every_model
def test_training_lowers_the_reconstruction_error(kind, images):
    """Noise is all there is to learn: over seeds the DBN's last error is .955 ± .016 of its first, the CAE's is less.

    The mean of ten seeds is below .955 + 4 · .016 / sqrt(10) = .975.
    """
    ratios = []
    for seed in range(10):
        model = tiny(kind, epochs=40, learning_rate=0.3, momentum=0.5)
        errors = [metrics["reconstruction_error"] for metrics in model.fit(images, generator=generator(seed))]
        ratios.append(errors[39] / errors[0])
    assert sum(ratios) / 10 < 0.975


@every_model
@pytest.mark.parametrize("stop", range(6))
def test_stopping_after_any_epoch_and_going_on_gives_the_same_bits(kind, images, stop):
    undisturbed = tiny(kind)
    expected = list(undisturbed.fit(images, generator=generator()))

    first, random = tiny(kind), generator()
    epochs = first.fit(images, generator=random)
    before = [next(epochs) for _ in range(stop)]
    epochs.close()
    if stop:
        first.sample(3, generator=generator(5))  # changes nothing
    second, resumed = tiny(kind), generator(99)
    second.load_state_dict(through_a_file(first.state_dict()))
    resumed.set_state(random.get_state())
    after = list(second.fit(images, generator=resumed))

    assert before + after == expected
    assert_same_bits(second.state_dict(), undisturbed.state_dict())
    assert torch.equal(second.sample(9, generator=generator(3)), undisturbed.sample(9, generator=generator(3)))


@every_model
def test_a_loaded_state_is_a_copy(kind, images):
    model, other = tiny(kind), tiny(kind)
    for _ in model.fit(images, generator=generator()):
        pass
    other.load_state_dict(model.state_dict())
    held = copy.deepcopy(other.state_dict())
    for leaf in flat(model.state_dict()):
        if isinstance(leaf, torch.Tensor):
            leaf.fill_(7.0)
    assert_same_bits(other.state_dict(), held)


@every_model
@pytest.mark.parametrize("epochs_done", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [1, 7, 12])
def test_samples(kind, images, epochs_done, n):
    model = tiny(kind)
    epochs = model.fit(images, generator=generator())
    for _ in range(epochs_done):
        next(epochs)
    held = copy.deepcopy(model.state_dict())
    samples = model.sample(n, generator=generator(7))
    assert samples.shape == (n, *SHAPE)
    assert samples.dtype == torch.float32
    assert not samples.requires_grad
    assert 0 <= samples.min() <= samples.max() <= 1
    assert torch.equal(samples, model.sample(n, generator=generator(7)))
    assert not torch.equal(samples, model.sample(n, generator=generator(8)))
    assert_same_bits(model.state_dict(), held)


@every_model
@pytest.mark.parametrize("epochs_done", [1, 5])
def test_the_code_is_the_mean_activation_of_the_topmost_trained_layer(kind, images, epochs_done):
    model = tiny(kind)
    assert isinstance(model, Encoder)
    epochs = model.fit(images, generator=generator())
    for _ in range(epochs_done):
        next(epochs)
    expected = images.flatten(1)
    for layer in model.layers[: 1 if epochs_done == 1 else 2]:
        expected = torch.sigmoid(expected @ layer.weights + layer.hidden_bias)
    codes = model.encode(images)
    assert codes.shape == (21, 6 if epochs_done == 1 else 5)
    torch.testing.assert_close(codes, expected)


@every_model
def test_there_is_no_code_before_training_nor_of_other_shapes(kind, images):
    with pytest.raises(ValueError, match="not been trained"):
        tiny(kind).encode(images)
    model = tiny(kind)
    next(model.fit(images, generator=generator()))
    with pytest.raises(UserError, match=r"\[21, 12\]"):
        model.encode(images.flatten(1))


@every_model
def test_the_input_is_not_changed(kind, images):
    held = images.clone()
    for _ in tiny(kind).fit(images, generator=generator()):
        pass
    assert torch.equal(images, held)


@every_model
def test_sampling_needs_training(kind):
    with pytest.raises(ValueError, match="not been trained"):
        tiny(kind).sample(1, generator=generator())


@every_model
@pytest.mark.parametrize("n", [0, -1])
def test_sampling_needs_a_number(kind, images, n):
    model = tiny(kind)
    next(model.fit(images, generator=generator()))
    with pytest.raises(ValueError, match="at least 1"):
        model.sample(n, generator=generator())


@every_model
def test_divergence_is_the_users_error(kind, images):
    with pytest.raises(UserError, match=r"diverged.*learning_rate"):
        list(tiny(kind, learning_rate=1e38, final_learning_rate=1e38).fit(images, generator=generator()))


@every_model
@pytest.mark.parametrize("bad", [-0.5, 1.5, float("nan")])
def test_images_outside_the_unit_interval_are_refused(kind, images, bad):
    images[0, 0, 0] = bad
    with pytest.raises(UserError, match=r"\[0, 1\]"):
        next(tiny(kind).fit(images, generator=generator()))


@every_model
def test_images_of_another_shape_are_refused(kind):
    with pytest.raises(UserError, match=r"\[5, 4, 3\].*\[n, 3, 4\]"):
        next(tiny(kind).fit(torch.zeros(5, 4, 3), generator=generator()))


@every_model
def test_a_state_of_other_layers_is_refused(kind, images):
    model = tiny(kind)
    next(model.fit(images, generator=generator()))
    with pytest.raises(ValueError, match=r"\(12, 6\)"):
        tiny(kind, hidden_sizes=(7, 5)).load_state_dict(model.state_dict())


@every_model
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("hidden_sizes", ()),
        ("hidden_sizes", (3, 0)),
        ("epochs", (1, 2, 3)),
        ("epochs", (1, 0)),
        ("epochs", 1.5),
        ("batch_size", 0),
        ("batch_size", True),
        ("batch_size", (8, 8)),
        ("hidden_sizes", 6),
        ("learning_rate", -0.1),
        ("learning_rate", float("nan")),
        ("final_learning_rate", (0.1,)),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("weight_gain", -1.0),
        ("marginal_clip", 0.5),
        ("marginal_clip", 0.0),
    ],
)
def test_settings_are_checked(kind, setting, value):
    with pytest.raises(ValueError, match=f"^{setting} is .*; accepted: "):
        tiny(kind, **{setting: value})


def test_initial_weights_are_uniform_within_the_bound():
    layer = TiedLayer.initialised(300, 200, gain=2.0, generator=generator())
    bound = 2.0 * (6 / 500) ** 0.5
    assert layer.weights.abs().max() <= bound
    n = layer.weights.numel()
    # a uniform variable has variance r²/3 and its square variance 4 r⁴/45; 5 standard errors
    assert abs(float(layer.weights.square().mean()) - bound**2 / 3) <= 5 * (4 / 45 / n) ** 0.5 * bound**2
    assert not layer.visible_bias.any()
    assert not layer.hidden_bias.any()
