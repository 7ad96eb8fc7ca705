"""MNIST, read from its IDX files in the layout that torchvision uses.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to Document Recognition (1998).
The cut of the training images into 50,000 and 10,000 is that of Goodfellow et al. 2014 (their pylearn2 configuration).
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import unit_interval
from ganbench.datasets._sources import downloading, find_file, first_existing, read_bytes
from ganbench.datasets.base import Dataset, Split, content_checksum
from ganbench.errors import DataError

__all__ = ["load", "read_idx_images"]

_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
}
_HEADER = struct.Struct(">4I")
_IMAGES_MAGIC = 2051
_REMEDY = "Pass --download to fetch MNIST with torchvision, or put the IDX files (plain or .gz) there."


def load(root: Path, *, download: bool = False, md5: Mapping[str, str] = _MD5, n_train: int = 50_000) -> Dataset:
    """Read MNIST from `root/MNIST/raw`: images `[28, 28]`, grey levels divided by 255.

    Train is the first 50,000 training images, valid the last 10,000 of them, test the 10,000 test images.

    Args:
        root: The folder of the data.
        download: Fetch the files with torchvision if they are missing.
        md5: What the uncompressed image files (train, then test) must hash to.
        n_train: How many of the training images are trained on; the rest is for validation.

    Raises:
        DataError: A file is missing, truncated, not an IDX file of images, or does not have the known md5.
    """
    folder = root / "MNIST" / "raw"
    if download and not all(first_existing(_candidates(folder, name)) for name in md5):
        _download(root)
    images, test = (_read_verified(find_file("mnist", _candidates(folder, n), _REMEDY), md5[n]) for n in md5)
    pixels = unit_interval(images)
    return Dataset(
        name="mnist",
        event_shape=images.shape[1:],
        value_range=(0.0, 1.0),
        checksum=content_checksum(images, test),
        splits=(Split("standard", train=pixels[:n_train], valid=pixels[n_train:], test=unit_interval(test)),),
        notes="Train is the first 50,000 training images, valid the other 10,000; real-valued, not binarised.",
    )


def read_idx_images(content: bytes, where: str) -> np.ndarray:
    """The images of an IDX file: big-endian magic 2051, count, rows, columns, then one byte a pixel.

    Returns:
        uint8 `[count, rows, columns]`.

    Raises:
        DataError: The magic number is another, or the number of bytes is not the one that the header announces.
    """
    if len(content) < _HEADER.size:
        raise DataError(f"{where} is truncated: expected at least {_HEADER.size} bytes, found {len(content)}.")
    magic, *shape = _HEADER.unpack_from(content)
    if magic != _IMAGES_MAGIC:
        raise DataError(f"{where} is not an IDX file of images: expected magic {_IMAGES_MAGIC}, found {magic}.")
    expected = _HEADER.size + shape[0] * shape[1] * shape[2]
    if len(content) != expected:
        raise DataError(f"{where} is truncated or damaged: expected {expected} bytes, found {len(content)}.")
    return np.frombuffer(content, np.uint8, offset=_HEADER.size).reshape(shape)


def _candidates(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / name, folder / f"{name}.gz"


def _read_verified(path: Path, expected_md5: str) -> np.ndarray:
    content = _unpacked(path)
    images = read_idx_images(content, str(path))
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected_md5:
        raise DataError(f"{path} is not the known file: expected md5 {expected_md5}, found {found}. Fetch it again.")
    return images


def _unpacked(path: Path) -> bytes:
    content = read_bytes(path)
    try:
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked: {error}. Fetch it again.") from error


def _download(root: Path) -> None:
    with downloading("mnist", root):
        from torchvision.datasets import MNIST

        MNIST(str(root), download=True)
