"""The Olivetti faces: 40 persons, ten 64x64 grey images each.

Source: F. Samaria and A. Harter, Parameterisation of a Stochastic Model for Human Face Identification (1994), taken at
AT&T Laboratories Cambridge; the 64x64 version is by S. Roweis.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import zlib
from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import class_labels, grey_levels, read_arrays, unit_interval
from ganbench.datasets._folds import stratified_splits
from ganbench.datasets._sources import expanded, fetch_file, find_file, first_existing, read_bytes
from ganbench.datasets.base import Dataset, content_checksum
from ganbench.errors import DataError

__all__ = ["find", "load"]

_EVENT_SHAPE = (64, 64)
_N_PERSONS, _N_EACH = 40, 10
_PERSONS = np.repeat(np.arange(_N_PERSONS, dtype=np.uint8), _N_EACH)
_ARCHIVE, _MATLAB, _CACHE = "olivetti.npz", "olivettifaces.mat", "olivetti_py3.pkz"
_SHA256 = "b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794"
_URL = "https://ndownloader.figshare.com/files/5976027"
_LARGEST_LEVEL = 242
_REMEDY = f"Pass --download to fetch the faces, or put {_MATLAB} or {_ARCHIVE} (images, labels) there."
_FETCH_AGAIN = "Remove it and pass --download to fetch the faces."


def find(root: Path) -> Path | None:
    """The file that `load` would read."""
    return first_existing(_candidates(root))


def load(root: Path, *, download: bool = False, sha256: str = _SHA256) -> Dataset:
    """Read the faces: images `[64, 64]`, grey levels 0..242 divided by 255, labels the persons 0..39.

    They are read from `olivetti.npz` (`images`, `labels`), from `olivettifaces.mat` or from scikit-learn's cache
    `olivetti_py3.pkz` in the folder of the data, or from the latter in scikit-learn's own folder. All give the same
    images and checksum; scikit-learn's own values are 255 / 242 times ours. Five folds by person, two images of each in
    a part: fold k tests on part k, validates on part k + 1 (mod 5) and trains on the other six of each person.

    Args:
        root: The folder of the data.
        download: Fetch `olivettifaces.mat` if the faces are missing.
        sha256: What `olivettifaces.mat` must hash to.

    Raises:
        MissingDataError: The faces are missing, or the download failed.
        DataError: They are unreadable, or not 40 persons with ten images each.
    """
    if download and find(root) is None:
        fetch_file("olivetti", [_URL], f"sha256:{sha256}", root / _MATLAB)
    path = find_file("olivetti", _candidates(root), _REMEDY)
    if path.suffix == ".npz":
        levels, persons = _read_npz(path)
    else:
        content = _read_matlab(path, sha256) if path.suffix == ".mat" else _read_cache(path)
        levels, persons = _from_rows(content, path), _PERSONS
    _check_persons(levels, persons, path)
    return Dataset(
        name="olivetti",
        event_shape=_EVENT_SHAPE,
        value_range=(0.0, 1.0),
        checksum=content_checksum(levels, persons),
        splits=stratified_splits(unit_interval(levels), persons),
        notes="Five folds of ours, stratified by person: every person is in train, valid and test of each fold.",
    )


def _candidates(root: Path) -> list[Path]:
    of_sklearn = expanded(os.environ.get("SCIKIT_LEARN_DATA") or "~/scikit_learn_data")
    return [*(root / name for name in (_ARCHIVE, _MATLAB, _CACHE)), of_sklearn / _CACHE]


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    images, persons = read_arrays(path, ("images", "labels")).values()
    return grey_levels(images, f"{path}, array 'images'", _EVENT_SHAPE), class_labels(
        persons, f"{path}, array 'labels'"
    )


def _read_matlab(path: Path, expected: str) -> np.ndarray:
    from scipy.io import loadmat

    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise DataError(f"{path} is not the known file: expected sha256 {expected}, found {found}. {_FETCH_AGAIN}")
    return loadmat(io.BytesIO(content))["faces"].T


def _read_cache(path: Path) -> np.ndarray:
    """The rows that joblib wrote into scikit-learn's cache, without unpickling, which could run foreign code.

    The file is a compressed pickle of one array: a header, the bytes of the array as they are, and the mark of the end.
    """
    n_bytes = math.prod(_EVENT_SHAPE) * len(_PERSONS)
    try:
        content = zlib.decompressobj().decompress(read_bytes(path), 2 * n_bytes)
    except zlib.error as error:
        raise DataError(f"{path} cannot be read: {error}. {_FETCH_AGAIN}") from error
    header, rows, end = content[: -n_bytes - 1], content[-n_bytes - 1 : -1], content[-1:]
    if not (b"NumpyArrayWrapper" in header and b"u1" in header and len(header) < 1000 and end == b"."):
        raise DataError(f"{path} cannot be read: it is not scikit-learn's cache of the faces. {_FETCH_AGAIN}")
    return np.frombuffer(rows, np.uint8).reshape(len(_PERSONS), -1)


def _from_rows(rows: np.ndarray, path: Path) -> np.ndarray:
    """The levels `[400, 64, 64]` from one row an image, columns first, as MATLAB has them."""
    levels = rows - rows.min()
    if levels.max() != _LARGEST_LEVEL:
        raise DataError(
            f"{path}: expected {_LARGEST_LEVEL + 1} grey levels, found {levels.max() + 1}; not the known faces."
        )
    return np.ascontiguousarray(levels.reshape(-1, *_EVENT_SHAPE).transpose(0, 2, 1), dtype=np.uint8)


def _check_persons(levels: np.ndarray, persons: np.ndarray, path: Path) -> None:
    counts = np.unique(persons, return_counts=True)[1]
    if len(levels) != len(persons) or counts.tolist() != [_N_EACH] * _N_PERSONS:
        found = f"{len(levels)} images and {len(persons)} labels of {len(counts)} persons"
        raise DataError(f"{path}: expected {_N_EACH} images of each of {_N_PERSONS} persons, found {found}.")
