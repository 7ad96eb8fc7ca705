"""MNIST, read from its IDX files in the layout that torchvision uses.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to Document Recognition (1998).
The cut of the training images into 50,000 and 10,000 is that of Goodfellow et al. 2014 (their pylearn2 configuration).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import unit_interval
from ganbench.datasets._sources import fetch_file, find_file, first_existing, read_bytes
from ganbench.datasets.base import Dataset, Split, content_checksum
from ganbench.errors import DataError

__all__ = ["find", "load", "read_idx_images", "read_idx_labels"]

_TRAIN, _TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"
_TRAIN_LABELS, _TEST_LABELS = "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"
_MD5 = {
    _TRAIN: "6bbc9ace898e44ae57da46a324031adb",
    _TEST: "2646ac647ad5339dbf082846283269ea",
    _TRAIN_LABELS: "a25bea736e30d166cdddb491f175f624",
    _TEST_LABELS: "27ae3e4e09519cfbb04c329615203637",
}
_PACKED_MD5 = {
    _TRAIN: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    _TEST: "9fb629c4189551a2d022fa330f9573f3",
    _TRAIN_LABELS: "d53e105ee54ea40749a09fcbcd1e9432",
    _TEST_LABELS: "ec29112dd5afa0611ce80d1b7f02629c",
}
_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
_IMAGES_MAGIC, _LABELS_MAGIC = 2051, 2049
_REMEDY = "Pass --download to fetch MNIST, or put its IDX files there (plain or .gz; the labels are optional)."
_FETCH_AGAIN = "Remove it and pass --download to fetch it again."


def find(root: Path) -> Path | None:
    """The file of training images that `load` would read, where that of the test images is there too."""
    found = [first_existing(_candidates(root, name)) for name in (_TRAIN, _TEST)]
    return found[0] if None not in found else None


def load(root: Path, *, download: bool = False, md5: Mapping[str, str] = _MD5, n_train: int = 50_000) -> Dataset:
    """Read MNIST from `root/MNIST/raw`, `root/raw` or `root`: images `[28, 28]`, grey levels divided by 255.

    Train is the first 50,000 training images, valid the last 10,000 of them, test the 10,000 test images. Labels are
    the digits, where their files are there.

    Args:
        root: The folder of the data.
        download: Fetch the files into `root/MNIST/raw` if images are missing.
        md5: What the uncompressed files must hash to.
        n_train: How many of the training images are trained on; the rest is for validation.

    Raises:
        MissingDataError: A file of images is missing, or the download failed.
        DataError: A file is truncated, not an IDX file, or does not have the known md5.
    """
    if download and find(root) is None:
        _download(root)
    images, test = (
        _read(find_file("mnist", _candidates(root, name), _REMEDY), read_idx_images, md5[name])
        for name in (_TRAIN, _TEST)
    )
    labels, test_labels = (_read_labels(root, name, md5[name]) for name in (_TRAIN_LABELS, _TEST_LABELS))
    pixels = unit_interval(images)
    split = Split(
        "standard",
        train=pixels[:n_train],
        valid=pixels[n_train:],
        test=unit_interval(test),
        train_labels=None if labels is None else labels[:n_train],
        valid_labels=None if labels is None else labels[n_train:],
        test_labels=test_labels,
    )
    return Dataset(
        name="mnist",
        event_shape=images.shape[1:],
        value_range=(0.0, 1.0),
        checksum=content_checksum(images, test),
        splits=(split,),
        notes="Train is the first 50,000 training images, valid the other 10,000; real-valued, not binarised.",
    )


def read_idx_images(content: bytes, where: str) -> np.ndarray:
    """The images of an IDX file: big-endian magic 2051, count, rows, columns, then one byte a pixel.

    Returns:
        uint8 `[count, rows, columns]`.

    Raises:
        DataError: The magic number is another, or the number of bytes is not the one that the header announces.
    """
    return _read_idx(content, where, _IMAGES_MAGIC, "images")


def read_idx_labels(content: bytes, where: str) -> np.ndarray:
    """The labels of an IDX file, as for `read_idx_images`, with magic 2049: uint8 `[count]`."""
    return _read_idx(content, where, _LABELS_MAGIC, "labels")


def _read_idx(content: bytes, where: str, expected_magic: int, kind: str) -> np.ndarray:
    n_axes = expected_magic % 256  # the last byte of the magic number
    header = struct.Struct(f">{1 + n_axes}I")
    if len(content) < header.size:
        raise DataError(f"{where} is truncated: expected at least {header.size} bytes, found {len(content)}.")
    magic, *shape = header.unpack_from(content)
    if magic != expected_magic:
        raise DataError(f"{where} is not an IDX file of {kind}: expected magic {expected_magic}, found {magic}.")
    expected = header.size + math.prod(shape)
    if len(content) != expected:
        raise DataError(f"{where} is truncated or damaged: expected {expected} bytes, found {len(content)}.")
    return np.frombuffer(content, np.uint8, offset=header.size).reshape(shape)


def _candidates(root: Path, name: str) -> list[Path]:
    """Below the folder of the data as torchvision has it; or that folder is `MNIST` or `MNIST/raw` itself."""
    return [folder / f"{name}{end}" for folder in (root / "MNIST" / "raw", root / "raw", root) for end in ("", ".gz")]


def _read(path: Path, parse: Callable[[bytes, str], np.ndarray], expected_md5: str) -> np.ndarray:
    content = _unpacked(path)
    array = parse(content, str(path))
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected_md5:
        raise DataError(f"{path} is not the known file: expected md5 {expected_md5}, found {found}. {_FETCH_AGAIN}")
    return array


def _read_labels(root: Path, name: str, expected_md5: str) -> np.ndarray | None:
    path = first_existing(_candidates(root, name))
    return None if path is None else _read(path, read_idx_labels, expected_md5).astype(np.int64)


def _unpacked(path: Path) -> bytes:
    content = read_bytes(path)
    try:
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked: {error}. {_FETCH_AGAIN}") from error


def _download(root: Path) -> None:
    for name, known in _PACKED_MD5.items():
        if first_existing(_candidates(root, name)) is None:
            urls = [f"{mirror}{name}.gz" for mirror in _MIRRORS]
            fetch_file("mnist", urls, f"md5:{known}", root / "MNIST" / "raw" / f"{name}.gz")
