"""Every format gives back the numbers that were written, and only those that are asked for."""

from __future__ import annotations

import gzip
import importlib.util
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from scipy.io import savemat
from written_formats import WRITERS, everything, idx_bytes, write_pictures

from ganbench.cli.evaluate import __doc__ as help_text
from ganbench.datasets import load_dataset, read_samples
from ganbench.datasets.readers import FORMATS, find_format, formats_in_words, source_sha256
from ganbench.errors import DataError


@pytest.fixture
def images(rng) -> np.ndarray:
    return rng.integers(0, 256, (12, 6, 5), dtype=np.uint8)


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_is_read(tmp_path, images, name):
    path = tmp_path / name
    WRITERS[name](path, images)
    (array,) = everything(path).values()
    expected = {"csv": images.reshape(12, -1), "tsv": images.reshape(12, -1), "png": np.hstack(list(images))[None]}
    assert np.array_equal(array, expected.get(path.suffix[1:], images))


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in ("x.csv", "x.tsv", "grid.png")])
def test_every_format_is_a_data_set_of_the_same_content(tmp_path, images, name):
    WRITERS[name](tmp_path / name, images)
    np.save(tmp_path / "plain.npy", images)
    found = load_dataset(tmp_path / name)
    assert found.checksum == load_dataset(tmp_path / "plain.npy").checksum
    assert found.event_shape == (6, 5)


def test_every_suffix_is_written_in_a_test_and_stands_in_help():
    suffixes = {suffix for form in FORMATS for suffix in form.suffixes}
    written = {suffix for suffix in suffixes if any(name.endswith(suffix) for name in WRITERS)}
    documentation = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    assert suffixes - written == {".hdf5", ".idx.gz", "-ubyte"}  # others of the same reader
    for suffix in suffixes:
        assert suffix in formats_in_words()
        assert suffix.removesuffix(".gz") in help_text
        assert f"`{suffix.removesuffix('.gz')}`" in documentation


def test_names_that_no_reader_knows(tmp_path):
    assert find_format("mnist") is None
    assert find_format("net.onnx") is None
    with pytest.raises(DataError, match=r"x.onnx: expected a file that ends in .npy, .npz, .pt"):
        everything(tmp_path / "x.onnx")
    with pytest.raises(DataError, match=r"No such file: .*x.mat. Expected a file that ends in .mat"):
        everything(tmp_path / "x.mat")
    (tmp_path / "x.npy").mkdir()
    with pytest.raises(DataError, match=r"^[^:]*x.npy is a folder. Expected a file that ends in .npy, .npz.$"):
        everything(tmp_path / "x.npy")


def test_the_hash_of_a_folder_is_that_of_names_and_contents(tmp_path, images):
    hashes = {source_sha256(write_pictures(tmp_path / name, images)) for name in ("a", "b")}
    assert len(hashes) == 1
    (tmp_path / "b" / "0.png").rename(tmp_path / "b" / "00.png")
    assert source_sha256(tmp_path / "b") not in hashes


def test_what_the_system_refuses_to_hash_is_named(tmp_path, images, monkeypatch):
    folder = write_pictures(tmp_path / "a", images)

    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("ganbench.datasets.readers.file_sha256", refused)
    with pytest.raises(DataError, match=r"a/0.png cannot be read: Permission denied.$"):
        source_sha256(folder)
    with pytest.raises(DataError, match=r"/none cannot be read: Permission denied.$"):
        source_sha256(tmp_path / "none")


# Tensors


def test_tensors_of_every_type(tmp_path):
    truth = torch.linspace(0, 1, 24).reshape(6, 4)
    for dtype in (
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.float8_e5m2,
        torch.uint8,
        torch.int64,
    ):
        tensor = truth.to(dtype)
        torch.save([tensor.requires_grad_() if dtype == torch.float32 else tensor, "text"], tmp_path / "x.pt")
        (found,) = everything(tmp_path / "x.pt").values()
        assert np.array_equal(found, tensor.detach().double().numpy())
        if dtype != torch.float8_e5m2:
            safetensors.torch.save_file({"x": tensor.detach()}, tmp_path / "x.safetensors")
            assert np.array_equal(everything(tmp_path / "x.safetensors")["x"], tensor.detach().double().numpy())


def test_nested_tensors_have_the_names_of_their_places(tmp_path):
    content = {
        "train": {"x": torch.zeros(2, 3)},
        "pair": (torch.ones(1, 2), torch.ones(1)),
        7: torch.ones(1),
        "lr": 0.1,
    }
    torch.save(content, tmp_path / "x.pt")
    assert {name: a.shape for name, a in everything(tmp_path / "x.pt").items()} == {
        "train.x": (2, 3), "pair.0": (1, 2), "pair.1": (1,), "7": (1,),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "holds"),
    [(torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"), ({"a": np.float64(1)}, r"numpy\S*multiarray.scalar")],
)
def test_objects_that_are_no_tensors_are_named(tmp_path, content, holds):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(DataError, match=rf"x.pt cannot be read as tensors: it holds {holds}. Save plain tensors, by"):
        everything(tmp_path / "x.pt")


def test_only_what_is_used_of_a_storage_is_read_and_views_are_right(tmp_path):
    torch.save(torch.arange(24).reshape(4, 6).T[1:3], tmp_path / "x.pt")
    assert np.array_equal(everything(tmp_path / "x.pt")["arr_0"], np.arange(24).reshape(4, 6).T[1:3])


# IDX


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
def test_idx_of_every_type(tmp_path, dtype):
    array = np.arange(-6, 6).astype(dtype).reshape(3, 2, 2)
    (tmp_path / "x.idx").write_bytes(idx_bytes(array))
    assert np.array_equal(everything(tmp_path / "x.idx")["images"], array)


@pytest.fixture
def fashion(tmp_path, rng):
    """The four files of a data set like Fashion-MNIST, gzipped."""
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (50, 4, 4), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, 50, dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (8, 4, 4), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, 8, dtype=np.uint8),
    }
    for name, array in arrays.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return tmp_path, *arrays.values()


def test_a_folder_of_idx_files_is_a_data_set_with_a_test_part_and_labels(fashion):
    folder, train, labels, test, test_labels = fashion
    data = load_dataset(folder)
    (split,) = data.splits
    np.testing.assert_allclose(split.train, train[:42] / 255, rtol=1e-6)
    np.testing.assert_allclose(split.valid, train[42:] / 255, rtol=1e-6)
    np.testing.assert_allclose(split.test, test / 255, rtol=1e-6)
    assert np.concatenate([split.train_labels, split.valid_labels]).tolist() == labels.tolist()
    assert split.test_labels.tolist() == test_labels.tolist()
    assert "it is the last 8 of train" in data.notes


def test_the_file_of_labels_beside_that_of_images(fashion):
    folder, train, labels, *_ = fashion
    data = load_dataset(folder / "train-images-idx3-ubyte.gz")
    order = np.random.default_rng(0).permutation(50)
    assert data.splits[0].train_labels.tolist() == labels[order[:40]].tolist()
    np.testing.assert_allclose(data.splits[0].train, train[order[:40]] / 255, rtol=1e-6)


# MATLAB and HDF5


def test_the_axes_of_both_matlab_formats_are_matlabs(tmp_path, rng):
    array = rng.random((3, 4, 5))
    savemat(tmp_path / "old.mat", {"x": array})
    with h5py.File(tmp_path / "new.mat", "w") as file:
        file["x"] = array.T  # as MATLAB writes it
    for name in ("old.mat", "new.mat"):
        assert np.array_equal(everything(tmp_path / name)["x"], array)


def test_svhns_matlab_file_is_read_with_its_labels(tmp_path, rng):
    images, labels = rng.integers(0, 256, (8, 8, 3, 40), dtype=np.uint8), np.arange(40, dtype=np.uint8)[:, None] % 10
    savemat(tmp_path / "train.mat", {"X": images, "y": labels})
    data = load_dataset(tmp_path / "train.mat")
    order = np.random.default_rng(0).permutation(40)[:32]
    np.testing.assert_allclose(data.splits[0].train, images.transpose(3, 2, 0, 1)[order] / 255, rtol=1e-6)
    assert data.splits[0].train_labels.tolist() == labels[order, 0].tolist()
    assert "[8, 8, 3, 40], read as HWCN: [40, 3, 8, 8]" in data.notes


def test_hdf5_does_not_reach_into_other_files(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(range(64)))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["hidden"] = np.arange(4.0)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["mine"] = np.arange(6.0).reshape(2, 3)
        file["link"] = h5py.ExternalLink("other.h5", "/hidden")
        file.create_dataset("raw", (64,), "u1", external=[(str(tmp_path / "secret"), 0, 64)])
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "hidden", (4,))
        file.create_virtual_dataset("virtual", layout)
    assert list(everything(tmp_path / "x.h5")) == ["mine"]


# Tables


def test_a_column_of_labels(tmp_path):
    (tmp_path / "x.csv").write_text('"Label",pixel0,pixel1\n' + "".join(f"{i % 3},{i / 40},0.5\n" for i in range(40)))
    data = load_dataset(tmp_path / "x.csv")
    assert data.event_shape == (2,)
    assert np.array_equal(np.rint(data.splits[0].train[:, 0] * 40).astype(int) % 3, data.splits[0].train_labels)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2\n3\n", "columns"),
        ("a,b\n1,2,3\n", "first line has 2 names, the others 3 numbers"),
        ("1,2\n3,x\n", "could not convert string 'x'"),
        ("label,y\n1,2\n", r"2 columns of labels: \['label', 'y'\]"),
        ("\xff\n", "cannot be read as a table"),
    ],
)
def test_tables_that_are_none(tmp_path, text, said):
    (tmp_path / "x.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=rf"x.csv.*{said}"):
        everything(tmp_path / "x.csv")


# Pictures


def test_the_order_of_pictures_is_that_of_their_numbers(tmp_path, images):
    folder = write_pictures(tmp_path / "p", images)
    for junk in (".hidden.png", "notes.txt"):
        (folder / junk).write_bytes(b"junk")
    assert np.array_equal(everything(folder)["images"], images)


def test_folders_of_pictures_are_classes(tmp_path, images):
    for name, part in (("dog", images[:4]), ("cat", images[4:])):
        write_pictures(tmp_path / "p" / name, part)
    found = everything(tmp_path / "p")
    assert found["labels"].tolist() == [0] * 8 + [1] * 4
    assert np.array_equal(found["images"], np.concatenate([images[4:], images[:4]]))
    assert np.array_equal(read_samples(tmp_path / "p").labels, found["labels"])


def test_colour_palettes_opaque_alpha_and_jpeg(tmp_path, rng):
    colour = rng.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
    folder = write_pictures(tmp_path / "p", colour[:2])
    Image.fromarray(colour[2]).convert("RGBA").save(folder / "2.png")
    Image.fromarray(np.full((6, 5, 3), 77, np.uint8)).quantize(4).save(folder / "3.PNG")
    found = everything(folder)["images"]
    assert np.array_equal(found[:3], colour[:3])
    assert (found[3] == 77).all()
    grey = np.full((2, 16, 16), 90, np.uint8)
    assert np.array_equal(everything(write_pictures(tmp_path / "j", grey, "jpg"))["images"], grey)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: Image.new("L", (9, 9)).save(p / "1.png"), "pictures differ in size: .*1.png is 9x9"),
        (lambda p: Image.new("RGBA", (5, 6)).save(p / "1.png"), "1.png is transparent in places"),
        (lambda p: Image.new("I;16", (5, 6)).save(p / "1.png"), "1.png has the mode I;16; expected grey or RGB"),
        (lambda p: (p / "1.png").write_bytes(b"GIF89a"), "1.png cannot be read as a picture"),
        (lambda p: (p / "0.png").write_bytes((p / "0.png").read_bytes()[:50]), "0.png cannot be read as a picture"),
    ],
)
def test_pictures_that_do_not_fit_together(tmp_path, images, spoil, said):
    folder = write_pictures(tmp_path / "p", images)
    spoil(folder)
    with pytest.raises(DataError, match=said):
        everything(folder)


def test_a_folder_or_archive_without_pictures(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty is a folder that holds no PNG or JPEG files"):
        everything(tmp_path / "empty")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(DataError, match=r"x.zip is an archive that holds no PNG or JPEG files"):
        everything(tmp_path / "x.zip")


# Libraries


@pytest.mark.parametrize(("library", "name"), [("h5py", "x.h5"), ("h5py", "new.mat"), ("safetensors", "x.safetensors")])
def test_a_library_that_is_missing_is_named_with_the_extra(tmp_path, images, monkeypatch, library, name):
    WRITERS[name](tmp_path / name, images)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda wanted: None if wanted == library else find(wanted))
    with pytest.raises(
        DataError, match=rf"{name} is read by the library {library}, .*pip install 'ganbench\[formats\]'"
    ):
        everything(tmp_path / name)


class _Foreign:
    """Unpickling it ends the test."""

    def __reduce__(self):
        return pytest.fail, ("foreign code ran",)


def test_pickles_are_never_executed(tmp_path):
    objects = np.array([_Foreign()], object)
    np.save(tmp_path / "x.npy", objects)
    np.savez(tmp_path / "x.npz", x=objects)
    torch.save(_Foreign(), tmp_path / "x.pt")
    torch.save({"samples": torch.zeros(2, 2), "more": _Foreign()}, tmp_path / "y.pt")
    (tmp_path / "z.pt").write_bytes(pickle.dumps(_Foreign()))
    for name in ("x.npy", "x.npz", "x.pt", "y.pt", "z.pt"):
        with pytest.raises(DataError, match=name):
            read_samples(tmp_path / name)
