"""What `Split` and `Dataset` promise and refuse."""

from __future__ import annotations

import gc
import hashlib

import numpy as np
import pytest

from ganbench.datasets import base
from ganbench.datasets.base import Dataset, Split, content_checksum
from ganbench.errors import DataError


def _images(n: int = 3, shape: tuple[int, ...] = (2, 2), fill: float = 0.5) -> np.ndarray:
    return np.full((n, *shape), fill, np.float32)


def _dataset(split: Split, **changes: object) -> Dataset:
    fields = {"name": "x", "event_shape": (2, 2), "value_range": (0.0, 1.0), "checksum": "c", "splits": (split,)}
    return Dataset(**{**fields, **changes})


def test_checksum_is_sha256_over_dtype_shape_and_bytes():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert content_checksum(array) == hashlib.sha256(b"<f4(2, 3)" + array.tobytes()).hexdigest()


def test_checksum_tells_dtype_shape_and_order_apart():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    others = [array.reshape(3, 2), array.view(np.int32), array + 1, array.T.copy()]
    assert len({content_checksum(a) for a in [array, *others]}) == 5
    assert content_checksum(np.asfortranarray(array)) == content_checksum(array)


def test_shared_arrays_are_hashed_once_and_forgotten_with_the_array(monkeypatch):
    hashed = []
    monkeypatch.setattr(base, "content_checksum", lambda a: hashed.append(len(a)) or content_checksum(a))
    train = _images(7)
    splits = [Split(f"fold{k}", train=train, valid=_images(2), test=_images(4)) for k in range(5)]
    assert len({s.train_checksum for s in splits}) == 1
    assert splits[0].train_checksum == content_checksum(train)
    assert hashed == [7]
    key = id(train)
    assert key in base._known_checksums
    del splits, train
    gc.collect()
    assert key not in base._known_checksums


def test_the_three_checksums_belong_to_their_arrays():
    split = Split("standard", train=_images(1), valid=_images(2), test=_images(3))
    found = (split.train_checksum, split.valid_checksum, split.test_checksum)
    assert found == tuple(content_checksum(_images(n)) for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_images().astype(np.float64), "float64"),
        ([[0.5]], "list"),
        (_images(0), r"\(0, 2, 2\)"),
        (np.zeros(4, np.float32), r"\(4,\)"),
        (np.asfortranarray(_images(3, (2, 5))), "contiguous"),
        (_images(3, (4,)), "different shapes"),
    ],
)
@pytest.mark.parametrize("role", ["train", "valid", "test"])
def test_a_split_refuses_a_broken_array(role, broken, said):
    arrays = {"train": _images(), "valid": _images(), "test": _images()}
    with pytest.raises(DataError, match=said):
        Split("standard", **{**arrays, role: broken})


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (np.zeros(3, np.int32), r"one int64 label for each of 3 examples, found int32 \(3,\)"),
        (np.zeros(2, np.int64), r"found int64 \(2,\)"),
        (np.zeros((3, 1), np.int64), r"found int64 \(3, 1\)"),
        ([0, 0, 0], "found list"),
    ],
)
@pytest.mark.parametrize("role", ["train", "valid", "test"])
def test_a_split_refuses_broken_labels(role, broken, said):
    with pytest.raises(DataError, match=f"standard.{role}_labels: .*{said}"):
        Split("standard", _images(), _images(), _images(), **{f"{role}_labels": broken})


def test_labels_have_checksums_of_their_own():
    labels = np.array([3, 1, 4], np.int64)
    plain = Split("standard", _images(), _images(), _images())
    labelled = Split("standard", _images(), _images(), _images(), valid_labels=labels)
    assert [labelled.labels_checksum(role) for role in ("train", "test")] == ["", ""]
    assert labelled.labels_checksum("valid") == content_checksum(labels)
    assert labelled.valid_checksum == plain.valid_checksum


@pytest.mark.parametrize(
    ("fill", "said"), [(np.nan, "finite"), (np.inf, "finite"), (-np.inf, "finite"), (1.01, r"1\.01"), (-0.5, r"-0\.5")]
)
@pytest.mark.parametrize("role", ["train", "valid", "test"])
def test_a_dataset_refuses_values_out_of_range(role, fill, said):
    arrays = {"train": _images(), "valid": _images(), "test": _images()}
    arrays[role][1, 0, 1] = fill
    with pytest.raises(DataError, match=f"standard.{role}.*{said}"):
        _dataset(Split("standard", **arrays))


def test_a_dataset_refuses_other_shapes_no_splits_and_equal_names():
    split = Split("standard", train=_images(), valid=_images(), test=_images())
    with pytest.raises(DataError, match=r"\(2, 2\), expected \(4,\)"):
        _dataset(split, event_shape=(4,))
    with pytest.raises(DataError, match="at least one split"):
        _dataset(split, splits=())
    with pytest.raises(DataError, match="distinct names"):
        _dataset(split, splits=(split, split))


def test_infinite_range_accepts_any_finite_value():
    split = Split("standard", train=_images(fill=-1e30), valid=_images(), test=_images(fill=1e30))
    assert _dataset(split, value_range=(-np.inf, np.inf)).splits[0] is split
