"""The digits of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ganbench.datasets import load_dataset
from ganbench.datasets.digits import _read


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_shape_range_and_folds(digits):
    assert (digits.name, digits.event_shape, digits.value_range) == ("digits", (8, 8), (0.0, 1.0))
    assert [s.name for s in digits.splits] == [f"fold{k}" for k in range(5)]
    assert digits.log_density is None
    assert all(a.dtype == np.float32 for s in digits.splits for a in (s.train, s.valid, s.test))
    assert max(float(s.test.max()) for s in digits.splits) == 1.0


def test_every_digit_is_tested_once_and_no_fold_overlaps(digits):
    # The 1797 images are all different, so that bytes stand for rows.
    source = sorted((image / 16).astype(np.float32).tobytes() for image in load_digits().images)
    assert len(set(source)) == 1797
    assert sorted(image.tobytes() for s in digits.splits for image in s.test) == source
    for split in digits.splits:
        assert sorted(image.tobytes() for a in (split.train, split.valid, split.test) for image in a) == source


def test_folds_are_stratified_by_digit(digits):
    source = load_digits()
    label = {(x / 16).astype(np.float32).tobytes(): y for x, y in zip(source.images, source.target, strict=True)}
    counts = np.stack([np.bincount([label[x.tobytes()] for x in s.test], minlength=10) for s in digits.splits])
    assert (counts.max(0) - counts.min(0) <= 1).all()


def test_labels_are_the_digits(digits):
    source = load_digits()
    label = {(x / 16).astype(np.float32).tobytes(): y for x, y in zip(source.images, source.target, strict=True)}
    for split in digits.splits:
        for role in ("train", "valid", "test"):
            expected = [label[image.tobytes()] for image in getattr(split, role)]
            assert getattr(split, f"{role}_labels").tolist() == expected


def test_checksums_stay_what_they_were(digits):
    # Records carry these: another value means that old records are no longer comparable.
    assert digits.checksum.startswith("cbdf2a0b2dba")
    assert digits.splits[0].train_checksum.startswith("4ef3976c113f")
    assert digits.splits[4].test_checksum.startswith("91acab6c1b6a")
    assert load_dataset("digits").checksum == digits.checksum


@pytest.mark.parametrize("found", [True, False], ids=["the file", "elsewhere"])
def test_they_are_those_of_scikit_learn(monkeypatch, found):
    if not found:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    levels, labels = _read()
    source = load_digits()
    np.testing.assert_array_equal(levels, source.images)
    np.testing.assert_array_equal(labels, source.target)
    assert levels.dtype == labels.dtype == np.uint8
