"""IDX files: the format, the checks, and the real ones."""

from __future__ import annotations

import gzip
import hashlib
import struct

import numpy as np
import pytest

from ganbench.datasets import load_dataset
from ganbench.datasets.base import content_checksum
from ganbench.datasets.mnist import load, read_idx_images
from ganbench.errors import DataError

_NAMES = ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")


def _idx(images: np.ndarray) -> bytes:
    return struct.pack(">4I", 2051, *images.shape) + images.tobytes()


@pytest.fixture
def images(random_levels) -> dict[str, np.ndarray]:
    return {_NAMES[0]: random_levels(12, 4, 5), _NAMES[1]: random_levels(3, 4, 5)}


@pytest.fixture
def md5(images) -> dict[str, str]:
    return {name: hashlib.md5(_idx(array)).hexdigest() for name, array in images.items()}


@pytest.fixture
def root(tmp_path, images):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    for name, array in images.items():
        (tmp_path / "MNIST" / "raw" / name).write_bytes(_idx(array))
    return tmp_path


def test_round_trip(root, images, md5):
    data = load(root, md5=md5, n_train=10)
    (split,) = data.splits
    train = images[_NAMES[0]] / 255
    np.testing.assert_allclose(split.train, train[:10], rtol=1e-7)
    np.testing.assert_allclose(split.valid, train[10:], rtol=1e-7)
    np.testing.assert_allclose(split.test, images[_NAMES[1]] / 255, rtol=1e-7)
    assert (data.event_shape, split.name) == ((4, 5), "standard")
    assert data.checksum == content_checksum(*images.values())


def test_compressed_files_are_the_same_data(root, md5):
    plain = load(root, md5=md5, n_train=10)
    for name in _NAMES:
        path = root / "MNIST" / "raw" / name
        path.with_name(f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = load(root, md5=md5, n_train=10)
    assert packed.checksum == plain.checksum
    assert packed.splits[0].train_checksum == plain.splits[0].train_checksum


def test_the_real_md5_is_demanded_with_found_and_expected(root, images):
    found = hashlib.md5(_idx(images[_NAMES[0]])).hexdigest()
    with pytest.raises(DataError, match=f"expected md5 6bbc9ace898e44ae57da46a324031adb, found {found}"):
        load(root)


def test_the_test_file_is_verified_too(root, md5):
    with pytest.raises(DataError, match=f"t10k-images-idx3-ubyte.*expected md5 {'0' * 32}"):
        load(root, md5={**md5, _NAMES[1]: "0" * 32})


@pytest.mark.parametrize("kept", [0, 15, 16, 200])
def test_a_truncated_file_names_both_byte_counts(root, md5, kept):
    path = root / "MNIST" / "raw" / _NAMES[0]
    path.write_bytes(path.read_bytes()[:kept])
    expected = 16 if kept < 16 else 16 + 12 * 4 * 5
    with pytest.raises(DataError, match=rf"{path}.*expected (at least )?{expected} bytes, found {kept}\."):
        load(root, md5=md5)


def test_bytes_beyond_the_end_and_a_file_of_labels_are_refused(random_levels):
    with pytest.raises(DataError, match="expected 36 bytes, found 37"):
        read_idx_images(_idx(random_levels(5, 2, 2)) + b"\0", "x")
    with pytest.raises(DataError, match="expected magic 2051, found 2049"):
        read_idx_images(struct.pack(">4I", 2049, 1, 1, 1) + b"\0", "x")


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: b"no gzip", lambda packed: b""])
def test_a_damaged_archive_is_a_data_error(root, md5, damage):
    path = root / "MNIST" / "raw" / _NAMES[0]
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_name(f"{path.name}.gz").write_bytes(damage(packed))
    with pytest.raises(DataError, match=r"\.gz (cannot be unpacked|is truncated)"):
        load(root, md5=md5)


def test_present_files_are_not_downloaded_again(root, md5, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.MNIST", lambda *a, **k: pytest.fail("downloaded"))
    assert load(root, download=True, md5=md5, n_train=10).name == "mnist"


def test_a_download_writes_what_is_then_read(tmp_path, images, md5, monkeypatch):
    def fetch(root, download):
        folder = tmp_path / "MNIST" / "raw"
        folder.mkdir(parents=True)
        for name, array in images.items():
            (folder / name).write_bytes(_idx(array))

    monkeypatch.setattr("torchvision.datasets.MNIST", fetch)
    assert load(tmp_path, download=True, md5=md5, n_train=10).checksum == content_checksum(*images.values())


@pytest.mark.real_data
def test_real_mnist_is_the_array_torchvision_reads(real_root):
    from torchvision.datasets import MNIST

    data = load_dataset("mnist", real_root)
    (split,) = data.splits
    assert (len(split.train), len(split.valid), len(split.test)) == (50_000, 10_000, 10_000)
    train = MNIST(str(real_root), train=True).data.numpy()
    test = MNIST(str(real_root), train=False).data.numpy()
    np.testing.assert_array_equal(np.rint(split.train * 255), train[:50_000])
    np.testing.assert_array_equal(np.rint(split.valid * 255), train[50_000:])
    np.testing.assert_array_equal(np.rint(split.test * 255), test)
    assert data.checksum == content_checksum(train, test)
