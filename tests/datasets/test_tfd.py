"""Files in the format of the Toronto Face Database."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from ganbench.datasets import load_dataset
from ganbench.errors import DataError

_N_UNLABELLED, _N_LABELLED = 6, 20


@pytest.fixture
def fields(random_levels, rng) -> dict[str, np.ndarray]:
    """The four fields as the file has them: labelled and unlabelled images mixed, labels as columns."""
    n = _N_UNLABELLED + _N_LABELLED
    unlabelled = rng.permutation(n) < _N_UNLABELLED
    codes = np.stack([rng.permutation([1] * 12 + [2] * 3 + [3] * 5) for _ in range(5)], axis=1)
    folds = np.zeros((n, 5), np.uint8)
    folds[~unlabelled] = codes
    expression = np.where(unlabelled, -1, rng.integers(1, 8, n)).astype(np.int16)
    return {
        "images": random_levels(n, 48, 48),
        "folds": folds,
        "labs_ex": expression[:, None],
        "labs_id": rng.integers(1, 9, (n, 1)).astype(np.int16),
    }


@pytest.fixture
def write(tmp_path, fields):
    def save(folder: str = ".", **changes):
        content = {name: value for name, value in {**fields, **changes}.items() if value is not None}
        (tmp_path / folder).mkdir(exist_ok=True)
        savemat(tmp_path / folder / "TFD_48x48.mat", content)
        return tmp_path

    return save


def test_round_trip(write, fields):
    data = load_dataset("tfd", write())
    images, folds = fields["images"] / 255, fields["folds"]
    assert (data.event_shape, data.value_range) == ((48, 48), (0.0, 1.0))
    assert [s.name for s in data.splits] == [f"fold{k}" for k in range(5)]
    for k, split in enumerate(data.splits):
        np.testing.assert_allclose(split.train, images[folds[:, k] == 0], rtol=1e-7)
        np.testing.assert_allclose(split.valid, images[folds[:, k] == 2], rtol=1e-7)
        np.testing.assert_allclose(split.test, images[folds[:, k] == 3], rtol=1e-7)
        assert split.train is data.splits[0].train
        assert split.train_labels is None
        assert split.valid_labels.tolist() == fields["labs_ex"][folds[:, k] == 2, 0].tolist()
        assert split.test_labels.tolist() == fields["labs_ex"][folds[:, k] == 3, 0].tolist()


def test_an_image_keeps_its_orientation(write, fields):
    # MATLAB stores columns first; rows and columns must not change places.
    images = fields["images"].copy()
    images[:] = 0
    images[:, 3, 40] = 255
    split = load_dataset("tfd", write(images=images)).splits[0]
    assert (split.train[:, 3, 40] == 1).all()
    assert split.train.sum() == len(split.train) == _N_UNLABELLED


def test_doubles_and_the_subfolder_are_the_same_data(write, fields, tmp_path):
    first = load_dataset("tfd", write()).checksum
    write(images=fields["images"].astype(np.float64), folds=fields["folds"].astype(np.float64))
    assert load_dataset("tfd", tmp_path).checksum == first
    (tmp_path / "TFD_48x48.mat").unlink()
    assert load_dataset("tfd", write("TFD")).checksum == first


def test_the_checksum_sees_images_and_folds(write, fields):
    images, folds = fields["images"].copy(), fields["folds"].copy()
    images[0, 0, 0] ^= 1
    labelled = np.flatnonzero(folds[:, 0])[0]
    folds[labelled, 0] = 1 + folds[labelled, 0] % 3
    found = {load_dataset("tfd", write(**c)).checksum for c in ({}, {"images": images}, {"folds": folds})}
    assert len(found) == 3


def test_unlabelled_images_that_differ_between_folds_are_refused(write, fields):
    folds = fields["folds"].copy()
    folds[np.flatnonzero(folds[:, 0])[0], 3] = 0
    with pytest.raises(DataError, match="same in all folds"):
        load_dataset("tfd", write(folds=folds))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"folds": None}, r"lacks the fields \['folds'\].*images"),
        ({"labs_ex": np.ones((25, 1))}, r"field 'labs_ex': expected one label for each of 26 examples.*\(25, 1\)"),
        ({"labs_ex": np.full((26, 1), 0.5)}, "field 'labs_ex': expected whole numbers"),
        ({"labs_id": None}, r"lacks the fields \['labs_id'\]"),
        ({"folds": np.full((26, 5), 4, np.uint8)}, r"codes 0 to 3, found \[4\]"),
        ({"folds": np.zeros((26, 4), np.uint8)}, r"expected shape \(26, 5\).*found \(26, 4\)"),
        ({"images": np.zeros((48, 48, 26), np.uint8)}, r"expected shape \[n, 48, 48\], found \(48, 48, 26\)"),
        ({"images": np.zeros((26, 96, 96), np.uint8)}, r"found \(26, 96, 96\)"),
        ({"images": np.full((26, 48, 48), 256.0)}, r"found values in \[256, 256\]"),
        ({"images": np.full((26, 48, 48), 0.5)}, r"found values in \[0.5, 0.5\]"),
        ({"images": np.full((26, 48, 48), 100.5)}, r"whole grey levels 0..255, found values in \[100.5, 100.5\]"),
        ({"images": np.ones((26, 48, 48))}, r"found values in \[1, 1\]"),
        ({"images": np.full((26, 48, 48), np.nan)}, "nan"),
        ({"images": np.full((26, 48, 48), "x")}, "shape|dtype"),
        ({"folds": np.full((26, 5), "x")}, "field 'folds'"),
        ({"folds": np.ones((26, 5), np.uint8)}, r"fold0.train"),
    ],
)
def test_another_format_is_refused_with_what_was_found(write, change, said):
    with pytest.raises(DataError, match=said):
        load_dataset("tfd", write(**change))


@pytest.mark.parametrize("content", [b"", b"no MATLAB file at all, but long enough to be one" * 10, None])
def test_a_damaged_file_is_a_data_error(write, content):
    root = write()
    path = root / "TFD_48x48.mat"
    path.write_bytes(path.read_bytes()[:5000] if content is None else content)
    with pytest.raises(DataError, match=f"{path} (cannot be read|lacks the fields .* It may be truncated)"):
        load_dataset("tfd", root)
