"""What rows of known standing are given that models never see: `ganbench.model.Reference`."""

from __future__ import annotations

import weakref
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ganbench.datasets import Split

__all__ = ["REFERENCE_NEEDS", "reference_data", "split_for"]

REFERENCE_NEEDS = ("valid", "test", "labels", "held_out")
_SEED = 0  # of the cut in halves
_halves: dict[tuple[int, int], np.ndarray] = {}


def split_for(needs: Collection[str], split: Split) -> Split:
    """The split that a reference of such needs works on: of held-out data the training examples are the other half."""
    if "held_out" not in needs:
        return split
    labels = split.train_labels
    return replace(
        split,
        train=_half(split.train, 0),
        train_labels=None if labels is None else _half(labels, 0),
    )


def reference_data(needs: Collection[str], split: Split) -> dict[str, np.ndarray | None]:
    """What a reference is given by keyword.

    Args:
        needs: Of `REFERENCE_NEEDS`.
        split: The whole split.
    """
    own = split_for(needs, split)
    sources = {
        "valid": lambda: split.valid,
        "test": lambda: split.test,
        "labels": lambda: own.train_labels,
        "held_out": lambda: _half(split.train, 1),
    }
    return {need: sources[need]() for need in needs}


def _half(array: np.ndarray, which: int) -> np.ndarray:
    """A random half of the rows, the larger one or the other, once for all splits that share the array.

    The same rows of all arrays of one length. Not every other one: those of MNIST come from two sources in turn.
    """
    key = (id(array), which)
    if key not in _halves:
        rows = np.sort(np.random.default_rng(_SEED).permutation(len(array))[which::2])
        _halves[key] = array[rows]
        weakref.finalize(array, _halves.pop, key, None).atexit = False
    return _halves[key]
