"""Every number of the presets of the three older models, by itself: a number that changes is changed here as well."""

from __future__ import annotations

import inspect
import tomllib
from importlib.resources import files

import pytest
from ganbench_models.autoencoders.cae import StackedContractiveAutoEncoder
from ganbench_models.boltzmann.dbn import DeepBeliefNetwork
from ganbench_models.markov_chains.gsn import GenerativeStochasticNetwork

MODELS = {
    "dbn": DeepBeliefNetwork,
    "cae": StackedContractiveAutoEncoder,
    "gsn": GenerativeStochasticNetwork,
}
EVENT_SHAPES = {"mnist": (28, 28), "tfd": (48, 48), "fer2013-laptop": (48, 48), "digits": (8, 8)}

DBN_MNIST = {
    "hidden_sizes": [64, 64],
    "epochs": [4, 8],
    "batch_size": 100,
    "learning_rate": [0.1, 0.05],
    "final_learning_rate": [0.01, 0.002],
    "momentum": 0.5,
    "weight_decay": 0.015,
    "weight_gain": 0.1,
    "marginal_clip": 0.01,
    "gibbs_steps": [1, 5],
    "mean_reconstructions": False,
    "particles": 1000,
}
DBN_TFD = DBN_MNIST | {
    "hidden_sizes": [1000, 1000],
    "epochs": [7, 14],
    "final_learning_rate": [0.02, 0.002],
    "weight_decay": 1e-4,
    "gibbs_steps": [1, 1],
    "particles": 100,
}
DBN_DIGITS = {
    "hidden_sizes": [128, 128],
    "epochs": [20, 50],
    "batch_size": 30,
    "learning_rate": [0.4, 0.15],
    "final_learning_rate": [0.02, 0.002],
    "momentum": 0.5,
    "weight_decay": 1e-4,
    "weight_gain": 0.1,
    "marginal_clip": 0.01,
    "gibbs_steps": [1, 1],
    "mean_reconstructions": True,
    "particles": 100,
}
DBN_FACES = DBN_MNIST | {
    "hidden_sizes": [256, 256],
    "epochs": [6, 12],
    "learning_rate": [0.05, 0.02],
    "final_learning_rate": [0.005, 0.001],
    "weight_decay": 0.003,
    "mean_reconstructions": True,
    "particles": 500,
}
CAE_MNIST = {
    "hidden_sizes": [200, 200],
    "epochs": [4, 4],
    "batch_size": 100,
    "learning_rate": [0.05, 0.05],
    "final_learning_rate": [0.005, 0.005],
    "momentum": 0.9,
    "contraction": [0.1, 3.0],
    "weight_gain": 1.0,
    "marginal_clip": 0.01,
    "step_size": 7.0,
    "jacobian": "input",
}
CAE_TFD = CAE_MNIST | {
    "hidden_sizes": [1000, 1000],
    "epochs": [6, 6],
    "learning_rate": [0.02, 0.02],
    "final_learning_rate": [0.002, 0.002],
    "contraction": [1.0, 1.0],
    "step_size": 1.5,
}
CAE_FACES = CAE_MNIST | {
    "epochs": [8, 8],
    "learning_rate": [0.02, 0.05],
    "final_learning_rate": [0.002, 0.005],
    "contraction": [0.03, 3.0],
    "step_size": 25.0,
}
CAE_DIGITS = {
    "hidden_sizes": [128, 128],
    "epochs": [40, 40],
    "batch_size": 50,
    "learning_rate": [0.2, 0.2],
    "final_learning_rate": [0.02, 0.02],
    "momentum": 0.9,
    "contraction": [0.01, 0.3],
    "weight_gain": 1.0,
    "marginal_clip": 0.01,
    "step_size": 0.7,
    "jacobian": "input",
}
# the numbers of the authors' program
GSN_SOURCE = {
    "hidden_sizes": [1500, 1500],
    "walkbacks": 4,
    "hidden_noise": 2.0,
    "salt_and_pepper": 0.4,
    "noiseless_h1": True,
    "input_sampling": True,
    "learning_rate": 0.25,
    "momentum": 0.5,
    "learning_rate_decay": 0.995,
    "batch_size": 100,
    "epochs": 1000,
}
GSN_TFD = GSN_SOURCE | {"biases_from_mean": True, "sampling_hidden_noise": 2.0}
GSN_MNIST = GSN_TFD | {
    "learning_rate": 2.0,
    "learning_rate_decay": 0.97,
    "epochs": 120,
    "sampling_hidden_noise": 3.0,
}
GSN_FACES = GSN_TFD | {
    "hidden_sizes": [400, 400],
    "hidden_noise": 1.0,
    "salt_and_pepper": 0.2,
    "learning_rate": 6.0,
    "learning_rate_decay": 0.87,
    "epochs": 14,
    "sampling_hidden_noise": 5.0,
}
GSN_DIGITS = {
    "hidden_sizes": [150, 150],
    "walkbacks": 4,
    "hidden_noise": 0.7,
    "salt_and_pepper": 0.15,
    "noiseless_h1": True,
    "input_sampling": True,
    "biases_from_mean": True,
    "learning_rate": 4.0,
    "momentum": 0.5,
    "learning_rate_decay": 0.95,
    "batch_size": 50,
    "epochs": 34,
    "sampling_hidden_noise": 1.5,
}
PRESETS = {
    ("dbn", "mnist"): DBN_MNIST,
    ("dbn", "tfd"): DBN_TFD,
    ("dbn", "fer2013-laptop"): DBN_FACES,
    ("dbn", "digits"): DBN_DIGITS,
    ("cae", "mnist"): CAE_MNIST,
    ("cae", "tfd"): CAE_TFD,
    ("cae", "fer2013-laptop"): CAE_FACES,
    ("cae", "digits"): CAE_DIGITS,
    ("gsn", "mnist"): GSN_MNIST,
    ("gsn", "tfd"): GSN_TFD,
    ("gsn", "fer2013-laptop"): GSN_FACES,
    ("gsn", "digits"): GSN_DIGITS,
}


def folder(model):
    return files("ganbench_models") / "presets" / model


def read(model, dataset):
    return tomllib.loads((folder(model) / f"{dataset}.toml").read_text(encoding="utf-8"))


def test_there_are_no_other_presets():
    found = {(model, path.name.removesuffix(".toml")) for model in MODELS for path in folder(model).iterdir()}
    assert found == set(PRESETS)


@pytest.mark.parametrize(("model", "dataset"), PRESETS)
def test_the_numbers_are_those_of_the_table(model, dataset):
    expected = PRESETS[model, dataset] | {"event_shape": list(EVENT_SHAPES[dataset])}
    assert repr(sorted(read(model, dataset).items())) == repr(sorted(expected.items()))


@pytest.mark.parametrize(("model", "dataset"), PRESETS)
def test_a_preset_says_everything_and_constructs(model, dataset):
    """Only the device and the precision are left to the defaults."""
    settings = read(model, dataset)
    parameters = set(inspect.signature(MODELS[model]).parameters)
    assert parameters - set(settings) == {"device", "precision"}
    built = MODELS[model](**settings)
    epochs = settings["epochs"]
    assert built.total_epochs == (epochs if isinstance(epochs, int) else sum(epochs))


def test_the_defaults_of_the_gsn_are_the_numbers_of_its_source():
    for name, parameter in inspect.signature(GenerativeStochasticNetwork).parameters.items():
        if name in GSN_SOURCE:
            default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
            assert default == GSN_SOURCE[name], name
