"""The Olivetti faces from the archive and from scikit-learn's cache."""

from __future__ import annotations

import hashlib
import pickle
import zlib

import joblib
import numpy as np
import pytest
from scipy.io import savemat

from ganbench.datasets import load_dataset
from ganbench.datasets.olivetti import load
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
    root.mkdir(exist_ok=True)
    joblib.dump(_rows(levels), root / "olivetti_py3.pkz", compress=6)


def _rows(levels):
    return levels.transpose(0, 2, 1).reshape(400, 4096)


def _write_matlab(path, levels, offset=0) -> str:
    savemat(path, {"faces": _rows(levels).T + np.uint8(offset)})
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_all_sources_give_the_same_data(tmp_path, levels):
    for name in ("archive", "matlab"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "archive" / "olivetti.npz", images=levels, labels=_PERSONS)
    sha256 = _write_matlab(tmp_path / "matlab" / "olivettifaces.mat", levels, offset=3)
    _write_cache(tmp_path / "cache", levels)
    archive, *others = (load(tmp_path / name, sha256=sha256) for name in ("archive", "matlab", "cache"))
    for other in others:
        assert other.checksum == archive.checksum
        for a, b in zip(archive.splits, other.splits, strict=True):
            for part in ("train", "valid", "test", "train_labels", "valid_labels", "test_labels"):
                assert np.array_equal(getattr(a, part), getattr(b, part))


@pytest.mark.parametrize("chosen", ["variable", "home"])
def test_the_cache_of_scikit_learn_is_found_where_it_lies_and_read_as_it_reads_it(
    tmp_path, levels, monkeypatch, chosen
):
    from sklearn.datasets import fetch_olivetti_faces

    folder = tmp_path / ("scikit_learn_data" if chosen == "home" else "elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SCIKIT_LEARN_DATA")
    if chosen == "variable":
        monkeypatch.setenv("SCIKIT_LEARN_DATA", str(folder))
    _write_cache(folder, levels)
    faces = fetch_olivetti_faces(download_if_missing=False)
    with monkeypatch.context() as patch:
        for name in ("joblib.load", "pickle.load", "pickle.loads"):
            patch.setattr(name, lambda *a, **k: pytest.fail("unpickled"))
        data = load_dataset("olivetti", tmp_path / "data")
    person = {np.rint(x * 242).astype(np.uint8).tobytes(): y for x, y in zip(faces.images, faces.target, strict=True)}
    for split in data.splits:
        for role in ("train", "valid", "test"):
            found = [person[np.rint(image * 255).astype(np.uint8).tobytes()] for image in getattr(split, role)]
            assert getattr(split, f"{role}_labels").tolist() == found


def test_a_download_is_read(tmp_path, levels, served, monkeypatch):
    sha256 = _write_matlab(served[0] / "5976027", levels)
    monkeypatch.setattr("ganbench.datasets.olivetti._URL", f"{served[1]}5976027")
    assert len(load(tmp_path, download=True, sha256=sha256).splits) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["olivettifaces.mat"]
    monkeypatch.setattr("pooch.retrieve", lambda *a, **k: pytest.fail("downloaded"))
    assert load(tmp_path, download=True, sha256=sha256).name == "olivetti"


def test_the_known_file_is_that_of_scikit_learn(tmp_path, levels):
    from sklearn.datasets._olivetti_faces import FACES

    from ganbench.datasets import olivetti

    assert (FACES.filename, FACES.url, FACES.checksum) == (olivetti._MATLAB, olivetti._URL, olivetti._SHA256)
    found = _write_matlab(tmp_path / "olivettifaces.mat", levels)
    with pytest.raises(DataError, match=f"not the known file: expected sha256 {FACES.checksum}, found {found}"):
        load_dataset("olivetti", tmp_path)


class _Foreign:
    """Unpickling it ends the test."""

    def __reduce__(self):
        return pytest.fail, ("foreign code ran",)


def test_foreign_code_in_a_cache_is_not_run(tmp_path, levels):
    header = pickle.dumps([_Foreign(), "NumpyArrayWrapper", "u1"])[:-1]
    (tmp_path / "olivetti_py3.pkz").write_bytes(zlib.compress(header + _rows(levels).tobytes() + b"."))
    assert load_dataset("olivetti", tmp_path).name == "olivetti"
    (tmp_path / "olivetti_py3.pkz").write_bytes(zlib.compress(pickle.dumps(_Foreign())))
    with pytest.raises(DataError, match="not scikit-learn's cache of the faces"):
        load_dataset("olivetti", tmp_path)
    (tmp_path / "olivetti_py3.pkz").write_bytes(zlib.compress(pickle.dumps(("u1", _rows(levels).tobytes()))))
    with pytest.raises(DataError, match="not scikit-learn's cache of the faces"):
        load_dataset("olivetti", tmp_path)


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
