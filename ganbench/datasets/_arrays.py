"""Arrays as they come from users and files: of NumPy or torch, of any real dtype, with errors that can be acted on."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ganbench.datasets.readers import read_chosen
from ganbench.datasets.readers.member import BFLOAT16, Member
from ganbench.errors import DataError

if TYPE_CHECKING:
    import torch

__all__ = [
    "Array",
    "as_array",
    "as_images",
    "as_labels",
    "check_images",
    "class_labels",
    "from_bfloat16",
    "grey_levels",
    "read_arrays",
    "unit_interval",
]

Array: TypeAlias = "ArrayLike | torch.Tensor"
"""What is taken for an array: a NumPy array or what NumPy makes one of, or a torch tensor of any device."""

_REAL_KINDS = "biuf"
_NUMBERED = "Texts are numbered by numpy.unique(labels, return_inverse=True)[1]."
_PLAIN_NUMBERS = "Write plain numbers with numpy.save or numpy.savez; object arrays are not accepted."


def as_array(value: Array | None, where: str) -> np.ndarray:
    """A NumPy array of real numbers in native byte order, at most 64 bits each.

    A tensor is detached and moved to the host. bfloat16 and narrower floats become float32; longdouble becomes
    float64; every other dtype is kept.

    Raises:
        DataError: It is no array of real numbers, or some of them are masked.
    """
    if np.ma.is_masked(value):
        raise DataError(f"{where}: found a masked array, whose mask would be lost. Fill it, or leave such rows out.")
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


def check_images(array: np.ndarray, where: str, value_range: tuple[float, float] = (0.0, 1.0)) -> None:
    """Refuse what is no set of examples: `[n, *event_shape]`, uint8 grey levels or floating point in [0, 1].

    Where the range is unbounded, floating point of any size.

    Raises:
        DataError: The dtype, shape or values are others.
    """
    if array.ndim < 2 or array.size == 0:
        raise DataError(f"{where}: expected at least one example, as [n, *event_shape]; found shape {array.shape}.")
    low, high = array.min(), array.max()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(f"{where}: found NaN or infinity. Leave out the examples that hold some.")
    if array.dtype == np.uint8:
        if high == 1:
            remedy = "Convert binary images by astype(numpy.float32)."
            raise DataError(f"{where}: uint8 is read as grey levels 0..255, found 0 and 1 only. {remedy}")
    elif array.dtype.kind != "f":
        found = f"expected uint8 in 0..255 or floating point in [0, 1], found {array.dtype}"
        raise DataError(f"{where}: {found}. {_whole_numbers_remedy(low, high)}")
    elif math.isinf(value_range[1]):
        return
    elif not (low >= 0 and high <= 1):
        remedy = "Rescale them, or convert grey levels 0..255 by astype(numpy.uint8)."
        raise DataError(f"{where}: expected values in [0, 1], found [{low:g}, {high:g}]. {remedy}")


def _whole_numbers_remedy(low: float, high: float) -> str:
    if low < 0 or high > 255:  # which uint8 would wrap
        return f"Found values in [{low}, {high}]: divide them by the one that stands for white."
    return "Convert grey levels by astype(numpy.uint8), binary images by astype(numpy.float32)."


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

    def choose(members: Mapping[str, Member]) -> list[str]:
        missing = sorted(set(names) - set(members))
        if missing:
            raise DataError(f"{path} lacks the arrays {missing}; it holds {sorted(members)}.")
        chosen = [*names, *(name for name in optional if name in members)]
        if others := [name for name in chosen if members[name].dtype is None]:
            raise DataError(f"{path}: {others} are no arrays. {_PLAIN_NUMBERS}")
        return chosen

    arrays = read_chosen(path, choose)
    return {name: arrays[name] for name in [*names, *(name for name in optional if name in arrays)]}


def from_bfloat16(array: np.ndarray) -> np.ndarray:
    """Stored bfloat16 as float32, whose upper half it is; any other array as it is."""
    if array.dtype != BFLOAT16:
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
