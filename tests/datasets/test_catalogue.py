"""Names, specs, the folder of the data, and what is imported when."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import ganbench.datasets as datasets
from ganbench.datasets import Dataset, UnavailableDataset, find_dataset, find_entry
from ganbench.datasets._sources import data_root, read_bytes
from ganbench.errors import DataError, MissingDataError, UnknownNameError

_NAMES = ["digits", "mnist", "tfd", "fer2013", "olivetti", "cifar10", "toy-gaussian", "toy-mixture", "toy-figure1"]


def test_names_and_descriptions():
    assert datasets.dataset_names() == _NAMES
    lines = [datasets.describe(name) for name in _NAMES]
    assert all(line and "\n" not in line for line in lines)
    assert len(set(lines)) == len(_NAMES)


_FILE_SETS = [name for name in _NAMES if name != "digits" and not name.startswith("toy")]


@pytest.mark.parametrize("name", [name for name in _NAMES if name not in _FILE_SETS])
def test_data_without_files_are_available_and_what_the_entry_says(name, tmp_path):
    entry = find_entry(name)
    assert entry.is_available(tmp_path / "absent")
    assert (entry.find(tmp_path), entry.place(tmp_path), entry.needs) == (None, None, "nothing")
    data = entry.load(tmp_path)
    assert (data.name, data.event_shape) == (name, entry.event_shape)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["mnist", "fer2013", "olivetti"])
def test_real_data_are_what_the_entry_says(name, real_root):
    entry = find_entry(name)
    assert entry.is_available(real_root)
    data = find_dataset(name, real_root)
    assert isinstance(data, Dataset)
    assert (data.name, data.event_shape) == (name, entry.event_shape)
    labels = [data.splits[0].train_labels, data.splits[0].valid_labels, data.splits[0].test_labels]
    assert [len(np.unique(y)) for y in labels] == [{"mnist": 10, "fer2013": 7, "olivetti": 40}[name]] * 3


_NEEDED = {
    "mnist": ("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/t10k-images-idx3-ubyte.gz"),
    "tfd": ("TFD_48x48.mat",),
    "fer2013": ("fer2013/icml_face_data.csv",),
    "olivetti": ("olivettifaces.mat",),
    "cifar10": (*(f"cifar-10-batches-py/data_batch_{k}" for k in range(1, 6)), "cifar-10-batches-py/test_batch"),
}


@pytest.mark.parametrize("name", _FILE_SETS)
def test_an_entry_tells_without_loading_whether_its_files_are_there(name, tmp_path, monkeypatch):
    entry = find_entry(name)
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    assert entry.needs != "nothing"
    assert entry.place() == tmp_path / entry.expected
    for needed in _NEEDED[name]:
        assert not entry.is_available()
        assert entry.find() is None
        path = tmp_path / needed
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert entry.is_available()
    assert entry.find() in (path, path.parent, tmp_path / _NEEDED[name][0])


def test_missing_data_are_unavailable_and_everything_else_raises(tmp_path):
    missing = find_dataset("tfd", tmp_path)
    assert isinstance(missing, UnavailableDataset)
    assert missing.name == "tfd"
    with pytest.raises(MissingDataError) as caught:
        datasets.load_dataset("tfd", tmp_path)
    assert missing.reason == str(caught.value)
    (tmp_path / "TFD_48x48.mat").write_bytes(b"damaged")
    for spec, error in [("tfd", DataError), (tmp_path / "absent.npz", DataError), ("minst", UnknownNameError)]:
        with pytest.raises(error) as caught:
            find_dataset(spec, tmp_path)
        assert not isinstance(caught.value, MissingDataError)


@pytest.mark.parametrize("ask", [datasets.load_dataset, datasets.describe])
def test_an_unknown_name_gets_the_nearest_and_the_list(ask):
    with pytest.raises(UnknownNameError, match=r"Unknown dataset 'minst'.*'mnist'.*olivetti.*--dataset \./images\.npz"):
        ask("minst")


def test_the_folder_is_the_argument_then_the_variable_then_the_cache(monkeypatch, cache):
    monkeypatch.setenv("GANBENCH_DATA", "/from/variable")
    assert str(data_root("/given")) == "/given"
    assert str(data_root()) == "/from/variable"
    monkeypatch.setenv("GANBENCH_DATA", "")
    assert data_root() == cache
    monkeypatch.delenv("GANBENCH_DATA")
    assert data_root(None) == cache


@pytest.mark.skipif(sys.platform != "linux", reason="the cache of other systems lies elsewhere")
def test_the_cache_of_a_linux_user(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "GANBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    assert data_root() == tmp_path / ".cache" / "ganbench"


_SOUGHT = {
    "mnist": ("MNIST/raw/train-images-idx3-ubyte", "--download"),
    "cifar10": ("cifar-10-batches-py/data_batch_1", "--download"),
    "olivetti": ("olivettifaces.mat", "--download"),
    "tfd": ("TFD_48x48.mat", "permission"),
    "fer2013": ("fer2013/fer2013.csv", "Kaggle"),
}


@pytest.mark.parametrize("name", _FILE_SETS)
def test_missing_data_say_what_was_sought_where_and_how_to_get_it(name, tmp_path):
    with pytest.raises(MissingDataError) as caught:
        datasets.load_dataset(name, tmp_path / "absent")
    path, remedy = _SOUGHT[name]
    assert f"{tmp_path}/absent/{path}" in str(caught.value)
    assert remedy in str(caught.value)
    assert not (tmp_path / "absent").exists()


def test_missing_data_say_what_chose_the_folder(tmp_path, monkeypatch, cache):
    def reason(root=None) -> str:
        return find_dataset("tfd", root).reason

    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    assert reason().endswith(
        f"The folder of the data, {tmp_path}, is that of the environment variable GANBENCH_DATA; "
        "--data DIR goes before it."
    )
    assert reason(tmp_path / "no").endswith(
        f"The folder of the data, {tmp_path}/no (no such folder), was given (--data DIR, or root in Python)."
    )
    assert "GANBENCH_DATA" not in reason(tmp_path / "no")
    monkeypatch.delenv("GANBENCH_DATA")
    assert reason().endswith(
        f"The folder of the data, {cache} (no such folder), is the default; "
        "--data DIR or the environment variable GANBENCH_DATA names another."
    )


@pytest.mark.parametrize("name", ["mnist", "cifar10", "olivetti"])
def test_download_is_asked_for_only_when_wanted_and_its_failure_keeps_the_causes(name, tmp_path, monkeypatch):
    calls = []

    def refuse(url, known_hash, *, fname, path, progressbar):
        calls.append((url, known_hash, path))
        raise OSError("the network is down")

    monkeypatch.setattr("pooch.retrieve", refuse)
    with pytest.raises(MissingDataError, match="missing"):
        datasets.load_dataset(name, tmp_path)
    assert calls == []
    with pytest.raises(
        MissingDataError, match=f"download of '{name}' to {tmp_path}.*OSError: the network is down"
    ) as e:
        datasets.load_dataset(name, tmp_path, download=True)
    assert isinstance(find_dataset(name, tmp_path, download=True), UnavailableDataset)
    assert calls
    for url, known_hash, path in calls:
        assert url in str(e.value)
        assert known_hash.startswith(("md5:", "sha256:"))
        assert path.is_relative_to(tmp_path)


def test_a_file_the_system_refuses_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_bytes(tmp_path)


_LIGHT = """
import sys
import ganbench.datasets as d
d.dataset_names(), d.describe("mnist"), [d.find_entry(n).is_available("/") for n in d.dataset_names()]
heavy = {"torch", "torchvision", "sklearn", "scipy", "pandas", "pooch", "requests"} & set(sys.modules)
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


def test_an_empty_name_is_not_the_current_folder():
    with pytest.raises(UnknownNameError, match="Unknown dataset ''"):
        datasets.load_dataset("")


def test_a_path_is_told_by_its_suffix(tmp_path):
    np.save(tmp_path / "mine.npy", np.linspace(0, 1, 40, dtype=np.float32).reshape(20, 2))
    assert datasets.load_dataset(str(tmp_path / "mine.npy")).name == "mine"
    assert datasets.load_dataset(tmp_path / "mine.npy").name == "mine"
    with pytest.raises(DataError, match="No such file"):
        datasets.load_dataset("absent.NPZ")
