"""Data of the user's own: arrays in a `.npy` or `.npz` file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import ARRAY_SUFFIXES, read_numeric_arrays
from ganbench.datasets._sources import expanded
from ganbench.datasets.base import ROLES, Dataset
from ganbench.errors import DataError

__all__ = ["is_array_file", "load", "read_array_file"]

_LABELS = tuple(f"{role}_labels" for role in ROLES)
_NAMES = (*ROLES, *_LABELS, "images", "labels")
_FORMS = (
    "Name the arrays train, valid and test (and train_labels, valid_labels, test_labels, where there are labels), or "
    "name the one that holds all images 'images' (and its labels 'labels')"
)


def is_array_file(spec: str | Path) -> bool:
    """Whether a spec names an array file, by its suffix alone."""
    return Path(spec).suffix.lower() in ARRAY_SUFFIXES


def read_array_file(path: str | Path, needed: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The arrays of real numbers in a `.npy` or `.npz` file by name; that of a `.npy` file is named `arr_0`.

    They are in native byte order; bfloat16 becomes float32 and longdouble float64. What else an archive holds (texts,
    objects, files that are no arrays) is left out.

    Args:
        path: The file.
        needed: Names that stand for numbers: where the file has them, they are never left out.

    Raises:
        DataError: The file is missing, of another kind, damaged, holds no real numbers, or one of `needed` is none.
    """
    path = expanded(path)
    if not is_array_file(path):
        raise DataError(f"{path}: expected a file that ends in .npy or .npz.")
    return read_numeric_arrays(path, needed)


def load(path: str | Path) -> Dataset:
    """Read a data set from a file of the user's, by `Dataset.from_arrays`; its name is the stem of the file.

    An archive with the arrays `train`, `valid` and `test` (and `train_labels`, ...) is one split as it stands. In any
    other, `images` or the only array of two or more dimensions is shuffled and cut in 80, 10 and 10 percent, and
    `labels` or the only vector of as many whole numbers is its labels. The notes name the arrays that were not read.

    Raises:
        DataError: The file cannot be read, its arrays are named otherwise, or values or shapes are not as
            `Dataset.from_arrays` takes them.
    """
    path = expanded(path)
    arrays = read_array_file(path, _NAMES)
    chosen = _named_parts(arrays) or _single_array(arrays, path)
    unread = sorted(set(arrays) - set(chosen.values()))
    notes = f"Not read: {', '.join(unread)}." if unread else ""
    try:
        return Dataset.from_arrays(**{role: arrays[name] for role, name in chosen.items()}, name=path.stem, notes=notes)
    except DataError as error:
        raise DataError(f"{path}, {error}") from error


def _named_parts(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """The arguments of `Dataset.from_arrays` and the arrays for them, where all three parts are named."""
    return {name: name for name in (*ROLES, *_LABELS) if name in arrays} if set(ROLES) <= set(arrays) else {}


def _single_array(arrays: Mapping[str, np.ndarray], path: Path) -> dict[str, str]:
    """The array of images, and that of labels where there is one, by name or by being the only such array."""
    many = [name for name, array in arrays.items() if array.ndim >= 2] or list(arrays)
    images = "images" if "images" in arrays else many[0]
    if images != "images" and len(many) > 1:
        raise DataError(f"{path}: which arrays are the images? {_FORMS}; found {_described(arrays, many)}.")
    n = len(arrays[images]) if arrays[images].ndim else 0
    vectors = [
        name for name, array in arrays.items() if name != images and array.shape == (n,) and array.dtype.kind in "iu"
    ]
    labels = ["labels"] if "labels" in arrays and images != "labels" else vectors
    if len(labels) > 1:
        raise DataError(f"{path}: which array holds the labels? Name it 'labels'; found {_described(arrays, labels)}.")
    return {"images": images} | ({"labels": labels[0]} if labels else {})


def _described(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {arrays[name].shape}" for name in sorted(names))
