"""Names, specs, the folder of the data, and what is imported when."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest

import ganbench.datasets as datasets
from ganbench.datasets._sources import data_root, downloading, read_bytes
from ganbench.errors import DataError, UnknownNameError

_NAMES = ["digits", "mnist", "tfd", "fer2013", "olivetti", "cifar10", "toy-gaussian", "toy-mixture", "toy-figure1"]


def test_names_and_descriptions():
    assert datasets.dataset_names() == _NAMES
    lines = [datasets.describe(name) for name in _NAMES]
    assert all(line and "\n" not in line for line in lines)
    assert len(set(lines)) == len(_NAMES)


@pytest.mark.parametrize("name", _NAMES)
def test_every_entry_points_at_a_loader(name):
    module, function = datasets._CATALOGUE[name][0].split(":")
    assert callable(getattr(importlib.import_module(f"ganbench.datasets.{module}"), function))


@pytest.mark.parametrize("ask", [datasets.load_dataset, datasets.describe])
def test_an_unknown_name_gets_the_nearest_and_the_list(ask):
    with pytest.raises(UnknownNameError, match=r"Unknown dataset 'minst'.*'mnist'.*olivetti.*\.npz"):
        ask("minst")


def test_the_folder_is_the_argument_then_the_variable_then_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GANBENCH_DATA", "/from/variable")
    assert str(data_root("/given")) == "/given"
    assert str(data_root()) == "/from/variable"
    monkeypatch.setenv("GANBENCH_DATA", "")
    assert data_root() == tmp_path / ".cache" / "ganbench"
    monkeypatch.delenv("GANBENCH_DATA")
    assert data_root(None) == tmp_path / ".cache" / "ganbench"


_SOUGHT = {
    "mnist": ("MNIST/raw/train-images-idx3-ubyte", "--download"),
    "cifar10": ("cifar-10-batches-py/data_batch_1", "--download"),
    "olivetti": ("olivetti.npz", "--download"),
    "tfd": ("TFD_48x48.mat", "permission"),
    "fer2013": ("fer2013/fer2013.csv", "Kaggle"),
}


@pytest.mark.parametrize("name", sorted(_SOUGHT))
@pytest.mark.parametrize("variable", [None, "/some/where"])
def test_missing_data_say_what_was_sought_where_and_how_to_get_it(name, variable, tmp_path, monkeypatch):
    monkeypatch.delenv("GANBENCH_DATA", raising=False)
    if variable:
        monkeypatch.setenv("GANBENCH_DATA", variable)
    with pytest.raises(DataError) as caught:
        datasets.load_dataset(name, tmp_path / "absent")
    text = str(caught.value)
    path, remedy = _SOUGHT[name]
    assert f"{tmp_path}/absent/{path}" in text
    assert (
        f"GANBENCH_DATA, which names the folder of the data, {'is ' + repr(variable) if variable else 'is not set'}"
        in text
    )
    assert remedy in text
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("mnist", "torchvision.datasets.MNIST"),
        ("cifar10", "torchvision.datasets.CIFAR10"),
        ("olivetti", "sklearn.datasets.fetch_olivetti_faces"),
    ],
)
def test_download_is_asked_for_only_when_wanted_and_its_failure_keeps_the_cause(
    name, target, tmp_path, monkeypatch, capsys
):
    calls = []

    def refuse(*args, **kwargs):
        calls.append((args, kwargs))
        print("chatter")
        raise OSError("the network is down")

    monkeypatch.setattr(target, refuse)
    with pytest.raises(DataError, match="missing"):
        datasets.load_dataset(name, tmp_path)
    assert calls == []
    with pytest.raises(DataError, match=f"download of '{name}'.*OSError: the network is down"):
        datasets.load_dataset(name, tmp_path, download=True)
    assert len(calls) == 1
    assert str(tmp_path) in str(calls[0])
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "chatter\n")


def test_defects_of_ours_are_not_dressed_up_as_failed_downloads(tmp_path):
    with pytest.raises(AttributeError), downloading("x", tmp_path):
        raise AttributeError("ours")


def test_a_file_the_system_refuses_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_bytes(tmp_path)


_LIGHT = """
import sys
import ganbench.datasets as d
d.dataset_names(), d.describe("mnist")
heavy = {"torch", "torchvision", "sklearn", "scipy"} & set(sys.modules)
assert not heavy, heavy
d.load_dataset("toy-mixture")
heavy = {"torch", "torchvision", "sklearn", "scipy"} & set(sys.modules)
assert not heavy, heavy
d.load_dataset("digits")
heavy = {"torch", "torchvision"} & set(sys.modules)
assert not heavy, heavy
"""


def test_listing_imports_nothing_heavy_and_digits_no_torch():
    done = subprocess.run([sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_path_is_told_by_its_suffix(tmp_path):
    np.save(tmp_path / "mine.npy", np.linspace(0, 1, 40, dtype=np.float32).reshape(20, 2))
    assert datasets.load_dataset(str(tmp_path / "mine.npy")).name == "mine"
    with pytest.raises(DataError, match="No such file"):
        datasets.load_dataset("absent.NPZ")
