"""The Olivetti faces: 40 persons, ten 64x64 grey images each.

Source: F. Samaria and A. Harter, Parameterisation of a Stochastic Model for Human Face Identification (1994), taken at
AT&T Laboratories Cambridge; the 64x64 version is by S. Roweis.
"""

from __future__ import annotations

import pickle
import zlib
from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import class_labels, grey_levels, read_arrays, unit_interval
from ganbench.datasets._folds import stratified_splits
from ganbench.datasets._sources import downloading, find_file, first_existing
from ganbench.datasets.base import Dataset, content_checksum
from ganbench.errors import DataError

__all__ = ["load"]

_EVENT_SHAPE = (64, 64)
_N_PERSONS, _N_EACH = 40, 10
# scikit-learn subtracts the smallest grey level and divides by the largest that is left, which is this one.
_LARGEST_LEVEL = 242
_CACHE = "olivetti_py3.pkz"
# What joblib and pickle raise on a damaged or foreign cache.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    AttributeError,
    ImportError,
    pickle.UnpicklingError,
    zlib.error,
)
_REMEDY = "Pass --download to fetch the faces with scikit-learn, or put olivetti.npz (images, labels) there."


def load(root: Path, *, download: bool = False) -> Dataset:
    """Read the faces from `olivetti.npz` or from scikit-learn's cache `olivetti_py3.pkz`: `[64, 64]`, levels / 255.

    The archive holds the grey levels 0..242 as uint8. scikit-learn divides the same levels by 242; they are multiplied
    back and rounded, so both sources give the same images and checksum (and scikit-learn's own values are 255 / 242
    times ours). Five folds by person, two images of each in a part: fold k tests on part k, validates on part k + 1
    (mod 5) and trains on the other six of each person.

    Args:
        root: The folder of the data.
        download: Fetch the faces with scikit-learn if they are missing.

    Raises:
        DataError: The faces are missing, unreadable, or not 40 persons with ten images each.
    """
    candidates = (root / "olivetti.npz", root / _CACHE)
    if download and first_existing(candidates) is None:
        _fetch(root)
    path = find_file("olivetti", candidates, _REMEDY)
    levels, persons = _read_npz(path) if path.suffix == ".npz" else _read_cache(path)
    _check_persons(levels, persons, path)
    return Dataset(
        name="olivetti",
        event_shape=_EVENT_SHAPE,
        value_range=(0.0, 1.0),
        checksum=content_checksum(levels, persons),
        splits=stratified_splits(unit_interval(levels), persons),
        notes="Five folds of ours, stratified by person: every person is in train, valid and test of each fold.",
    )


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    images, persons = read_arrays(path, ("images", "labels")).values()
    return grey_levels(images, f"{path}, array 'images'", _EVENT_SHAPE), class_labels(
        persons, f"{path}, array 'labels'"
    )


def _read_cache(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import fetch_olivetti_faces

    try:
        faces = fetch_olivetti_faces(data_home=path.parent, download_if_missing=False)
    except _UNREADABLE as error:
        raise DataError(f"{path} cannot be read by scikit-learn: {error}. Remove it and pass --download.") from error
    scaled = faces.images * np.float32(_LARGEST_LEVEL)
    levels = np.rint(scaled)
    if np.abs(scaled - levels).max() > 0.01:
        raise DataError(f"{path}: the values are not multiples of 1/{_LARGEST_LEVEL}; these are not the known faces.")
    return levels.astype(np.uint8), faces.target.astype(np.uint8)


def _check_persons(levels: np.ndarray, persons: np.ndarray, path: Path) -> None:
    counts = np.unique(persons, return_counts=True)[1]
    if len(levels) != len(persons) or counts.tolist() != [_N_EACH] * _N_PERSONS:
        found = f"{len(levels)} images and {len(persons)} labels of {len(counts)} persons"
        raise DataError(f"{path}: expected {_N_EACH} images of each of {_N_PERSONS} persons, found {found}.")


def _fetch(root: Path) -> None:
    with downloading("olivetti", root):
        from sklearn.datasets import fetch_olivetti_faces

        fetch_olivetti_faces(data_home=root)
