"""Copies between the parts of a split: counted, left out or refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ganbench.datasets import Dataset, Split, apply_duplicate_rule, load_dataset
from ganbench.errors import DataError


def _examples(*numbers: int) -> np.ndarray:
    """One example of two pixels for each number; equal numbers are equal examples."""
    return np.array([[n / 1000, 0.5] for n in numbers], np.float32)


def _numbers(array: np.ndarray) -> list[int]:
    return np.rint(array[:, 0] * 1000).astype(int).tolist()


def _dataset(*splits: Split) -> Dataset:
    return Dataset("d", (2,), (0.0, 1.0), "c" * 64, splits)


@pytest.fixture
def folds() -> Dataset:
    """Two folds with one training array: 1 is validated on in the first, 2 (twice) and 3 are tested on."""
    train, labels = _examples(1, 2, 3, 2, 4, 5, 5), np.arange(7)
    return _dataset(
        Split("fold0", train, _examples(1, 10, 20), _examples(2, 20, 30), labels, np.arange(3), np.arange(3)),
        Split("fold1", train, _examples(11, 30), _examples(3, 40), labels),
    )


def test_copies_leave_training_and_validation_and_never_the_test_examples(folds):
    clean = apply_duplicate_rule(folds, "exclude")
    first, second = clean.splits
    assert _numbers(first.train) == [4, 5, 5]  # what training holds twice is not our business
    assert first.train_labels.tolist() == [4, 5, 6]
    assert (_numbers(first.valid), first.valid_labels.tolist()) == ([1, 10], [0, 1])
    assert _numbers(second.valid) == [11, 30]  # 30 is tested on in the other fold only
    for before, after in zip(folds.splits, clean.splits, strict=True):
        assert after.test is before.test
        assert after.test_labels is before.test_labels
    assert clean.duplicates == (
        "4 training examples are copies of validation or test examples (3 of these, over 2 folds), 1 validation "
        "examples of test examples; the former are left out"
    )


def test_folds_go_on_sharing_one_training(folds):
    first, second = apply_duplicate_rule(folds, "exclude").splits
    assert second.train is first.train
    assert second.train_labels is first.train_labels
    assert first.train_checksum != folds.splits[0].train_checksum


def test_folds_of_their_own_training_lose_their_own_copies_only():
    data = _dataset(
        Split("fold0", _examples(1, 2), _examples(3), _examples(1)),
        Split("fold1", _examples(1, 2), _examples(3), _examples(2)),
    )
    assert [_numbers(split.train) for split in apply_duplicate_rule(data, "exclude").splits] == [[2], [1]]


def test_kept_copies_are_counted(folds):
    kept = apply_duplicate_rule(folds, "keep")
    assert kept.splits is folds.splits
    assert kept.duplicates.startswith("4 training examples are copies of validation or test examples (3 of these")
    assert kept.duplicates.endswith("; all are kept")


def test_copies_are_refused_where_the_protocol_says_so(folds):
    with pytest.raises(DataError, match=r'd: 4 training examples are copies .*duplicates = "exclude" or "keep"'):
        apply_duplicate_rule(folds, "refuse")


@pytest.mark.parametrize("rule", ["keep", "exclude", "refuse"])
def test_without_copies_nothing_changes(rule):
    data = _dataset(Split("standard", _examples(1, 1), _examples(2), _examples(3)))
    assert apply_duplicate_rule(data, rule) is data


def test_equal_are_bytes_and_no_less():
    almost = np.nextafter(_examples(1), np.float32(1), dtype=np.float32)
    data = _dataset(Split("standard", _examples(1), almost, _examples(2)))
    assert apply_duplicate_rule(data, "refuse") is data


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (Split("standard", _examples(1), _examples(2), _examples(1)), "training array 0"),
        (Split("standard", _examples(1), _examples(2), _examples(2)), "standard.valid"),
    ],
)
def test_a_part_of_which_nothing_is_left_is_an_error(split, said):
    with pytest.raises(DataError, match=f"{said}: every example has a copy"):
        apply_duplicate_rule(_dataset(split), "exclude")


def test_an_array_is_hashed_once(folds, monkeypatch):
    first = apply_duplicate_rule(folds, "exclude")
    monkeypatch.setattr("hashlib.sha256", None)
    again = apply_duplicate_rule(folds, "exclude")
    assert again.duplicates == first.duplicates
    fresh = _dataset(dataclasses.replace(folds.splits[0], test=_examples(50), test_labels=None))
    with pytest.raises(TypeError):
        apply_duplicate_rule(fresh, "exclude")


@pytest.mark.real_data
def test_copies_in_real_faces(real_root):
    data = load_dataset("fer2013", real_root)
    clean = apply_duplicate_rule(data, "exclude")
    assert clean.duplicates.startswith(
        "703 training examples are copies of validation or test examples (568 of these, over 5 folds), 2 validation"
    )
    assert len({id(split.train) for split in clean.splits}) == 1
    assert [len(split.train) for split in clean.splits] == [28_709 - 703] * 5
    assert [len(split.valid) for split in clean.splits] == [718, 718, 718, 717, 716]
    train = {image.tobytes() for image in clean.splits[0].train}
    assert not any(image.tobytes() in train for s in clean.splits for part in (s.valid, s.test) for image in part)


@pytest.mark.real_data
def test_mnist_has_no_copies(real_root):
    assert apply_duplicate_rule(load_dataset("mnist", real_root), "refuse").duplicates == ""
