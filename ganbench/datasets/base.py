"""What a data set is: images as float32 arrays, cut into one or more splits."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganbench.errors import DataError

__all__ = ["Dataset", "Split", "content_checksum"]

_ROLES = ("train", "valid", "test")
_known_checksums: dict[int, str] = {}


def content_checksum(*arrays: np.ndarray) -> str:
    """Sha256, as hex, over the dtype, shape and bytes (in C order) of each array in turn."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _checksum_once(array: np.ndarray) -> str:
    """The checksum of an array that no one changes: folds that share an array hash it once."""
    key = id(array)
    if key not in _known_checksums:
        _known_checksums[key] = content_checksum(array)
        weakref.finalize(array, _known_checksums.pop, key, None).atexit = False
    return _known_checksums[key]


@dataclass(frozen=True, eq=False)
class Split:
    """One cut of a data set into examples to train on, to choose a bandwidth on and to test on.

    Args:
        name: "standard", or "fold0", "fold1", ... of a data set with folds.
        train: `[n, *event_shape]` float32, C-contiguous, like `valid` and `test`. The arrays are constants: splits may
            share them, and their checksums are computed once.
        valid: The validation examples.
        test: The test examples.

    Raises:
        DataError: An array is empty, not float32, not C-contiguous, or the three differ in the shape of an example.
    """

    name: str
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    def __post_init__(self) -> None:
        for role, array in self._roles():
            _check_layout(f"{self.name}.{role}", array)
        shapes = {role: array.shape[1:] for role, array in self._roles()}
        if len(set(shapes.values())) > 1:
            raise DataError(f"Split {self.name!r}: train, valid and test hold examples of different shapes: {shapes}.")

    def _roles(self) -> Iterator[tuple[str, np.ndarray]]:
        return ((role, getattr(self, role)) for role in _ROLES)

    @cached_property
    def train_checksum(self) -> str:
        """Sha256 over dtype, shape and bytes of `train`."""
        return _checksum_once(self.train)

    @cached_property
    def valid_checksum(self) -> str:
        """Sha256 over dtype, shape and bytes of `valid`."""
        return _checksum_once(self.valid)

    @cached_property
    def test_checksum(self) -> str:
        """Sha256 over dtype, shape and bytes of `test`."""
        return _checksum_once(self.test)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images (or vectors of a toy density) with the splits that a protocol runs over.

    Args:
        name: As in `ganbench list`; the stem of the file for a user's own data.
        event_shape: The shape of one example.
        value_range: The smallest and the largest value an example may hold; infinite for toy densities.
        checksum: Sha256 over the contents of the source data, whatever the files are called.
        splits: One split named "standard", or the folds "fold0", "fold1", ...
        log_density: Only for toy densities: `[n, *event_shape]` to the exact log density in nats, `[n]` float64.
        notes: What a reader of a number on this data must know: known defects, choices of ours.

    Raises:
        DataError: A split does not have `event_shape`, or holds values that are not finite or outside `value_range`.
    """

    name: str
    event_shape: tuple[int, ...]
    value_range: tuple[float, float]
    checksum: str
    splits: tuple[Split, ...]
    log_density: Callable[[np.ndarray], np.ndarray] | None = None
    notes: str = ""

    def __post_init__(self) -> None:
        names = [split.name for split in self.splits]
        if not names or len(set(names)) < len(names):
            raise DataError(f"Dataset {self.name!r} needs at least one split and distinct names; found {names}.")
        # Folds may share an array of many megabytes: each distinct one is looked at once.
        distinct = {id(array): (f"{s.name}.{role}", array) for s in self.splits for role, array in s._roles()}
        for where, array in distinct.values():
            self._check_values(f"Dataset {self.name!r}, {where}", array)

    def _check_values(self, where: str, array: np.ndarray) -> None:
        if array.shape[1:] != self.event_shape:
            raise DataError(f"{where}: examples have shape {array.shape[1:]}, expected {self.event_shape}.")
        # A NaN makes both extremes NaN, so two passes see everything without a mask in memory.
        low, high = float(array.min()), float(array.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DataError(f"{where}: values must be finite; found NaN or infinity.")
        if low < self.value_range[0] or high > self.value_range[1]:
            raise DataError(f"{where}: values lie in [{low:g}, {high:g}], expected within {list(self.value_range)}.")


def _check_layout(where: str, array: np.ndarray) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        found = getattr(array, "dtype", type(array).__name__)
        raise DataError(f"{where}: expected a float32 numpy array, found {found}.")
    if array.ndim < 2 or array.size == 0:
        raise DataError(f"{where}: expected at least one example, as [n, *event_shape]; found shape {array.shape}.")
    if not array.flags.c_contiguous:
        raise DataError(f"{where}: the array is not C-contiguous. Pass it through numpy.ascontiguousarray.")
