"""Five stratified folds: every example is tested exactly once."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ganbench.datasets.base import Split
from ganbench.errors import DataError

__all__ = ["FOLD_SEED", "N_FOLDS", "shared_train_splits", "stratified_parts", "stratified_splits"]

N_FOLDS = 5
FOLD_SEED = 0

Labelled: TypeAlias = tuple[np.ndarray, np.ndarray | None]


def stratified_parts(labels: np.ndarray) -> list[np.ndarray]:
    """Cut the examples into five disjoint parts with nearly equal shares of every label.

    The cut is that of scikit-learn's `StratifiedKFold(5, shuffle=True, random_state=0)`, made here because importing
    scikit-learn takes longer than a cached run: labels are numbered in order of their first appearance; fold i gets as
    many of each as stand at i, i + 5, i + 10, ... of the sorted labels; and which ones is drawn label by label.

    Returns:
        Five sorted arrays of row numbers that together hold every row once.

    Raises:
        DataError: A label has fewer examples than there are folds.
    """
    values, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    if counts.size == 0 or counts.min() < N_FOLDS:
        found = {value.item(): int(count) for value, count in zip(values, counts, strict=True)}
        raise DataError(f"{N_FOLDS} stratified folds need at least {N_FOLDS} examples of each label; found {found}.")
    codes = np.argsort(np.argsort(first))[inverse]
    ordered = np.sort(codes)
    shares = np.stack([np.bincount(ordered[i::N_FOLDS], minlength=len(values)) for i in range(N_FOLDS)])
    random = np.random.RandomState(FOLD_SEED)
    fold_of = np.empty(len(labels), dtype=np.int64)
    for code in range(len(values)):
        folds = np.arange(N_FOLDS).repeat(shares[:, code])
        random.shuffle(folds)
        fold_of[codes == code] = folds
    return [np.flatnonzero(fold_of == k) for k in range(N_FOLDS)]


def stratified_splits(images: np.ndarray, labels: np.ndarray) -> tuple[Split, ...]:
    """Fold k tests on part k, validates on part k + 1 (mod 5) and trains on the other three."""
    parts, labels = stratified_parts(labels), labels.astype(np.int64)
    rest = [np.sort(np.concatenate([parts[(k + j) % N_FOLDS] for j in range(2, N_FOLDS)])) for k in range(N_FOLDS)]
    following = [parts[(k + 1) % N_FOLDS] for k in range(N_FOLDS)]
    return tuple(
        Split(f"fold{k}", *(images[rows] for rows in cut), *(labels[rows] for rows in cut))
        for k, cut in enumerate(zip(rest, following, parts, strict=True))
    )


def shared_train_splits(train: Labelled, valid: Labelled, test: Labelled) -> tuple[Split, ...]:
    """Fold k validates on part k of the validation and tests on part k of the test examples; all share one `train`.

    Whatever is chosen on validation examples of any fold, no test example of any fold has been seen.

    Args:
        train: Images `[n, *event_shape]`, and their labels `[n]` or None.
        valid: The same of the validation examples, with labels.
        test: The same of the test examples, with labels.

    Raises:
        DataError: A label has fewer validation or test examples than there are folds.
    """
    images, labels = train
    labels = None if labels is None else labels.astype(np.int64)
    folds = zip(_parts(*valid), _parts(*test), strict=True)
    return tuple(
        Split(f"fold{k}", images, valid_images, test_images, labels, valid_labels, test_labels)
        for k, ((valid_images, valid_labels), (test_images, test_labels)) in enumerate(folds)
    )


def _parts(images: np.ndarray, labels: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    if labels is None:
        raise DataError("Folds that are stratified by label need the labels.")
    return [(images[part], labels[part].astype(np.int64)) for part in stratified_parts(labels)]
