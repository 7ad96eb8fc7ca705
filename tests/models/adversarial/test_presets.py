"""The presets against the configuration files of the published program, every number by itself.

Source: mnist.yaml, tfd_pretrain/pretrain.yaml, tfd_pretrain/train.yaml, cifar10_fully_connected.yaml and
cifar10_convolutional.yaml of https://github.com/goodfeli/adversarial (commit 1720041), read off by hand.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest


def _uniform(layer, units, weight_range, **more):
    return {"layer": layer, "units": units, "weight_range": weight_range} | more


def _fully_connected(units):
    hidden = _uniform("maxout", units, 0.005, pieces=5)
    return [hidden, hidden, _uniform("sigmoid", 1, 0.005)]


def _convolution(channels, kernel, padding, pool):
    window = {"pool": pool, "pool_stride": 2}
    return {
        "layer": "maxout-convolution",
        "channels": channels,
        "pieces": 2,
        "kernel": kernel,
        "padding": padding,
        "weight_range": 0.005,
    } | window


GAME = {
    "noise": "gaussian",
    "noise_dimension": 100,
    "batch_size": 100,
    "generator_loss": "non-saturating",
    "discriminator_steps": 1,
    "learning_rate_decay": 1.000004,
    "minimum_learning_rate": 1e-6,
    "initial_momentum": 0.5,
    "final_momentum": 0.7,
    "momentum_saturation_epoch": 249,
    "input_keep_probability": 0.8,
    "hidden_keep_probability": 0.5,
    "epochs": 250,
}
CIFAR_BELOW = [_uniform("relu", 8000, 0.05), _uniform("sigmoid", 8000, 0.05)]
PRESETS = {
    "mnist": GAME
    | {
        "event_shape": [28, 28],
        "epochs": 1500,
        "noise": "uniform",
        "learning_rate": 0.1,
        "stages": [
            {
                "generator": [
                    _uniform("relu", 1200, 0.05),
                    _uniform("relu", 1200, 0.05),
                    _uniform("sigmoid", 784, 0.05, bias="marginals"),
                ],
                "discriminator": _fully_connected(240),
            }
        ],
    },
    "tfd": GAME
    | {
        "event_shape": [48, 48],
        "learning_rate": 0.05,
        "max_column_norm": 1.9365,
        "epochs": [50, 22],
        "stages": [
            {
                "generator": [
                    _uniform("relu", 8000, 0.05),
                    _uniform("sigmoid", 8000, 0.05, bias=-2.0),
                    {"layer": "sigmoid", "units": 2304, "sparse_weights": 100, "bias": "marginals"},
                ],
                "discriminator": _fully_connected(1200),
            },
            {
                "generator": [_uniform("relu", 8000, 0.05), _uniform("sigmoid", 100, 0.05, bias=-2.0)],
                "discriminator": _fully_connected(1200),
            },
        ],
    },
    "fer2013-laptop": GAME
    | {
        "event_shape": [48, 48],
        "learning_rate": 0.1,
        "max_column_norm": 1.9365,
        "epochs": 40,
        "stages": [
            {
                "generator": [
                    _uniform("relu", 600, 0.05),
                    _uniform("relu", 600, 0.05),
                    _uniform("sigmoid", 2304, 0.05, bias="marginals"),
                ],
                "discriminator": _fully_connected(120),
            }
        ],
    },
    "cifar10-fc": GAME
    | {
        "event_shape": [3, 32, 32],
        "learning_rate": 0.025,
        "stages": [
            {
                "generator": [*CIFAR_BELOW, _uniform("linear", 3072, 0.5)],
                "discriminator": _fully_connected(1600),
            }
        ],
    },
    "cifar10-conv": GAME
    | {
        "event_shape": [3, 32, 32],
        "batch_size": 128,
        "learning_rate": 0.004,
        "stages": [
            {
                "generator": [
                    *CIFAR_BELOW,
                    {
                        "layer": "transposed-convolution",
                        "image_shape": [80, 10, 10],
                        "channels": 3,
                        "kernel": 5,
                        "stride": 3,
                        "weight_range": 0.05,
                    },
                ],
                "discriminator": [
                    _convolution(32, 8, 4, 4),
                    _convolution(32, 8, 3, 4),
                    _convolution(192, 5, 3, 2),
                    _uniform("maxout", 500, 0.005, pieces=5),
                    _uniform("sigmoid", 1, 0.005),
                ],
            }
        ],
    },
}


@pytest.mark.parametrize("name", PRESETS)
def test_the_numbers_are_those_of_the_source(name):
    path = files("ganbench_models") / "presets" / "adversarial" / f"{name}.toml"
    assert tomllib.loads(path.read_text(encoding="utf-8")) == PRESETS[name]
