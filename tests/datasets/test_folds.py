"""Stratified folds: a partition, with equal shares of every label."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from ganbench.datasets._folds import N_FOLDS, shared_train_splits, stratified_parts, stratified_splits
from ganbench.errors import DataError


@pytest.fixture
def labels(rng) -> np.ndarray:
    return rng.permutation(np.repeat(np.arange(4, dtype=np.uint8), [5, 23, 40, 9]))


@pytest.fixture
def numbered(labels) -> np.ndarray:
    """Examples that hold their own row number."""
    return np.arange(len(labels), dtype=np.float32)[:, None]


def _rows(array: np.ndarray) -> list[int]:
    return array[:, 0].astype(int).tolist()


def test_parts_hold_every_row_once(labels):
    parts = stratified_parts(labels)
    assert len(parts) == 5
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    assert all((np.diff(part) > 0).all() for part in parts)


def test_parts_share_every_label_to_within_one_example(labels):
    counts = np.stack([np.bincount(labels[part], minlength=4) for part in stratified_parts(labels)])
    assert (counts.max(0) - counts.min(0) <= 1).all()


def test_the_cut_is_shuffled_and_repeats(labels):
    first, second = stratified_parts(labels), stratified_parts(labels)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    ordered = np.repeat([0, 1], 50)
    assert not np.array_equal(stratified_parts(ordered)[0], np.r_[0:10, 50:60])


def test_folds_rotate_and_are_disjoint(numbered, labels):
    splits = stratified_splits(numbered, labels)
    parts = stratified_parts(labels)
    assert [s.name for s in splits] == [f"fold{k}" for k in range(N_FOLDS)]
    for k, split in enumerate(splits):
        assert _rows(split.test) == parts[k].tolist()
        assert _rows(split.valid) == parts[(k + 1) % 5].tolist()
        assert sorted(_rows(split.train) + _rows(split.valid) + _rows(split.test)) == list(range(len(labels)))
    assert sorted(row for s in splits for row in _rows(s.test)) == list(range(len(labels)))


def test_shared_train_is_one_array_and_both_others_are_cut(numbered, labels):
    train = np.full((3, 1), 1000, np.float32)
    splits = shared_train_splits((train, None), (numbered[::-1].copy(), labels[::-1]), (numbered, labels))
    assert all(s.train is train and s.train_labels is None for s in splits)
    for role in ("valid", "test"):
        assert sorted(row for s in splits for row in _rows(getattr(s, role))) == list(range(len(labels)))
    assert [s.name for s in splits] == [f"fold{k}" for k in range(5)]


def test_parts_to_be_cut_need_labels(numbered, labels):
    with pytest.raises(DataError, match="need the labels"):
        shared_train_splits((numbered, None), (numbered, None), (numbered, labels))


def test_labels_go_with_their_examples(numbered, labels):
    own = stratified_splits(numbered, labels)
    shared = shared_train_splits((numbered + 1000, labels), (numbered + 2000, labels), (numbered, labels))
    for split in own + shared:
        for role in ("train", "valid", "test"):
            rows = np.array(_rows(getattr(split, role))) % 1000
            assert np.array_equal(getattr(split, f"{role}_labels"), labels[rows])
    assert len({id(s.train_labels) for s in shared}) == 1


def test_too_few_of_a_label_is_an_error_that_counts_them():
    with pytest.raises(DataError, match="'rare': 4"):
        stratified_parts(np.array(["rare"] * 4 + ["common"] * 9))
    with pytest.raises(DataError, match="at least 5"):
        stratified_parts(np.array([], np.uint8))


@pytest.mark.parametrize("seed", range(20))
def test_the_cut_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(5, 60, size=int(rng.integers(1, 12)))
    labels = rng.permutation(np.repeat(rng.permutation(200)[: len(counts)], counts))
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    expected = [part for _, part in folds.split(np.zeros(len(labels)), labels)]
    for part, other in zip(stratified_parts(labels), expected, strict=True):
        np.testing.assert_array_equal(part, other)
