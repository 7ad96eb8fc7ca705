"""What a model shares with those that come after it."""

from __future__ import annotations

import os
import random
import sys

import numpy as np
import pytest
import torch

from ganbench.errors import ModelError
from ganbench.runtime.surroundings import process_settings, random_settings, restored, unchanged_surroundings

_CHANGES = {
    "torch.set_default_dtype": lambda: torch.set_default_dtype(torch.float64),
    "torch.set_default_device": lambda: torch.set_default_device("meta"),
    "torch.set_num_threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "torch.set_grad_enabled": lambda: torch.set_grad_enabled(False),
    "torch.set_float32_matmul_precision": lambda: torch.set_float32_matmul_precision("medium"),
    "cudnn.benchmark": lambda: setattr(torch.backends.cudnn, "benchmark", not torch.backends.cudnn.benchmark),
    "numpy.seterr": lambda: np.seterr(under="raise"),
    "os.chdir": lambda: os.chdir(os.pardir),
    "sys.stdout": lambda: setattr(sys, "stdout", sys.stderr),
    "torch's global random state": lambda: torch.rand(1),
    "NumPy's global random state": lambda: np.random.rand(),  # noqa: NPY002
    "Python's global random state": random.random,
}


@pytest.fixture
def data():
    """An array of images, and the tensor that a model is given."""
    source = np.random.default_rng(1).random((50, 4, 4), np.float32)
    return torch.from_numpy(source).clone(), source


def _values():
    return [setting.read() for setting in (*process_settings(), *random_settings())]


@pytest.mark.parametrize("name", _CHANGES)
def test_a_setting_of_the_process(data, name):
    before = _values()
    with pytest.raises(ModelError, match=f"{name}.* was changed. [A-Z]") as caught, unchanged_surroundings(*data):
        _CHANGES[name]()
    assert str(caught.value).count("was changed") == 1
    assert _values() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda train: train[3].mul_(0.9),
        lambda train: train[3, 2, 1].add_(1e-6),
        lambda train: train.copy_(train[torch.randperm(50, generator=torch.Generator().manual_seed(1))]),
        lambda train: train.copy_(train.flip(-1)),
        lambda train: train.data.zero_(),
        lambda train: train.numpy().fill(1),
        lambda train: train.resize_(40, 4, 4),
    ],
)
def test_training_data_that_are_changed_in_place(data, change):
    with pytest.raises(ModelError, match="training data were changed in place"), unchanged_surroundings(*data):
        change(data[0])


def test_nothing_is_said_of_what_stays(data):
    with unchanged_surroundings(*data) as examine:
        data[0].requires_grad_().mul(2).sum().backward()
        torch.rand(3, generator=torch.Generator())
        with torch.random.fork_rng(), torch.no_grad(), np.errstate(all="raise"):
            torch.rand(1)
        examine()  # no more than the end does


def test_all_changes_are_named_and_may_be_asked_for_early(data):
    with unchanged_surroundings(*data) as examine, restored(random_settings()):
        torch.rand(1)
        data[0].add_(1)
        with pytest.raises(ModelError, match=r"torch's global random state .* Also, the training data were changed"):
            examine()
        data[0].copy_(torch.from_numpy(data[1]))


def _fail_within(data):
    with unchanged_surroundings(*data):
        torch.set_default_dtype(torch.float64)
        raise KeyError


def test_an_exception_within_goes_its_way_and_settings_are_put_back(data):
    before = _values()
    with pytest.raises(KeyError):
        _fail_within(data)
    assert _values() == before


@pytest.mark.cuda
def test_the_random_state_on_cuda(data, cuda):
    train = data[0].to(cuda)
    before = _values()
    with pytest.raises(ModelError, match="random state on CUDA was changed"), unchanged_surroundings(train, data[1]):
        torch.rand(1, device=cuda)
    assert _values() == before
