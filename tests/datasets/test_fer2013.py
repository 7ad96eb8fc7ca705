"""FER-2013 from its table and from the archive."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from ganbench.datasets import load_dataset
from ganbench.datasets.fer2013 import load
from ganbench.errors import DataError

_SIZES = (9, 40)


@pytest.fixture
def faces(random_levels, rng) -> dict[str, np.ndarray]:
    return {
        "train_images": random_levels(_SIZES[0], 48, 48),
        "train_labels": rng.integers(0, 7, _SIZES[0]).astype(np.uint8),
        "test_images": random_levels(_SIZES[1], 48, 48),
        "test_labels": rng.permutation(np.arange(_SIZES[1]) % 7).astype(np.uint8),
        "test_usage": np.array(["PublicTest"] * 20 + ["PrivateTest"] * 20),
    }


@pytest.fixture
def table(faces) -> list[list[str]]:
    """The rows of the table, test rows between training rows."""
    train = zip(faces["train_labels"], faces["train_images"], ["Training"] * _SIZES[0], strict=True)
    test = zip(faces["test_labels"], faces["test_images"], faces["test_usage"], strict=True)
    rows = [[str(label), " ".join(map(str, image.ravel())), str(usage)] for label, image, usage in [*train, *test]]
    return rows[:5] + rows[9:20] + rows[5:9] + rows[20:]


def _write_csv(path, rows, header=("emotion", "pixels", "Usage")):
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_both_sources_give_the_same_data(tmp_path, faces, table):
    for name in ("npz", "nested", "flat"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "npz" / "fer2013.npz", **faces)
    _write_csv(tmp_path / "nested" / "fer2013" / "fer2013.csv", table)
    _write_csv(tmp_path / "flat" / "fer2013.csv", table)
    first, *others = (load(tmp_path / name, sizes=_SIZES) for name in ("npz", "nested", "flat"))
    for other in others:
        assert other.checksum == first.checksum
        for a, b in zip(first.splits, other.splits, strict=True):
            assert (a.train_checksum, a.valid_checksum, a.test_checksum) == (
                b.train_checksum,
                b.valid_checksum,
                b.test_checksum,
            )


def test_folds_share_train_and_cut_the_test_images(tmp_path, faces):
    np.savez(tmp_path / "fer2013.npz", **faces)
    data = load(tmp_path, sizes=_SIZES)
    label = {image.tobytes(): int(y) for image, y in zip(faces["test_images"], faces["test_labels"], strict=True)}
    np.testing.assert_allclose(data.splits[0].train, faces["train_images"] / 255, rtol=1e-7)
    tested = [np.rint(image * 255).astype(np.uint8).tobytes() for s in data.splits for image in s.test]
    assert sorted(tested) == sorted(label)
    for k, split in enumerate(data.splits):
        assert split.train is data.splits[0].train
        assert np.array_equal(split.valid, data.splits[(k + 1) % 5].test)
        counts = np.bincount([label[np.rint(x * 255).astype(np.uint8).tobytes()] for x in split.test], minlength=7)
        assert counts.min() >= 1  # 5 or 6 of every expression
        assert counts.max() <= 2


@pytest.mark.parametrize("name", ["train_images", "test_images", "test_labels"])
def test_the_checksum_sees_all_that_the_folds_are_made_of(tmp_path, faces, name):
    np.savez(tmp_path / "fer2013.npz", **faces)
    before = load(tmp_path, sizes=_SIZES).checksum
    np.savez(tmp_path / "fer2013.npz", **{**faces, name: faces[name][::-1].copy()})
    assert load(tmp_path, sizes=_SIZES).checksum != before


def test_the_notes_state_the_known_defects(tmp_path, faces):
    np.savez(tmp_path / "fer2013.npz", **faces)
    notes = load(tmp_path, sizes=_SIZES).notes
    assert all(figure in notes for figure in ("280", "288", "12 images are blank"))


def test_missing_images_are_counted(tmp_path, table):
    _write_csv(tmp_path / "fer2013.csv", table[:-1])
    with pytest.raises(DataError, match=r"expected \(9, 40\) training and test images, found \(9, 39\)"):
        load(tmp_path, sizes=_SIZES)
    _write_csv(tmp_path / "fer2013.csv", table[1:])
    with pytest.raises(DataError, match=r"found \(8, 40\) and 40 test labels"):
        load(tmp_path, sizes=_SIZES)
    with pytest.raises(DataError, match=r"expected \(28709, 7178\)"):
        load_dataset("fer2013", tmp_path)


def _pixels(n: int, value: str = "7") -> str:
    return " ".join([value] * n)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["3", _pixels(2303), "Training"], "line 2: expected 2304 pixels.*found 2303"),
        (["3", _pixels(2304, "256"), "Training"], "line 2.*256"),
        (["3", _pixels(2304, "-1"), "Training"], "line 2: cannot be read"),
        (["3", _pixels(2304, "0.5"), "Training"], "line 2.*0.5"),
        (["7", _pixels(2304), "PublicTest"], "expression 0..6, found 2304 and 7"),
        (["angry", _pixels(2304), "Training"], "angry"),
        (["3", _pixels(2304), "Validation"], "Validation"),
        (["3", _pixels(2304)], "line 2: cannot be read"),
        (["3"], "line 2: cannot be read"),
        (["3", "\x00", "Training"], "line 2|cannot be read"),
        (["3", "7" * 200_000, "Training"], "cannot be read: field larger"),
    ],
)
def test_a_damaged_row_is_named(tmp_path, row, said):
    _write_csv(tmp_path / "fer2013.csv", [row])
    with pytest.raises(DataError, match=said):
        load(tmp_path, sizes=_SIZES)


def test_other_columns_and_binary_content_are_refused(tmp_path):
    _write_csv(tmp_path / "fer2013.csv", [], header=("emotion", "image", "Usage"))
    with pytest.raises(DataError, match=r"expected the columns emotion, pixels, Usage; found \['emotion', 'image'"):
        load(tmp_path)
    (tmp_path / "fer2013.csv").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(DataError, match="columns"):
        load(tmp_path)
    (tmp_path / "fer2013.csv").write_bytes(b"")
    with pytest.raises(DataError, match="found None"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test_labels": None}, r"lacks the arrays \['test_labels'\]"),
        ({"test_labels": np.zeros(40, np.float32)}, "vector of labels"),
        ({"test_labels": np.zeros(39, np.uint8)}, "39 test labels"),
        ({"train_images": np.zeros((9, 2304), np.uint8)}, r"\[n, 48, 48\], found \(9, 2304\)"),
        ({"test_images": np.full((40, 48, 48), 0.25)}, "whole grey levels"),
    ],
)
def test_a_damaged_archive_is_refused(tmp_path, faces, change, said):
    content = {name: value for name, value in {**faces, **change}.items() if value is not None}
    np.savez(tmp_path / "fer2013.npz", **content)
    with pytest.raises(DataError, match=said):
        load(tmp_path, sizes=_SIZES)


@pytest.mark.real_data
def test_real_faces_have_the_sizes_and_the_defects_that_the_notes_state(real_root):
    data = load_dataset("fer2013", real_root)
    assert data.checksum.startswith("65fbeb38895a")
    assert [len(s.test) for s in data.splits] == [1436, 1436, 1436, 1435, 1435]
    assert len(data.splits[0].train) == 28_709
    train = {image.tobytes() for image in data.splits[0].train}
    test = [image for s in data.splits for image in s.test]
    assert sum(image.tobytes() in train for image in test) == 280 + 288
    blank = [np.ptp(images.reshape(len(images), -1), axis=1) == 0 for images in (data.splits[0].train, np.stack(test))]
    assert sum(int(b.sum()) for b in blank) == 12
