"""CIFAR-10 with the contrast normalisation of Goodfellow et al. 2014, read from torchvision's python batches.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009). Cut and normalisation (train
0..40,000, valid 40,000..50,000, global contrast normalisation to norm 55) are those of the paper's configuration files
and pylearn2.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
import warnings
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.datasets._sources import fetch_file, find_file, first_existing, read_bytes
from ganbench.datasets.base import Dataset, Split, content_checksum
from ganbench.errors import DataError

__all__ = ["find", "global_contrast_normalise", "load"]

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
_FOLDER, _ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
_ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
_URL = f"https://www.cs.toronto.edu/~kriz/{_ARCHIVE}"
_PICKLED = {
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}
_REMEDY = f"Pass --download to fetch CIFAR-10, or put its python batches, or {_ARCHIVE}, there."
_FETCH_AGAIN = "Remove it and pass --download to fetch it again."


def find(root: Path, names: Collection[str] = tuple(_MD5)) -> Path | None:
    """The folder of the batches, or the archive of them, that `load` would read."""
    folders = (root / _FOLDER, root)
    found = next((folder for folder in folders if all(os.path.isfile(folder / name) for name in names)), None)
    return found or first_existing([root / _ARCHIVE])


def load(root: Path, *, download: bool = False, md5: Mapping[str, str] = _MD5, n_train: int = 40_000) -> Dataset:
    """Read CIFAR-10: images `[3, 32, 32]`, each of mean 0 and norm 55, with labels 0..9.

    The batches are read from `root/cifar-10-batches-py`, from `root`, or out of `root/cifar-10-python.tar.gz`. Train is
    the first 40,000 training images, valid the other 10,000, test the 10,000 test images.

    Args:
        root: The folder of the data.
        download: Fetch the archive of the batches if they are missing.
        md5: The batches, in the order of their images, and what each must hash to (checked before unpickling).
        n_train: How many of the training images are trained on; the rest is for validation.

    Raises:
        MissingDataError: A batch is missing, or the download failed.
        DataError: A batch does not have the known md5, or does not hold images.
    """
    if download and find(root, md5) is None:
        fetch_file("cifar10", [_URL], f"md5:{_ARCHIVE_MD5}", root / _ARCHIVE)
    batches = {name: _parse(*batch) for name, batch in _read(root, md5).items()}
    test, test_labels = batches.pop(_TEST_BATCH)
    train = np.concatenate([images for images, _ in batches.values()])
    labels = np.concatenate([labels for _, labels in batches.values()])
    images = global_contrast_normalise(train)
    split = Split(
        "standard",
        train=images[:n_train],
        valid=images[n_train:],
        test=global_contrast_normalise(test),
        train_labels=labels[:n_train],
        valid_labels=labels[n_train:],
        test_labels=test_labels,
    )
    return Dataset(
        name="cifar10",
        event_shape=_EVENT_SHAPE,
        value_range=(-_NORM, _NORM),
        checksum=content_checksum(train, test),
        splits=(split,),
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


def _read(root: Path, md5: Mapping[str, str]) -> dict[str, tuple[bytes, str]]:
    """The content of each batch, and what to call it in errors, once it is known to be what it should be."""
    place = find(root, md5)
    if place is None or place.is_dir():
        paths = {name: find_file("cifar10", [root / _FOLDER / name, root / name], _REMEDY) for name in md5}
        contents = {name: (read_bytes(path), str(path)) for name, path in paths.items()}
    else:
        contents = _unpacked(place, md5)
    for name, (content, where) in contents.items():
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != md5[name]:  # before unpickling, which could run foreign code
            size = f"{len(content)} bytes"
            expected = f"expected md5 {md5[name]}, found {found}"
            raise DataError(f"{where} ({size}) is not the known file: {expected}. {_FETCH_AGAIN}")
    return contents


def _unpacked(path: Path, names: Collection[str]) -> dict[str, tuple[bytes, str]]:
    contents = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                file = archive.extractfile(member) if name in names else None  # None, too, for what is no file
                if file is not None:
                    contents[name] = (file.read(), f"{path}, {member.name}")
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}. {_FETCH_AGAIN}") from error
    missing = [name for name in names if name not in contents]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}. {_FETCH_AGAIN}")
    return {name: contents[name] for name in names}


def _parse(content: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Images `[n, 3, 32, 32]` uint8 and labels `[n]` of a batch."""
    try:
        batch = _unpickle(content)
        data, labels = np.asarray(batch[b"data"]), np.array(batch[b"labels"], np.int64)
    except (pickle.UnpicklingError, ValueError, TypeError, LookupError, EOFError, AttributeError) as error:
        raise DataError(f"{where} is no batch of CIFAR-10: {error}. {_FETCH_AGAIN}") from error
    if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != _N_VALUES:
        raise DataError(f"{where}: expected uint8 rows of {_N_VALUES} values, found {data.dtype} {data.shape}.")
    return data.reshape(-1, *_EVENT_SHAPE), labels


class _Arrays(pickle.Unpickler):
    """An unpickler of arrays, byte strings and lists, which imports and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _PICKLED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}, which no batch needs")
        return super().find_class(module, name)


def _unpickle(content: bytes) -> dict[bytes, Any]:
    with warnings.catch_warnings():
        # NumPy 2.4.0 to 2.4.4 warn of the 0 and 1 that Python 2 wrote for the flags of a pickled dtype.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        return _Arrays(io.BytesIO(content), encoding="bytes").load()
