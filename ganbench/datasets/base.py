"""What a data set is: images as float32 arrays, labels where there are any, cut into one or more splits."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, overload

import numpy as np

from ganbench.datasets._arrays import Array, as_array, as_images, as_labels, check_images
from ganbench.errors import DataError, UsageError

__all__ = ["ROLES", "Dataset", "Split", "UnavailableDataset", "content_checksum"]

ROLES = ("train", "valid", "test")
_SHUFFLE_SEED = 0
_SMALLEST = 10
_Labelled: TypeAlias = tuple[np.ndarray, np.ndarray | None]
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
        train_labels: `[n]` int64, the class of each training example; None where there are none, as for the others.
        valid_labels: Those of the validation examples.
        test_labels: Those of the test examples.

    Raises:
        DataError: An array is empty, not float32, not C-contiguous, or the three differ in the shape of an example;
            labels are not int64, or not one for each example.
    """

    name: str
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None = None
    valid_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None

    def __repr__(self) -> str:
        """In short, as a notebook shows it."""
        return f"<Split {self.name!r}: {len(self.train)} train, {len(self.valid)} valid, {len(self.test)} test>"

    def __post_init__(self) -> None:
        for role, array in self._roles():
            _check_layout(f"{self.name}.{role}", array)
            _check_labels(f"{self.name}.{role}_labels", getattr(self, f"{role}_labels"), len(array))
        shapes = {role: array.shape[1:] for role, array in self._roles()}
        if len(set(shapes.values())) > 1:
            raise DataError(f"Split {self.name!r}: train, valid and test hold examples of different shapes: {shapes}.")

    def _roles(self) -> Iterator[tuple[str, np.ndarray]]:
        return ((role, getattr(self, role)) for role in ROLES)

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

    def labels_checksum(self, role: str) -> str:
        """Sha256 over dtype, shape and bytes of the labels of "train", "valid" or "test"; empty where there are none.

        It enters no other checksum: what does not look at labels does not depend on them.
        """
        labels = getattr(self, f"{role}_labels")
        return "" if labels is None else _checksum_once(labels)


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
        is_own: Whether it is a user's own, known by its content rather than by its name.
        duplicates: How many examples stand in two parts of a split, and what was done about them; see
            `ganbench.datasets.duplicates`. Empty where there are none, or where nobody looked.

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
    is_own: bool = False
    duplicates: str = ""

    def __repr__(self) -> str:
        """In short, as a notebook shows it."""
        low, high = self.value_range
        return f"<Dataset {self.name!r}: {list(self.event_shape)} in [{low:g}, {high:g}], {list(self.splits)}>"

    def __post_init__(self) -> None:
        names = [split.name for split in self.splits]
        if not names or len(set(names)) < len(names):
            raise DataError(f"Dataset {self.name!r} needs at least one split and distinct names; found {names}.")
        # Folds may share an array of many megabytes: each distinct one is looked at once.
        distinct = {id(array): (f"{s.name}.{role}", array) for s in self.splits for role, array in s._roles()}
        for where, array in distinct.values():
            self._check_values(f"Dataset {self.name!r}, {where}", array)

    @overload
    @classmethod
    def from_arrays(
        cls,
        images: Array,
        *,
        labels: Array | None = ...,
        name: str = ...,
        notes: str = ...,
        value_range: tuple[float, float] = ...,
    ) -> Dataset: ...

    @overload
    @classmethod
    def from_arrays(
        cls,
        *,
        train: Array,
        valid: Array,
        test: Array,
        train_labels: Array | None = ...,
        valid_labels: Array | None = ...,
        test_labels: Array | None = ...,
        name: str = ...,
        notes: str = ...,
        value_range: tuple[float, float] = ...,
    ) -> Dataset: ...

    @classmethod
    def from_arrays(
        cls,
        images: Array | None = None,
        *,
        labels: Array | None = None,
        train: Array | None = None,
        valid: Array | None = None,
        test: Array | None = None,
        train_labels: Array | None = None,
        valid_labels: Array | None = None,
        test_labels: Array | None = None,
        name: str = "arrays",
        notes: str = "",
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> Dataset:
        """A data set of a user's own: one array, which is cut, or three, as they stand.

        Arrays are NumPy's or torch tensors of any device and any real dtype, flat (`[n, d]`) or shaped
        (`[n, height, width]`, ...), and are copied. uint8 are grey levels, divided by 255; floating point must already
        lie in [0, 1].

        Args:
            images: `[n, *event_shape]`, shuffled (NumPy's `default_rng(0)`) and cut in 80, 10 and 10 percent.
            labels: `[n]` whole numbers, the class of each image.
            train: In place of `images`: the examples to train on, with `valid` and `test`.
            valid: The validation examples.
            test: The test examples.
            train_labels: `[n]` whole numbers, where there are any; so for the others.
            valid_labels: Those of the validation examples.
            test_labels: Those of the test examples.
            name: What the data set is called.
            notes: What a reader of a number on this data must know.
            value_range: (-inf, inf) for vectors of real numbers, as floating point.

        Raises:
            UsageError: The arguments are neither one array nor three.
            DataError: An array has another dtype, shape or range, or labels are not one for each image.

        Example:
            >>> data = Dataset.from_arrays(np.linspace(0, 1, 40).reshape(20, 2), labels=np.arange(20) % 2)
            >>> [len(part) for part in (data.splits[0].train, data.splits[0].valid, data.splits[0].test)]
            [16, 2, 2]
        """
        parts, part_labels = (train, valid, test), (train_labels, valid_labels, test_labels)
        _check_arguments(images, labels, parts, part_labels)
        if images is not None:
            pairs = _cut(*_labelled(images, labels, "images", "labels", value_range))
            notes = f"One array, shuffled with a fixed seed and cut in 80, 10 and 10 percent. {notes}".rstrip()
        else:
            named = zip(parts, part_labels, ROLES, (f"{role}_labels" for role in ROLES), strict=True)
            pairs = [_labelled(*each, value_range) for each in named]
        (train_x, train_y), (valid_x, valid_y), (test_x, test_y) = pairs
        split = Split("standard", as_images(train_x), as_images(valid_x), as_images(test_x), train_y, valid_y, test_y)
        return cls(
            name=name,
            event_shape=split.train.shape[1:],
            value_range=value_range,
            checksum=content_checksum(train_x, valid_x, test_x),
            splits=(split,),
            notes=notes,
            is_own=True,
        )

    def _check_values(self, where: str, array: np.ndarray) -> None:
        if array.shape[1:] != self.event_shape:
            raise DataError(f"{where}: examples have shape {array.shape[1:]}, expected {self.event_shape}.")
        # A NaN makes both extremes NaN, so two passes see everything without a mask in memory.
        low, high = float(array.min()), float(array.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DataError(f"{where}: values must be finite; found NaN or infinity.")
        if low < self.value_range[0] or high > self.value_range[1]:
            raise DataError(f"{where}: values lie in [{low:g}, {high:g}], expected within {list(self.value_range)}.")


@dataclass(frozen=True)
class UnavailableDataset:
    """A named data set whose files are not here.

    Args:
        name: As in `ganbench list`.
        reason: What was looked for, where, and how to get it.
        folder: The end of the reason, which data sets share: which folder it is, and how to choose another.
    """

    name: str
    reason: str
    folder: str = ""


def _check_layout(where: str, array: np.ndarray) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        found = getattr(array, "dtype", type(array).__name__)
        raise DataError(f"{where}: expected a float32 numpy array, found {found}.")
    if array.ndim < 2 or array.size == 0:
        raise DataError(f"{where}: expected at least one example, as [n, *event_shape]; found shape {array.shape}.")
    if not array.flags.c_contiguous:
        raise DataError(f"{where}: the array is not C-contiguous. Pass it through numpy.ascontiguousarray.")


def _check_labels(where: str, labels: np.ndarray | None, n: int) -> None:
    if labels is None:
        return
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.shape != (n,):
        found = f"{getattr(labels, 'dtype', type(labels).__name__)} {getattr(labels, 'shape', '')}"
        raise DataError(f"{where}: expected one int64 label for each of {n} examples, found {found}.")


def _check_arguments(
    images: Array | None, labels: Array | None, parts: Sequence[Array | None], part_labels: Sequence[Array | None]
) -> None:
    """Whether the arguments of `Dataset.from_arrays` are one array or three, with labels that belong to them."""
    missing = [role for role, array in zip(ROLES, parts, strict=True) if array is None]
    strange = [role for role in ROLES if role not in missing]
    strange += [f"{role}_labels" for role, array in zip(ROLES, part_labels, strict=True) if array is not None]
    if images is not None:
        problem = f"images came with {' and '.join(strange)}" if strange else ""
    elif missing:
        problem = f"{' and '.join(missing)} missing"
    else:
        problem = "" if labels is None else "labels came without images"
    if problem:
        forms = "either images (with labels), or train, valid and test (with train_labels, valid_labels, test_labels)"
        raise UsageError(f"Give {forms}; {problem}.")


def _labelled(
    images: Array | None, labels: Array | None, where: str, labels_where: str, value_range: tuple[float, float]
) -> _Labelled:
    """Images and labels as they are stored, checked; in memory of the user's."""
    array = as_array(images, where)
    check_images(array, where, value_range)
    return array, None if labels is None else as_labels(labels, len(array), labels_where)


def _cut(images: np.ndarray, labels: np.ndarray | None) -> list[_Labelled]:
    """Shuffle images and labels together, and cut them in 80, 10 and 10 percent."""
    n = len(images)
    if n < _SMALLEST:
        raise DataError(f"images: a cut in 80, 10 and 10 percent needs at least {_SMALLEST} examples, found {n}.")
    order = np.random.default_rng(_SHUFFLE_SEED).permutation(n)
    rows = np.split(order, [n - 2 * (n // 10), n - n // 10])
    return [(images[part], None if labels is None else labels[part]) for part in rows]
