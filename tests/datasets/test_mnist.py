"""IDX files: the format, the checks, and the real ones."""

from __future__ import annotations

import gzip
import hashlib
import struct

import numpy as np
import pytest

from ganbench.datasets import load_dataset
from ganbench.datasets.base import content_checksum
from ganbench.datasets.mnist import load, read_idx_images, read_idx_labels
from ganbench.errors import DataError

_NAMES = ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")
_LABELS = ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte")


def _idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 2048 + array.ndim, *array.shape) + array.tobytes()


def _write(folder, arrays):
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        (folder / name).write_bytes(_idx(array))


@pytest.fixture
def images(random_levels) -> dict[str, np.ndarray]:
    return {_NAMES[0]: random_levels(12, 4, 5), _NAMES[1]: random_levels(3, 4, 5)}


@pytest.fixture
def labels(rng) -> dict[str, np.ndarray]:
    return {_LABELS[0]: rng.permutation(12).astype(np.uint8), _LABELS[1]: np.array([7, 0, 9], np.uint8)}


@pytest.fixture
def md5(images, labels) -> dict[str, str]:
    return {name: hashlib.md5(_idx(array)).hexdigest() for name, array in (images | labels).items()}


@pytest.fixture
def root(tmp_path, images):
    _write(tmp_path / "MNIST" / "raw", images)
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


def test_labels_are_read_where_they_are_and_change_no_checksum(root, images, labels, md5):
    (without,) = load(root, md5=md5, n_train=10).splits
    assert (without.train_labels, without.valid_labels, without.test_labels) == (None, None, None)
    for name, array in labels.items():
        (root / "MNIST" / "raw" / name).write_bytes(_idx(array))
    data = load(root, md5=md5, n_train=10)
    (split,) = data.splits
    assert split.train_labels.tolist() == labels[_LABELS[0]][:10].tolist()
    assert split.valid_labels.tolist() == labels[_LABELS[0]][10:].tolist()
    assert split.test_labels.tolist() == [7, 0, 9]
    assert data.checksum == content_checksum(*images.values())
    assert split.train_checksum == without.train_checksum


@pytest.mark.parametrize("folder", ["MNIST/raw", "raw", "."])
@pytest.mark.parametrize("packed", [False, True])
def test_the_folder_may_be_given_itself_and_files_may_lie_bare(tmp_path, images, labels, md5, folder, packed):
    _write(tmp_path / "data" / folder, images | labels)
    if packed:
        for path in list((tmp_path / "data" / folder).iterdir()):
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    data = load(tmp_path / "data", md5=md5, n_train=10)
    assert data.checksum == content_checksum(*images.values())
    assert data.splits[0].test_labels.tolist() == [7, 0, 9]


def test_damaged_labels_are_refused(root, labels, md5):
    path = root / "MNIST" / "raw" / _LABELS[1]
    path.write_bytes(_idx(labels[_LABELS[1]])[:-1])
    with pytest.raises(DataError, match=f"{path} is truncated or damaged: expected 11 bytes, found 10"):
        load(root, md5=md5)
    path.write_bytes(_idx(labels[_LABELS[1]][::-1]))
    with pytest.raises(DataError, match=f"{path} is not the known file: expected md5.*--download"):
        load(root, md5=md5)


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
    with pytest.raises(DataError, match="IDX file of labels: expected magic 2049, found 2051"):
        read_idx_labels(_idx(random_levels(5, 2, 2)), "x")


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: b"no gzip", lambda packed: b""])
def test_a_damaged_archive_is_a_data_error(root, md5, damage):
    path = root / "MNIST" / "raw" / _NAMES[0]
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_name(f"{path.name}.gz").write_bytes(damage(packed))
    with pytest.raises(DataError, match=r"\.gz (cannot be unpacked|is truncated)"):
        load(root, md5=md5)


def test_present_files_are_not_downloaded_again(root, md5, monkeypatch):
    monkeypatch.setattr("pooch.retrieve", lambda *a, **k: pytest.fail("downloaded"))
    assert load(root, download=True, md5=md5, n_train=10).name == "mnist"


def test_a_download_fetches_the_four_files_and_they_are_then_read(tmp_path, served, images, labels, md5, monkeypatch):
    folder, address = served
    packed = {name: gzip.compress(_idx(array)) for name, array in (images | labels).items()}
    for name, content in packed.items():
        (folder / f"{name}.gz").write_bytes(content)
    monkeypatch.setattr("ganbench.datasets.mnist._MIRRORS", (f"{address}absent/", address))
    known = {name: hashlib.md5(content).hexdigest() for name, content in packed.items()}
    monkeypatch.setattr("ganbench.datasets.mnist._PACKED_MD5", known)
    data = load(tmp_path, download=True, md5=md5, n_train=10)
    assert data.checksum == content_checksum(*images.values())
    assert data.splits[0].test_labels.tolist() == [7, 0, 9]
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(f"{n}.gz" for n in packed)


def test_the_known_files_and_mirrors_are_those_of_torchvision():
    from torchvision.datasets import MNIST

    from ganbench.datasets.mnist import _MIRRORS, _PACKED_MD5

    assert {f"{name}.gz": known for name, known in _PACKED_MD5.items()} == dict(MNIST.resources)
    assert list(_MIRRORS) == MNIST.mirrors


@pytest.mark.real_data
def test_real_mnist_is_the_array_torchvision_reads(real_root):
    from torchvision.datasets import MNIST

    data = load_dataset("mnist", real_root)
    (split,) = data.splits
    assert (len(split.train), len(split.valid), len(split.test)) == (50_000, 10_000, 10_000)
    source, test_source = (MNIST(str(real_root), train=part) for part in (True, False))
    train, test = source.data.numpy(), test_source.data.numpy()
    assert np.array_equal(np.concatenate([split.train_labels, split.valid_labels]), source.targets)
    assert np.array_equal(split.test_labels, test_source.targets)
    np.testing.assert_array_equal(np.rint(split.train * 255), train[:50_000])
    np.testing.assert_array_equal(np.rint(split.valid * 255), train[50_000:])
    np.testing.assert_array_equal(np.rint(split.test * 255), test)
    assert data.checksum == content_checksum(train, test)
    assert load(real_root / "MNIST" / "raw").checksum == data.checksum
