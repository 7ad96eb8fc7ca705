"""The Olivetti faces from the archive and from scikit-learn's cache."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pytest

from ganbench.datasets import load_dataset
from ganbench.errors import DataError

_PERSONS = np.repeat(np.arange(40, dtype=np.uint8), 10)


@pytest.fixture
def levels(rng) -> np.ndarray:
    """Levels 0..242 with both ends met, as the real faces have."""
    images = rng.integers(0, 243, (400, 64, 64), dtype=np.uint8)
    images[0, 0, :2] = 0, 242
    return images


def _write_cache(root, levels):
    # scikit-learn stores the images transposed, as MATLAB has them, one a row.
    joblib.dump(levels.transpose(0, 2, 1).reshape(400, 4096), root / "olivetti_py3.pkz", compress=1)


def test_both_sources_give_the_same_data(tmp_path, levels):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    np.savez(tmp_path / "a" / "olivetti.npz", images=levels, labels=_PERSONS)
    _write_cache(tmp_path / "b", levels)
    archive, cache = (load_dataset("olivetti", tmp_path / name) for name in "ab")
    assert archive.checksum == cache.checksum
    for a, b in zip(archive.splits, cache.splits, strict=True):
        assert np.array_equal(a.train, b.train)
        assert np.array_equal(a.valid, b.valid)
        assert np.array_equal(a.test, b.test)


def test_folds_have_two_images_of_every_person(tmp_path, levels):
    np.savez(tmp_path / "olivetti.npz", images=levels, labels=_PERSONS)
    data = load_dataset("olivetti", tmp_path)
    assert (data.event_shape, data.value_range) == ((64, 64), (0.0, 1.0))
    row = {(image / np.float32(255)).astype(np.float32).tobytes(): i for i, image in enumerate(levels)}
    for k, split in enumerate(data.splits):
        rows = {role: [row[x.tobytes()] for x in getattr(split, role)] for role in ("train", "valid", "test")}
        assert np.bincount(_PERSONS[rows["test"]]).tolist() == [2] * 40
        assert np.bincount(_PERSONS[rows["valid"]]).tolist() == [2] * 40
        assert sorted(rows["train"] + rows["valid"] + rows["test"]) == list(range(400))
        assert np.array_equal(split.valid, data.splits[(k + 1) % 5].test)
    assert sorted(row[x.tobytes()] for s in data.splits for x in s.test) == list(range(400))


def test_a_cache_of_other_faces_is_refused(tmp_path, levels):
    other = levels.copy()
    other[other > 200] = 200  # now scikit-learn divides by another largest level
    _write_cache(tmp_path, other)
    with pytest.raises(DataError, match="not the known faces"):
        load_dataset("olivetti", tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign"])
def test_a_damaged_cache_is_a_data_error(tmp_path, levels, damage):
    _write_cache(tmp_path, levels)
    path = tmp_path / "olivetti_py3.pkz"
    path.write_bytes({"truncated": path.read_bytes()[:1000], "empty": b"", "foreign": pickle.dumps({})}[damage])
    with pytest.raises(DataError, match=f"{path} cannot be read"):
        load_dataset("olivetti", tmp_path)


@pytest.mark.parametrize(
    ("n", "persons", "said"),
    [
        (400, np.repeat(np.arange(80, dtype=np.uint8), 5), "of 80 persons"),
        (400, _PERSONS[:-10], "400 images and 390 labels"),
        (399, _PERSONS, "399 images and 400 labels"),
        (399, _PERSONS[:-1], "10 images of each of 40"),
        (400, _PERSONS.astype(str), "vector of labels"),
    ],
)
def test_other_persons_are_refused(tmp_path, levels, n, persons, said):
    np.savez(tmp_path / "olivetti.npz", images=levels[:n], labels=persons)
    with pytest.raises(DataError, match=said):
        load_dataset("olivetti", tmp_path)


@pytest.mark.real_data
def test_real_faces(real_root):
    data = load_dataset("olivetti", real_root)
    assert data.checksum.startswith("61f115e5acf6")
    assert [(len(s.train), len(s.valid), len(s.test)) for s in data.splits] == [(240, 80, 80)] * 5
    everything = np.concatenate([s.test for s in data.splits])
    assert (everything.min(), everything.max()) == (0.0, np.float32(242 / 255))
