"""CIFAR-10 with the contrast normalisation of Goodfellow et al. 2014, read from torchvision's python batches.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009). Cut and normalisation (train
0..40,000, valid 40,000..50,000, global contrast normalisation to norm 55) are those of the paper's configuration files
and pylearn2.
"""

from __future__ import annotations

import hashlib
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.datasets._sources import downloading, find_file, first_existing, read_bytes
from ganbench.datasets.base import Dataset, Split, content_checksum
from ganbench.errors import DataError

__all__ = ["global_contrast_normalise", "load"]

_EVENT_SHAPE = (3, 32, 32)
_N_VALUES = 3 * 32 * 32
_NORM = 55.0
_CHUNK = 2_000
_TEST_BATCH = "test_batch"
_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    _TEST_BATCH: "40351d587109b95175f43aff81a1287e",
}
_REMEDY = "Pass --download to fetch CIFAR-10 with torchvision, or put its python batches there."


def load(root: Path, *, download: bool = False, md5: Mapping[str, str] = _MD5, n_train: int = 40_000) -> Dataset:
    """Read CIFAR-10 from `root/cifar-10-batches-py`: images `[3, 32, 32]`, each of mean 0 and norm 55.

    Train is the first 40,000 training images, valid the other 10,000, test the 10,000 test images.

    Args:
        root: The folder of the data.
        download: Fetch the batches with torchvision if they are missing.
        md5: The files, in the order of their images, and what each must hash to (checked before unpickling).
        n_train: How many of the training images are trained on; the rest is for validation.

    Raises:
        DataError: A batch is missing, does not have the known md5, or does not hold images.
    """
    paths = {name: root / "cifar-10-batches-py" / name for name in md5}
    if download and not all(first_existing([path]) for path in paths.values()):
        _download(root)
    batches = {name: _read_batch(find_file("cifar10", [path], _REMEDY), md5[name]) for name, path in paths.items()}
    test = batches.pop(_TEST_BATCH)
    train = np.concatenate(list(batches.values()))
    images = global_contrast_normalise(train)
    return Dataset(
        name="cifar10",
        event_shape=_EVENT_SHAPE,
        value_range=(-_NORM, _NORM),
        checksum=content_checksum(train, test),
        splits=(
            Split("standard", train=images[:n_train], valid=images[n_train:], test=global_contrast_normalise(test)),
        ),
        notes="Every image has mean 0 and norm 55 (global contrast normalisation); values are not in [0, 1].",
    )


def global_contrast_normalise(images: np.ndarray, norm: float = _NORM) -> np.ndarray:
    """Subtract from each image its mean, divide by the L2 norm of what is left, multiply by `norm`.

    `y = norm * (x - mean(x)) / ||x - mean(x)||`, over all values of the image; an image of one grey (a norm below
    1e-8) becomes zero. Computed in float64.

    Args:
        images: `[n, ...]` of any numeric type.
        norm: The L2 norm of every image of the result.

    Returns:
        float32 of the same shape.
    """
    result = np.empty(images.shape, np.float32)
    for start in range(0, len(images), _CHUNK):  # in float64 the whole would take gigabytes
        rows = images[start : start + _CHUNK]
        values = rows.reshape(len(rows), -1).astype(np.float64)
        values -= values.mean(1, keepdims=True)
        length = np.linalg.norm(values, axis=1, keepdims=True)
        values *= norm / np.where(length < 1e-8, 1.0, length)
        result[start : start + _CHUNK] = values.reshape(rows.shape)
    return result


def _read_batch(path: Path, expected_md5: str) -> np.ndarray:
    content = read_bytes(path)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected_md5:  # before unpickling, which could run foreign code
        size = f"{len(content)} bytes"
        raise DataError(f"{path} ({size}) is not the known file: expected md5 {expected_md5}, found {found}.")
    data = _unpickle(content)[b"data"]
    if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != _N_VALUES:
        raise DataError(f"{path}: expected uint8 rows of {_N_VALUES} values, found {data.dtype} {data.shape}.")
    return data.reshape(-1, *_EVENT_SHAPE)


def _unpickle(content: bytes) -> dict[bytes, Any]:
    with warnings.catch_warnings():
        # NumPy 2.4.0 to 2.4.4 warn of the 0 and 1 that Python 2 wrote for the flags of a pickled dtype.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        return pickle.loads(content, encoding="bytes")


def _download(root: Path) -> None:
    with downloading("cifar10", root):
        from torchvision.datasets import CIFAR10

        CIFAR10(str(root), download=True)
