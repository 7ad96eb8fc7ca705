"""Reading `.npy` and `.npz` files, and grey levels, with errors that a user can act on."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ganbench.errors import DataError

__all__ = ["ARRAY_SUFFIXES", "class_labels", "grey_levels", "read_arrays", "unit_interval"]

ARRAY_SUFFIXES = (".npy", ".npz")
_NPY_MARK, _ZIP_MARK = b"\x93NUMPY", b"PK"
# What NumPy, zipfile and zlib raise on damaged content.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of a file by name; the array of a `.npy` file is named `arr_0`, as NumPy names it in an archive.

    Args:
        path: A `.npy` or `.npz` file. Pickled content is never read.
        names: The arrays that are wanted; all when None.

    Raises:
        DataError: The file is missing, damaged or pickled, or lacks one of `names`.
    """
    if not path.is_file():
        raise DataError(f"No such file: {path}. Expected a .npy or .npz file.")
    try:
        return _load(path, names)
    except _UNREADABLE as error:
        remedy = "Write plain numbers with numpy.save or numpy.savez; object arrays are not accepted."
        raise DataError(f"{path} cannot be read as NumPy data: {error}. {remedy}") from error


def _load(path: Path, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        if not file.read(len(_NPY_MARK)).startswith((_NPY_MARK, _ZIP_MARK)):
            # NumPy would take it for a pickle and speak of that.
            raise ValueError("it starts with the mark of neither kind of file")
        file.seek(0)
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return _selected({"arr_0": content}, path, names)
        with content:
            return _selected(content, path, names)


def _selected(content: Mapping[str, np.ndarray], path: Path, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    missing = sorted(set(names or ()) - set(content))
    if missing:
        raise DataError(f"{path} lacks the arrays {missing}; it holds {sorted(content)}.")
    return {name: content[name] for name in (content if names is None else names)}


def unit_interval(levels: np.ndarray, largest: int = 255) -> np.ndarray:
    """Grey levels 0..largest divided by the largest, as float32 in C order."""
    return np.divide(levels, np.float32(largest), dtype=np.float32, order="C")


def class_labels(array: np.ndarray, where: str) -> np.ndarray:
    """The labels as uint8 `[n]`.

    Raises:
        DataError: They are not a vector of whole numbers in 0..255.
    """
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.size == 0 or array.min() < 0 or array.max() > 255:
        raise DataError(f"{where}: expected a vector of labels 0..255, found dtype {array.dtype} shape {array.shape}.")
    return array.astype(np.uint8)


def grey_levels(array: np.ndarray, where: str, event_shape: tuple[int, ...]) -> np.ndarray:
    """The array as uint8 `[n, *event_shape]` in C order.

    Raises:
        DataError: The shape differs, or a value is not a whole number in 0..255.
    """
    if array.ndim != 1 + len(event_shape) or array.shape[1:] != event_shape:
        raise DataError(f"{where}: expected shape [n, {', '.join(map(str, event_shape))}], found {array.shape}.")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise DataError(f"{where}: expected grey levels 0..255, found {array.size} values of dtype {array.dtype}.")
    low, high = array.min(), array.max()
    if not (low >= 0 and 1 < high <= 255 and np.array_equal(array, np.floor(array))):
        raise DataError(f"{where}: expected whole grey levels 0..255, found values in [{low:g}, {high:g}].")
    return np.ascontiguousarray(array, dtype=np.uint8)
