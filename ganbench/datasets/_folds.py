"""Five stratified folds: every example is tested exactly once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganbench.datasets.base import Split
from ganbench.errors import DataError

__all__ = ["FOLD_SEED", "N_FOLDS", "shared_train_splits", "stratified_parts", "stratified_splits"]

N_FOLDS = 5
FOLD_SEED = 0


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
    return tuple(_split(k, images[rest[k]], labels[rest[k]], images, labels, parts) for k in range(N_FOLDS))


def shared_train_splits(
    train: np.ndarray, train_labels: np.ndarray | None, images: np.ndarray, labels: np.ndarray
) -> tuple[Split, ...]:
    """Fold k tests on part k of `images` and validates on part k + 1 (mod 5); all folds share one `train` array."""
    parts, labels = stratified_parts(labels), labels.astype(np.int64)
    train_labels = None if train_labels is None else train_labels.astype(np.int64)
    return tuple(_split(k, train, train_labels, images, labels, parts) for k in range(N_FOLDS))


def _split(
    k: int,
    train: np.ndarray,
    train_labels: np.ndarray | None,
    images: np.ndarray,
    labels: np.ndarray,
    parts: Sequence[np.ndarray],
) -> Split:
    valid, test = parts[(k + 1) % N_FOLDS], parts[k]
    return Split(
        f"fold{k}",
        train=train,
        valid=images[valid],
        test=images[test],
        train_labels=train_labels,
        valid_labels=labels[valid],
        test_labels=labels[test],
    )
