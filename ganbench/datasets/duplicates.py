"""Examples that stand in more than one part of a split, bit for bit, and what is done about them.

A model that repeats its training examples gains from test examples that are among them.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal, TypeAlias

import numpy as np

from ganbench.datasets.base import Dataset, Split
from ganbench.errors import DataError

__all__ = ["DuplicateRule", "apply_duplicate_rule"]

DuplicateRule: TypeAlias = Literal["keep", "exclude", "refuse"]
_Hashes: TypeAlias = frozenset[bytes]

_known_hashes: dict[int, list[bytes]] = {}


def apply_duplicate_rule(dataset: Dataset, rule: DuplicateRule) -> Dataset:
    """A data set after what a protocol says of copies between the parts of its splits, with their count in words.

    Equal are examples whose float32 bytes are. The test examples always stay, so that numbers belong to the published
    test set: a training example leaves if it is a validation or test example of any split that has the same training
    array (folds go on sharing it), a validation example if it is a test example of its own split.

    Args:
        dataset: The data set; it does not change.
        rule: "keep" leaves all as it is, "exclude" leaves the copies out, "refuse" accepts no copies.

    Returns:
        The data set, whose `duplicates` say what was found.

    Raises:
        DataError: The rule is "refuse" and there are copies; or it is "exclude" and nothing else would be left.
    """
    trains = {id(split.train): split.train for split in dataset.splits}
    stays = {key: _not_in(train, _held_out(dataset.splits, key)) for key, train in trains.items()}
    valid_stays = [_not_in(split.valid, frozenset(_hashes(split.test))) for split in dataset.splits]
    found = _counted(dataset.splits, stays, valid_stays)
    if not found:
        return dataset
    if rule == "keep":
        return replace(dataset, duplicates=f"{found}; all are kept")
    if rule == "refuse":
        raise DataError(f'{dataset.name}: {found}. Accepted by duplicates = "exclude" or "keep" in the protocol.')
    for where, mask in chain(
        ((f"training array {n}", mask) for n, mask in enumerate(stays.values())),
        ((f"{split.name}.valid", mask) for split, mask in zip(dataset.splits, valid_stays, strict=True)),
    ):
        if not mask.any():
            raise DataError(f"{dataset.name}, {where}: every example has a copy in another part; none is left.")
    take = _taker()
    splits = tuple(
        replace(
            split,
            train=take(split.train, stays[id(split.train)]),
            train_labels=None if split.train_labels is None else take(split.train_labels, stays[id(split.train)]),
            valid=take(split.valid, mask),
            valid_labels=None if split.valid_labels is None else take(split.valid_labels, mask),
        )
        for split, mask in zip(dataset.splits, valid_stays, strict=True)
    )
    return replace(dataset, splits=splits, duplicates=f"{found}; the former are left out")


def _hashes(array: np.ndarray) -> list[bytes]:
    """A hash of every example; an array that no one changes is hashed once."""
    key = id(array)
    if key not in _known_hashes:
        _known_hashes[key] = [hashlib.sha256(example.data).digest() for example in array]
        weakref.finalize(array, _known_hashes.pop, key, None).atexit = False
    return _known_hashes[key]


def _held_out(splits: Sequence[Split], train: int) -> _Hashes:
    """The validation and test examples of all splits with this training array."""
    sharing = [split for split in splits if id(split.train) == train]
    return frozenset(chain.from_iterable(_hashes(part) for split in sharing for part in (split.valid, split.test)))


def _not_in(array: np.ndarray, others: _Hashes) -> np.ndarray:
    return np.array([example not in others for example in _hashes(array)])


def _counted(splits: Sequence[Split], stays: dict[int, np.ndarray], valid_stays: Sequence[np.ndarray]) -> str:
    """How many examples are copies, in words; empty if none is."""
    n_train = sum(int((~mask).sum()) for mask in stays.values())
    n_valid = sum(int((~mask).sum()) for mask in valid_stays)
    n_held = _total_in_train(splits)
    if not n_train and not n_valid:
        return ""
    of_folds = f", over {len(splits)} folds" if len(splits) > 1 else ""
    return (
        f"{n_train} training examples are copies of validation or test examples ({n_held} of these{of_folds}), "
        f"{n_valid} validation examples of test examples"
    )


def _total_in_train(splits: Sequence[Split]) -> int:
    """Validation and test examples that are training examples, each array counted once."""
    trains = {id(split.train): frozenset(_hashes(split.train)) for split in splits}
    parts = {(id(split.train), id(part)): part for split in splits for part in (split.valid, split.test)}
    return sum(example in trains[train] for (train, _), part in parts.items() for example in _hashes(part))


def _taker() -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """`array[mask]`, the same object for the same array and mask, and the array itself where all stay."""
    taken: dict[tuple[int, int], np.ndarray] = {}

    def take(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
        key = (id(array), id(mask))
        if key not in taken:
            taken[key] = array if mask.all() else array[mask]
        return taken[key]

    return take
