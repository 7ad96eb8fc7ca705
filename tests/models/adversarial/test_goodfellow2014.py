import io
import itertools
import re
import tomllib
from pathlib import Path

import ganbench_models
import pytest
import torch
from ganbench_models.adversarial.goodfellow2014 import AdversarialNets
from ganbench_models.adversarial.stages import mnist_stage

from ganbench.errors import ModelError
from ganbench.model import GenerativeModel

FOLDER = Path(ganbench_models.__file__).parent / "presets" / "adversarial"
PRESETS = {path.stem: path for path in FOLDER.glob("*.toml")}
SHAPES = {
    "mnist": (28, 28),
    "tfd": (48, 48),
    "fer2013-laptop": (48, 48),
    "cifar10-fc": (3, 32, 32),
    "cifar10-conv": (3, 32, 32),
    "digits": (8, 8),
    "toy-figure1": (1,),
}

DISCRIMINATOR = [
    {"layer": "maxout", "units": 6, "pieces": 2, "weight_range": 0.3},
    {"layer": "sigmoid", "units": 1, "weight_range": 0.3},
]
SETTINGS = {"noise_dimension": 5, "batch_size": 8}
ONE_STAGE = SETTINGS | {
    "epochs": 3,
    "stages": [
        {
            "generator": [
                {"layer": "relu", "units": 7, "weight_range": 0.3},
                {"layer": "sigmoid", "units": 6, "weight_range": 0.3, "bias": "marginals"},
            ],
            "discriminator": DISCRIMINATOR,
        }
    ],
}
TWO_STAGES = SETTINGS | {
    "epochs": [2, 3],
    "max_column_norm": 0.6,
    "stages": [
        *ONE_STAGE["stages"],
        {
            "generator": [
                {"layer": "relu", "units": 9, "weight_range": 0.3},
                {"layer": "sigmoid", "units": 5, "weight_range": 0.3, "bias": -2.0},
            ],
            "discriminator": DISCRIMINATOR,
        },
    ],
}


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _train(n: int = 20) -> torch.Tensor:
    return torch.rand(n, 2, 3, generator=_generator(9))


def _trained(settings, epochs=None, generator=None):
    model, generator = AdversarialNets((2, 3), **settings), generator or _generator()
    metrics = list(itertools.islice(model.fit(_train(), generator=generator), epochs))
    return model, metrics


def _flat(state):
    if isinstance(state, dict):
        return [leaf for key in sorted(state) for leaf in _flat(state[key])]
    return [leaf for item in state for leaf in _flat(item)] if isinstance(state, list) else [state]


def _equal(a, b) -> bool:
    pairs = list(zip(_flat(a.state_dict()), _flat(b.state_dict()), strict=True))
    return all(torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y for x, y in pairs)


def _through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def _preset(name: str) -> dict:
    return tomllib.loads(PRESETS[name].read_text(encoding="utf-8"))


def test_every_preset_is_listed():
    assert set(PRESETS) == set(SHAPES)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_preset_constructs_without_memory_for_its_nets(name):
    model = AdversarialNets(**_preset(name))
    assert model.event_shape == SHAPES[name]
    assert isinstance(model, GenerativeModel)
    assert _flat(model.state_dict()) == [0, 0]


# Weights and biases, layer by layer, of generators (a later stage adds to the earlier) and discriminators.
@pytest.mark.parametrize(
    ("name", "generators", "discriminator"),
    [
        ("mnist", [101 * 1200 + 1201 * 1200 + 1201 * 784], 785 * 1200 + 241 * 1200 + 241),
        (
            "tfd",
            [
                101 * 8000 + 8001 * 8000 + 8001 * 2304,
                101 * 8000 + 8001 * 100 + 101 * 8000 + 8001 * 8000 + 8001 * 2304,
            ],
            2305 * 6000 + 1201 * 6000 + 1201,
        ),
        ("cifar10-fc", [101 * 8000 + 8001 * 8000 + 8001 * 3072], 3073 * 8000 + 1601 * 8000 + 1601),
        (
            "cifar10-conv",
            [101 * 8000 + 8001 * 8000 + 80 * 3 * 25 + 3072],
            (3 * 64 + 1) * 64 + (32 * 64 + 1) * 64 + (32 * 25 + 1) * 384 + 4801 * 2500 + 501,
        ),
    ],
)
def test_number_of_parameters(name, generators, discriminator):
    stages = AdversarialNets(**_preset(name))._stages
    assert [stages.generator(stage).n_parameters for stage in range(len(stages))] == generators
    assert stages.discriminator(len(stages) - 1).n_parameters == discriminator


def test_the_default_is_the_mnist_preset():
    preset = _preset("mnist")
    assert preset["stages"] == [mnist_stage(784)]
    defaults = AdversarialNets.__init__.__kwdefaults__
    others = ("stages", "event_shape", "epochs")  # of which there may be more where the protocol says when to stop
    assert all(defaults[name] == value for name, value in preset.items() if name not in others)


def test_epochs_report_finite_metrics_schedule_and_progress():
    model, metrics = _trained(ONE_STAGE)
    assert model.epoch == model.total_epochs == len(metrics) == 3
    assert [m["momentum"] for m in metrics] == pytest.approx([0.5, 0.5 + 0.2 / 249, 0.5 + 0.4 / 249])
    # 20 images in minibatches of 8: three updates an epoch, so the last of epoch e has had 3e + 2 before it.
    assert [m["learning_rate"] for m in metrics] == pytest.approx([0.1 / 1.000004**t for t in (2, 5, 8)], rel=1e-12)
    assert all(0 < m["mean_probability_real"] < 1 for m in metrics)
    assert list(model.fit(_train(), generator=_generator())) == []


def test_equal_seeds_give_equal_bits():
    (a, _), (b, _), (c, _) = _trained(ONE_STAGE), _trained(ONE_STAGE), _trained(ONE_STAGE, generator=_generator(1))
    assert _equal(a, b)
    assert not _equal(a, c)
    assert torch.equal(a.sample(4, generator=_generator(2)), b.sample(4, generator=_generator(2)))


@pytest.mark.parametrize(
    "settings", [ONE_STAGE, TWO_STAGES, TWO_STAGES | {"discriminator_steps": 2, "updates": "alternating"}]
)
def test_stopping_after_any_epoch_and_going_on_gives_the_same_bits(settings):
    undisturbed, _ = _trained(settings)
    for stop in range(undisturbed.total_epochs + 1):
        generator = _generator()
        stopped, _ = _trained(settings, stop, generator)
        resumed = AdversarialNets((2, 3), **settings)
        resumed.load_state_dict(_through_a_file(stopped.state_dict()))
        list(resumed.fit(_train(), generator=generator))
        assert _equal(resumed, undisturbed), f"stopped after epoch {stop}"


def test_a_loaded_state_is_a_copy():
    model, _ = _trained(ONE_STAGE, 1)
    other = AdversarialNets((2, 3), **ONE_STAGE)
    state = model.state_dict()
    other.load_state_dict(state)
    for leaf in _flat(state):
        if isinstance(leaf, torch.Tensor):
            leaf.zero_()
    assert not _equal(model, other)


def test_the_second_stage_trains_on_the_layers_of_the_first():
    generator = _generator()
    model, _ = _trained(TWO_STAGES, 2, generator)
    old = model._players
    before = [layer.weight.detach().clone() for layer in old.generator.net.layers]
    first = next(model.fit(_train(), generator=generator))
    new = model._players
    assert [layer.output_shape for layer in new.generator.net.layers] == [(9,), (5,), (7,), (6,)]
    for mine, kept, weight in zip(new.generator.net.layers[2:], old.generator.net.layers, before, strict=True):
        assert mine is kept
        assert not torch.equal(mine.weight, weight)
        assert float((mine.weight - weight).detach().norm()) < 0.2 * float(weight.norm())
    assert new.discriminator is not old.discriminator
    assert all(float(w.norm(dim=1).max()) < 0.6 * (1 + 1e-6) for w in new.generator.net.unit_weights)
    # The schedules start again.
    assert first["momentum"] == 0.5
    assert first["learning_rate"] == pytest.approx(0.1 / 1.000004**2, rel=1e-12)
    assert new.updates == 3


def test_biases_begin_at_the_marginals_of_the_training_images():
    train = _train()
    train[:, 0, 0] = 0
    model = AdversarialNets((2, 3), **(ONE_STAGE | {"learning_rate": 1e-30, "minimum_learning_rate": 0.0, "epochs": 1}))
    list(model.fit(train, generator=_generator()))
    bias = model._players.generator.net.layers[-1].bias.detach()
    assert float(bias[0]) == pytest.approx(-16.118, abs=5e-4)
    torch.testing.assert_close(bias[1:].sigmoid(), train.mean(0).flatten()[1:])


def test_samples_are_decoded_codes():
    model, _ = _trained(ONE_STAGE)
    codes = model.draw_codes(7, generator=_generator(4))
    assert codes.shape == (7, SETTINGS["noise_dimension"])
    assert torch.equal(model.decode(codes), model.sample(7, generator=_generator(4)))


def test_the_discriminator_tells_by_the_sigmoid_of_its_logit_without_dropout():
    (model, _), images = _trained(ONE_STAGE), torch.rand(9, 2, 3, generator=_generator(5))
    logits = model._players.discriminator.net(images).detach()
    assert torch.equal(model.discriminate(images), torch.sigmoid(logits))
    assert not model.discriminate(images).requires_grad


def test_samples_have_shape_and_range_and_leave_training_alone():
    generator = _generator()
    model, _ = _trained(ONE_STAGE, 2, generator)
    for n in (1, 2, 1003):
        samples = model.sample(n, generator=_generator(4))
        assert samples.shape == (n, 2, 3)
        assert samples.dtype == torch.float32
        assert not samples.requires_grad
        assert 0 <= float(samples.min()) <= float(samples.max()) <= 1
    list(model.fit(_train(), generator=generator))
    assert _equal(model, _trained(ONE_STAGE)[0])


def test_a_convolutional_game_is_played():
    stages = [
        {
            "generator": [
                {"layer": "relu", "units": 18, "weight_range": 0.3},
                {
                    "layer": "transposed-convolution",
                    "image_shape": [2, 3, 3],
                    "channels": 1,
                    "kernel": 4,
                    "stride": 2,
                    "weight_range": 0.3,
                },
            ],
            "discriminator": [
                {
                    "layer": "maxout-convolution",
                    "channels": 2,
                    "pieces": 2,
                    "kernel": 3,
                    "padding": 1,
                    "pool": 2,
                    "pool_stride": 2,
                    "weight_range": 0.3,
                },
                *DISCRIMINATOR,
            ],
        }
    ]
    model = AdversarialNets(
        (1, 8, 8), noise="gaussian", noise_dimension=5, batch_size=8, epochs=2, max_column_norm=1, stages=stages
    )
    train = 55 * torch.randn(20, 1, 8, 8, generator=_generator())
    assert len(list(model.fit(train, generator=_generator()))) == 2
    assert model.sample(3, generator=_generator()).shape == (3, 1, 8, 8)


def test_sampling_before_training_is_refused():
    with pytest.raises(ValueError, match="no parameters yet"):
        AdversarialNets((2, 3), **ONE_STAGE).sample(3, generator=_generator())


def test_divergence_is_reported_with_its_epoch():
    linear = [{"layer": "linear", "units": 6, "weight_range": 0.3}]
    settings = ONE_STAGE | {"stages": [{"generator": linear, "discriminator": DISCRIMINATOR}], "learning_rate": 1e30}
    with pytest.raises(ModelError, match=r"diverged in epoch 1: .*Try a smaller learning_rate"):
        _trained(settings)


def test_data_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"train has shape \(4, 3, 2\); expected"):
        next(AdversarialNets((2, 3), **ONE_STAGE).fit(torch.zeros(4, 3, 2), generator=_generator()))


def test_a_state_of_other_layers_is_refused():
    model, _ = _trained(TWO_STAGES)
    with pytest.raises(ValueError, match="in stage 2; this model has 1"):
        AdversarialNets((2, 3), **ONE_STAGE).load_state_dict(model.state_dict())
    other = AdversarialNets((2, 3), **(ONE_STAGE | {"noise_dimension": 4}))
    with pytest.raises(ValueError, match=r"(?s)other layers: .*size mismatch for layers\.0\.weight"):
        other.load_state_dict(_trained(ONE_STAGE)[0].state_dict())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"noise": "normal"}, "noise is 'normal'"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"generator_loss": "wasserstein"}, "accepted: 'non-saturating', 'minimax'"),
        ({"discriminator_steps": 0}, "discriminator_steps is 0"),
        ({"updates": "parallel"}, "accepted: 'simultaneous', 'alternating'"),
        ({"max_column_norm": 0}, "max_column_norm is 0"),
        ({"input_keep_probability": 1.5}, "input_keep_probability is 1.5"),
        ({"epochs": [1, 2]}, "epochs has 2 entries for 1 stages"),
        ({"epochs": 0}, "epochs is 0"),
        ({"stages": [{"generator": [], "discriminator": DISCRIMINATOR}]}, "two non-empty lists"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"epochs": "two"}, "epochs is 'two'"),
        ({"epochs": [2.5]}, "epochs is 2.5"),
        ({"stages": []}, "stages is []; accepted: a list with one mapping for each stage"),
        ({"stages": 3}, "stages is 3; accepted"),
        ({"stages": "mnist"}, "stages is 'mnist'; accepted"),
        ({"stages": [None]}, "Stage 1 is None; accepted: a mapping"),
        ({"stages": [{"generator": DISCRIMINATOR}]}, "Stage 1 has the keys ['generator']; accepted"),
        ({"stages": [{"generator": 1, "discriminator": DISCRIMINATOR}]}, "Stage 1 has 1 for a generator; accepted"),
        ({"stages": [{"generator": [7], "discriminator": DISCRIMINATOR}]}, "Stage 1 has [7] for a generator"),
        ({"noise_dimension": 6, "epochs": 1, "stages": TWO_STAGES["stages"]}, "Stage 2 puts generator layers with 5"),
    ],
)
def test_a_wrong_setting_is_refused_on_construction(change, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        AdversarialNets((2, 3), **(ONE_STAGE | change))
