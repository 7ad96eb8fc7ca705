"""Arrays as they come from users and files: of NumPy or torch, of any real dtype, with errors that can be acted on."""

from __future__ import annotations

import contextlib
import os
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ganbench.errors import DataError

if TYPE_CHECKING:
    import torch

__all__ = [
    "ARRAY_SUFFIXES",
    "Array",
    "as_array",
    "as_images",
    "as_labels",
    "check_images",
    "class_labels",
    "grey_levels",
    "read_arrays",
    "read_numeric_arrays",
    "unit_interval",
]

Array: TypeAlias = "ArrayLike | torch.Tensor"
"""What is taken for an array: a NumPy array or what NumPy makes one of, or a torch tensor of any device."""

ARRAY_SUFFIXES = (".npy", ".npz")
_NPY_MARK, _ZIP_MARK = b"\x93NUMPY", b"PK"
_REAL_KINDS = "biuf"
_BFLOAT16 = np.dtype("V2")  # how NumPy reads two bytes that it has no type for, which the field's tools write
_NUMERIC = "real numbers"
_NUMBERED = "Texts are numbered by numpy.unique(labels, return_inverse=True)[1]."
_PLAIN_NUMBERS = "Write plain numbers with numpy.save or numpy.savez; object arrays are not accepted."
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


def as_array(value: Array | None, where: str) -> np.ndarray:
    """A NumPy array of real numbers in native byte order, at most 64 bits each.

    A tensor is detached and moved to the host. bfloat16 and narrower floats become float32; longdouble becomes
    float64; every other dtype is kept.

    Raises:
        DataError: It is no array of real numbers.
    """
    try:
        array = _native(np.asarray(_numpy_of_tensor(value) if _is_tensor(value) else value))
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{where}: expected an array or a tensor, found {type(value).__name__}: {error}.") from error
    if array.dtype.kind not in _REAL_KINDS:
        raise DataError(f"{where}: expected real numbers, found dtype {array.dtype}.")
    return array


def _is_tensor(value: object) -> bool:
    return hasattr(value, "detach") and hasattr(value, "numpy")  # without importing torch


def _numpy_of_tensor(tensor: Any) -> np.ndarray:
    import torch

    floats_of_numpy = (torch.float16, torch.float32, torch.float64)
    if tensor.dtype.is_floating_point and tensor.dtype not in floats_of_numpy:
        tensor = tensor.float()
    return tensor.numpy(force=True)


def _native(array: np.ndarray) -> np.ndarray:
    dtype = array.dtype
    if dtype.kind == "V" and not issubclass(dtype.type, np.void):  # of another package, as ml_dtypes' bfloat16
        return array.astype(np.float32)
    if dtype.kind == "f" and dtype.itemsize > 8:
        return array.astype(np.float64)
    return array.astype(dtype.newbyteorder("=")) if dtype.kind in _REAL_KINDS and not dtype.isnative else array


def check_images(array: np.ndarray, where: str) -> None:
    """Refuse what is no set of images: `[n, *event_shape]`, uint8 grey levels or floating point in [0, 1].

    Raises:
        DataError: The dtype, shape or values are others.
    """
    if array.ndim < 2 or array.size == 0:
        raise DataError(f"{where}: expected at least one example, as [n, *event_shape]; found shape {array.shape}.")
    low, high = array.min(), array.max()
    if array.dtype == np.uint8:
        if high == 1:
            remedy = "Convert binary images by astype(numpy.float32)."
            raise DataError(f"{where}: uint8 is read as grey levels 0..255, found 0 and 1 only. {remedy}")
    elif array.dtype.kind != "f":
        remedy = "Convert grey levels by astype(numpy.uint8), binary images by astype(numpy.float32)."
        raise DataError(f"{where}: expected uint8 in 0..255 or floating point in [0, 1], found {array.dtype}. {remedy}")
    elif not (low >= 0 and high <= 1):
        remedy = "Rescale them, or convert grey levels 0..255 by astype(numpy.uint8)."
        raise DataError(f"{where}: expected values in [0, 1], found [{low:g}, {high:g}]. {remedy}")


def as_images(array: np.ndarray) -> np.ndarray:
    """Checked images as float32 in [0, 1], C-contiguous, in memory of their own."""
    return unit_interval(array) if array.dtype == np.uint8 else np.array(array, dtype=np.float32, order="C")


def as_labels(value: Array, n: int, where: str) -> np.ndarray:
    """Labels as int64 `[n]`, from whole numbers of any dtype, as a vector or one column.

    Raises:
        DataError: They are not whole numbers, or not one for each of n examples.
    """
    if not _is_tensor(value) and np.asarray(value).dtype.kind in "US":
        raise DataError(f"{where}: expected whole numbers, found text. {_NUMBERED}")
    array = as_array(value, where)
    if array.shape not in ((n,), (n, 1)):
        raise DataError(f"{where}: expected one label for each of {n} examples, found shape {array.shape}.")
    low, high = array.min(), array.max()
    if not (low >= -(2.0**63) and high < 2.0**63 and np.array_equal(array, np.floor(array))):
        raise DataError(f"{where}: expected whole numbers, found values in [{low:g}, {high:g}].")
    return array.reshape(n).astype(np.int64)


def read_arrays(path: Path, names: Collection[str], optional: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The arrays of a file by name: all of `names`, and those of `optional` that are there, in this order.

    Args:
        path: A `.npy` or `.npz` file; the array of the former is named `arr_0`. Pickled content is never read.
        names: The arrays that are needed.
        optional: Those that are read where they are.

    Raises:
        DataError: The file is missing, damaged or pickled, or lacks one of `names`.
    """
    with _opened(path) as content:
        missing = sorted(set(names) - set(content))
        if missing:
            raise DataError(f"{path} lacks the arrays {missing}; it holds {sorted(content)}.")
        chosen = {name: content[name] for name in [*names, *(n for n in optional if n in content)]}
        if others := [name for name, array in chosen.items() if not isinstance(array, np.ndarray)]:
            raise DataError(f"{path}: {others} are no arrays. {_PLAIN_NUMBERS}")
        return chosen


def read_numeric_arrays(path: Path, needed: Collection[str] = ()) -> dict[str, np.ndarray]:
    """All arrays of real numbers in a file by name, as `as_array` converts them.

    What else an archive holds (texts, objects, files that are no arrays) is left out. Two bytes without a type are
    bfloat16, which NumPy's format has no name for.

    Args:
        path: As for `read_arrays`.
        needed: Names that stand for numbers: where the file has them, they are never left out.

    Raises:
        DataError: The file is missing or damaged, holds no array of real numbers, or one of `needed` is none.
    """
    with _opened(path) as content:
        found = {name: _kind(content, name) for name in content}
        arrays = {name: content[name] for name, kind in found.items() if kind == _NUMERIC}
    for name in found:
        if name in needed and name not in arrays:
            remedy = f"Store numbers under this name, or use another one. {_NUMBERED}"
            raise DataError(f"{path}, array {name!r}: expected real numbers, found {found[name]}. {remedy}")
    if not arrays:
        described = "; ".join(f"{name!r}: {kind}" for name, kind in found.items()) or "nothing"
        raise DataError(f"{path} holds no arrays of real numbers; found {described}. {_PLAIN_NUMBERS}")
    return {name: as_array(_bfloat16(array), f"{path}, array {name!r}") for name, array in arrays.items()}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of a file, each read when it is asked for; damage that shows meanwhile is a `DataError`."""
    if not os.path.isfile(path):
        raise DataError(f"No such file: {path}. Expected a .npy or .npz file.")
    try:
        with path.open("rb") as file:
            if not file.read(len(_NPY_MARK)).startswith((_NPY_MARK, _ZIP_MARK)):
                # NumPy would take it for a pickle and speak of that.
                raise ValueError("it starts with the mark of neither kind of file")
            file.seek(0)
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                yield {"arr_0": content}
            else:
                with content:
                    yield content
    except _UNREADABLE as error:
        raise DataError(f"{path} cannot be read as NumPy data: {error}. {_PLAIN_NUMBERS}") from error


def _kind(content: Mapping[str, np.ndarray], name: str) -> str:
    """What an entry of a file is: `_NUMERIC`, or a description of what it is instead."""
    dtype = _stored_dtype(content, name) if isinstance(content, np.lib.npyio.NpzFile) else content[name].dtype
    if dtype is None:
        return "no array"
    return _NUMERIC if dtype.kind in _REAL_KINDS or dtype == _BFLOAT16 else f"dtype {dtype}"


def _stored_dtype(archive: np.lib.npyio.NpzFile, name: str) -> np.dtype | None:
    """The dtype of an entry, from its header, since NumPy refuses to read arrays of objects; None for other files."""
    entry = f"{name}.npy"
    if archive.zip is None or entry not in archive.zip.namelist():
        return None
    with archive.zip.open(entry) as file:
        mark = file.read(len(_NPY_MARK) + 2)
        if not mark.startswith(_NPY_MARK):
            return None
        # Version 3 differs from 2 in the names of fields alone.
        read_header = np.lib.format.read_array_header_1_0 if mark[-2] == 1 else np.lib.format.read_array_header_2_0
        return read_header(file)[2]


def _bfloat16(array: np.ndarray) -> np.ndarray:
    """Stored bfloat16 as float32, whose upper half it is; any other array as it is."""
    if array.dtype != _BFLOAT16:
        return array
    return (np.ascontiguousarray(array).view(np.uint16).astype(np.uint32) << 16).view(np.float32)


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
