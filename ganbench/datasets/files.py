"""Data of the user's own: arrays in a `.npy` or `.npz` file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import ARRAY_SUFFIXES, read_arrays, unit_interval
from ganbench.datasets.base import Dataset, Split, content_checksum
from ganbench.errors import DataError

__all__ = ["is_array_file", "load", "read_array_file"]

_ROLES = ("train", "valid", "test")
_SHUFFLE_SEED = 0
_SMALLEST = 10


def is_array_file(spec: str | Path) -> bool:
    """Whether a spec names an array file, by its suffix alone."""
    return Path(spec).suffix.lower() in ARRAY_SUFFIXES


def read_array_file(path: str | Path) -> dict[str, np.ndarray]:
    """All arrays of a `.npy` or `.npz` file by name, as they are stored; that of a `.npy` file is named `arr_0`.

    Raises:
        DataError: The file is missing, of another kind, damaged, empty, or holds something else than real numbers.
    """
    path = Path(path).expanduser()
    if not is_array_file(path):
        raise DataError(f"{path}: expected a file that ends in .npy or .npz.")
    arrays = read_arrays(path)
    if not arrays:
        raise DataError(f"{path} holds no arrays. Write one with numpy.savez.")
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise DataError(f"{path}, array {name!r}: expected real numbers, found dtype {array.dtype}.")
    return arrays


def load(path: str | Path) -> Dataset:
    """Read a data set from a file of the user's; its name is the stem of the file.

    An archive with the arrays `train`, `valid` and `test` is one split as it stands. A single array is shuffled
    (NumPy's `default_rng(0)`) and cut in 80, 10 and 10 percent. Arrays are `[n, *event_shape]`; uint8 is read as grey
    levels 0..255 and divided by 255, floating point must already lie in [0, 1].

    Raises:
        DataError: The file cannot be read, its arrays are named otherwise, or values or shapes are not as above.
    """
    path = Path(path).expanduser()
    arrays = read_array_file(path)
    parts = arrays if set(arrays) == set(_ROLES) else _cut(_single(arrays, path), path)
    images = {role: _to_unit_interval(parts[role], f"{path}, {role}") for role in _ROLES}
    return Dataset(
        name=path.stem,
        event_shape=images["train"].shape[1:],
        value_range=(0.0, 1.0),
        checksum=content_checksum(*(parts[role] for role in _ROLES)),
        splits=(Split("standard", **images),),
        notes="" if parts is arrays else "One array, shuffled with a fixed seed and cut in 80, 10 and 10 percent.",
    )


def _single(arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
    if len(arrays) != 1:
        expected = "the arrays train, valid and test, or one single array"
        raise DataError(f"{path}: expected {expected}; found {sorted(arrays)}. Rename or remove arrays.")
    return next(iter(arrays.values()))


def _cut(array: np.ndarray, path: Path) -> dict[str, np.ndarray]:
    n = array.shape[0] if array.ndim else 0
    if n < _SMALLEST:
        raise DataError(f"{path}: a cut in 80, 10 and 10 percent needs at least {_SMALLEST} examples, found {n}.")
    order = np.random.default_rng(_SHUFFLE_SEED).permutation(n)
    return dict(zip(_ROLES, np.split(array[order], [n - 2 * (n // 10), n - n // 10]), strict=True))


def _to_unit_interval(array: np.ndarray, where: str) -> np.ndarray:
    if array.ndim < 2 or array.size == 0:
        raise DataError(f"{where}: expected at least one example, as [n, *event_shape]; found shape {array.shape}.")
    low, high = array.min(), array.max()
    if array.dtype == np.uint8:
        if high == 1:
            raise DataError(
                f"{where}: uint8 is read as grey levels 0..255, found 0 and 1 only. Store binary as float32."
            )
        return unit_interval(array)
    if array.dtype.kind != "f":
        raise DataError(f"{where}: expected uint8 in 0..255 or floating point in [0, 1], found {array.dtype}.")
    if not (low >= 0 and high <= 1):
        raise DataError(f"{where}: expected values in [0, 1], found [{low:g}, {high:g}]. Rescale them, or store uint8.")
    return np.ascontiguousarray(array, dtype=np.float32)
