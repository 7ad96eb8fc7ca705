"""FER-2013 from its table and from the archive."""

from __future__ import annotations

import csv
import logging
import zipfile

import numpy as np
import pytest

from ganbench.datasets import fer2013, load_dataset
from ganbench.datasets.fer2013 import load
from ganbench.errors import DataError

_SIZES = (9, 35, 35)


@pytest.fixture
def faces(random_levels, rng) -> dict[str, np.ndarray]:
    return {
        "train_images": random_levels(_SIZES[0], 48, 48),
        "train_labels": rng.integers(0, 7, _SIZES[0]).astype(np.uint8),
        "test_images": random_levels(70, 48, 48),
        "test_labels": np.concatenate([rng.permutation(np.arange(35) % 7) for _ in range(2)]).astype(np.uint8),
        "test_usage": np.array(["PublicTest"] * 35 + ["PrivateTest"] * 35),
    }


@pytest.fixture
def table(faces) -> list[list[str]]:
    """The rows of the table, test rows between training rows."""
    train = zip(faces["train_labels"], faces["train_images"], ["Training"] * _SIZES[0], strict=True)
    test = zip(faces["test_labels"], faces["test_images"], faces["test_usage"], strict=True)
    rows = [[str(label), " ".join(map(str, image.ravel())), str(usage)] for label, image, usage in [*train, *test]]
    return rows[:5] + rows[9:20] + rows[5:9] + rows[20:]


def _write_csv(path, rows, header=("emotion", "pixels", "Usage"), encoding="ascii"):
    path.parent.mkdir(exist_ok=True, parents=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows([header, *rows])


def _assert_equal(first, other):
    assert other.checksum == first.checksum
    for a, b in zip(first.splits, other.splits, strict=True):
        for part in ("train", "valid", "test", "train_labels", "valid_labels", "test_labels"):
            assert np.array_equal(getattr(a, part), getattr(b, part))


@pytest.fixture
def archive(tmp_path, faces):
    """The data as the archive gives them."""
    (tmp_path / "archive").mkdir()
    np.savez(tmp_path / "archive" / "fer2013.npz", **faces)
    return load(tmp_path / "archive", sizes=_SIZES)


@pytest.mark.parametrize("folder", ["", "fer2013/"])
@pytest.mark.parametrize("name", ["fer2013.csv", "icml_face_data.csv"])
def test_the_tables_of_the_contest_are_the_same_data(tmp_path, archive, table, folder, name):
    if name == "icml_face_data.csv":  # as that file has them: another order, and blanks in the header
        _write_csv(tmp_path / folder / name, [(e, u, p) for e, p, u in table], ("emotion", " Usage", " pixels"))
    else:
        _write_csv(tmp_path / folder / name, table)
    _assert_equal(archive, load(tmp_path, sizes=_SIZES))
    assert fer2013.find(tmp_path) == tmp_path / folder / name


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        (("emotion", "pixels", "Usage"), "utf-8-sig"),
        ((" emotion", "pixels ", " Usage"), "ascii"),
        ((" emotion", " pixels", " Usage"), "utf-8-sig"),
    ],
)
def test_a_mark_of_the_encoding_and_blanks_in_the_header_are_read_over(tmp_path, archive, table, header, encoding):
    _write_csv(tmp_path / "fer2013.csv", table, header, encoding)
    _assert_equal(archive, load(tmp_path, sizes=_SIZES))


def test_blanks_after_commas_are_read_over(tmp_path, archive, table):
    _write_csv(tmp_path / "fer2013.csv", [[f" {cell}" for cell in row] for row in table])
    _assert_equal(archive, load(tmp_path, sizes=_SIZES))


def test_labels_go_with_their_images(archive, faces):
    everything = [*zip(faces["train_images"], faces["train_labels"], strict=True)]
    everything += [*zip(faces["test_images"], faces["test_labels"], strict=True)]
    label = {image.tobytes(): y for image, y in everything}
    for split in archive.splits:
        for role in ("train", "valid", "test"):
            found = [label[np.rint(x * 255).astype(np.uint8).tobytes()] for x in getattr(split, role)]
            assert getattr(split, f"{role}_labels").tolist() == found


def test_an_archive_may_lack_the_labels_of_training_images(tmp_path, archive, faces):
    np.savez(tmp_path / "fer2013.npz", **{name: array for name, array in faces.items() if name != "train_labels"})
    data = load(tmp_path, sizes=_SIZES)
    assert data.checksum == archive.checksum
    assert data.splits[0].train_labels is None


@pytest.fixture
def parsed(monkeypatch) -> list:
    """The tables that were parsed, and not taken from the cache."""
    calls, read = [], fer2013._read_csv
    monkeypatch.setattr(fer2013, "_read_csv", lambda path: calls.append(path) or read(path))
    return calls


def test_a_table_is_parsed_once_wherever_it_lies(tmp_path, archive, table, parsed, cache):
    for folder in ("first", "first", "second"):
        _write_csv(tmp_path / folder / "fer2013.csv", table)
        _assert_equal(archive, load(tmp_path / folder, sizes=_SIZES))
    assert len(parsed) == 1
    assert len(list((cache / "parsed").iterdir())) == 1


def test_a_changed_table_is_parsed_anew(tmp_path, archive, table, parsed):
    _write_csv(tmp_path / "fer2013.csv", table)
    load(tmp_path, sizes=_SIZES)
    _write_csv(tmp_path / "fer2013.csv", table[::-1])
    assert load(tmp_path, sizes=_SIZES).checksum != archive.checksum
    assert len(parsed) == 2


@pytest.mark.parametrize("damage", ["empty", "truncated", "changed", "exchanged", "incomplete", "foreign"])
def test_a_damaged_cache_is_made_again(tmp_path, archive, faces, table, parsed, cache, damage):
    _write_csv(tmp_path / "fer2013.csv", table)
    load(tmp_path, sizes=_SIZES)
    (path,) = (cache / "parsed").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    with np.load(path) as stored:
        arrays = dict(stored)
    if damage == "exchanged":
        np.savez(path, **arrays | {"train_images": arrays["train_images"][::-1]})
    elif damage == "incomplete":
        np.savez(path, **{name: array for name, array in arrays.items() if name != "checksum"})
    else:
        wrong = {"empty": b"", "truncated": content[:5000], "changed": content, "foreign": b"\x80\x04N."}
        path.write_bytes(wrong[damage])
    for _ in range(2):
        _assert_equal(archive, load(tmp_path, sizes=_SIZES))
    assert len(parsed) == 2


def test_a_cache_that_cannot_be_written_costs_no_more_than_time(tmp_path, archive, table, parsed, cache, caplog):
    cache.write_text("a file where the folder should be")
    _write_csv(tmp_path / "fer2013.csv", table)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            _assert_equal(archive, load(tmp_path, sizes=_SIZES))
    assert len(parsed) == 2
    assert f"{tmp_path / 'fer2013.csv'} was read, but not kept for the next time" in caplog.text


def test_a_write_that_fails_leaves_no_file_in_the_cache(tmp_path, archive, table, cache, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    _write_csv(tmp_path / "fer2013.csv", table)
    _assert_equal(archive, load(tmp_path, sizes=_SIZES))
    assert list((cache / "parsed").iterdir()) == []


def _levels(images: np.ndarray) -> list[bytes]:
    return [np.rint(image * 255).astype(np.uint8).tobytes() for image in images]


def test_folds_share_train_validate_on_public_and_test_on_private_images(tmp_path, faces):
    order = np.random.default_rng(1).permutation(70)  # public and private ones mixed
    shuffled = {name: faces[name][order] for name in ("test_images", "test_labels", "test_usage")}
    np.savez(tmp_path / "fer2013.npz", **faces | shuffled)
    data = load(tmp_path, sizes=_SIZES)
    np.testing.assert_allclose(data.splits[0].train, faces["train_images"] / 255, rtol=1e-7)
    assert [split.name for split in data.splits] == [f"fold{k}" for k in range(5)]
    assert all(split.train is data.splits[0].train for split in data.splits)
    for role, rows in (("valid", slice(35)), ("test", slice(35, None))):
        used = [level for split in data.splits for level in _levels(getattr(split, role))]
        assert sorted(used) == sorted(image.tobytes() for image in faces["test_images"][rows])
        assert [sorted(getattr(s, f"{role}_labels").tolist()) for s in data.splits] == [list(range(7))] * 5


@pytest.mark.parametrize("name", ["train_images", "test_images", "test_labels", "test_usage"])
def test_the_checksum_sees_all_that_the_folds_are_made_of(tmp_path, faces, name):
    np.savez(tmp_path / "fer2013.npz", **faces)
    before = load(tmp_path, sizes=_SIZES).checksum
    np.savez(tmp_path / "fer2013.npz", **{**faces, name: faces[name][::-1].copy()})
    assert load(tmp_path, sizes=_SIZES).checksum != before


def test_missing_images_are_counted(tmp_path, table):
    _write_csv(tmp_path / "fer2013.csv", table[:-1])
    with pytest.raises(
        DataError, match=r"expected \(9, 35, 35\) images for Training, PublicTest, PrivateTest; found \(9, 35, 34\)"
    ):
        load(tmp_path, sizes=_SIZES)
    _write_csv(tmp_path / "fer2013.csv", table[1:])
    with pytest.raises(DataError, match=r"found \(8, 35, 35\)"):
        load(tmp_path, sizes=_SIZES)
    with pytest.raises(DataError, match=r"expected \(28709, 3589, 3589\)"):
        load_dataset("fer2013", tmp_path)


def _pixels(n: int, value: str = "7") -> str:
    return " ".join([value] * n)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["3", _pixels(2303), "Training"], "line 2: expected 2304 pixels.*found 2303"),
        (["3", _pixels(2304, "256"), "Training"], r"line 2: expected grey levels 0..255, found \[256, 256\]"),
        (["3", _pixels(2304, "-1"), "Training"], r"line 2: expected grey levels 0..255, found \[-1, -1\]"),
        (["3", _pixels(2304, "9" * 30), "Training"], r"line 2: expected grey levels 0..255"),
        (["3", _pixels(2304, "0.5"), "Training"], "line 2: cannot be read"),
        (["3", _pixels(2304) + " x", "Training"], "line 2: cannot be read"),
        (["3", _pixels(2304) + " \xe9", "Training"], "line 2: cannot be read"),
        (["3", "", "Training"], "line 2"),
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
    _write_csv(tmp_path / "fer2013.csv", [row], encoding="latin-1")
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
    with pytest.raises(DataError, match=r"found \[\]"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test_labels": None}, r"lacks the arrays \['test_labels'\]"),
        ({"test_usage": None}, r"lacks the arrays \['test_usage'\]"),
        ({"test_usage": np.array(["PublicTest"] * 69 + ["Training"])}, r"found 70 labels and usages .*'Training'"),
        ({"test_usage": np.array(["PublicTest"] * 69)}, r"usages \['PublicTest'\], shape \[69\]"),
        ({"test_usage": np.array(["PublicTest"] * 70)}, r"found \(9, 70, 0\)"),
        ({"test_labels": np.zeros(70, np.float32)}, "vector of labels"),
        ({"test_labels": np.zeros(69, np.uint8)}, "70 test images; found 69 labels"),
        ({"train_images": np.zeros((9, 2304), np.uint8)}, r"\[n, 48, 48\], found \(9, 2304\)"),
        ({"test_images": np.full((70, 48, 48), 0.25)}, "whole grey levels"),
    ],
)
def test_a_damaged_archive_is_refused(tmp_path, faces, change, said):
    content = {name: value for name, value in {**faces, **change}.items() if value is not None}
    np.savez(tmp_path / "fer2013.npz", **content)
    with pytest.raises(DataError, match=said):
        load(tmp_path, sizes=_SIZES)


def test_an_archive_with_files_that_are_no_arrays_is_refused(tmp_path, faces):
    np.savez(tmp_path / "fer2013.npz", **{name: faces[name] for name in ("train_images", "test_labels", "test_usage")})
    with zipfile.ZipFile(tmp_path / "fer2013.npz", "a") as file:
        file.writestr("test_images", b"no array")
    with pytest.raises(DataError, match=r"\['test_images'\] are no arrays"):
        load(tmp_path, sizes=_SIZES)


@pytest.mark.real_data
def test_real_faces_have_the_sizes_and_the_defects_that_the_notes_state(real_root):
    data = load_dataset("fer2013", real_root)
    assert data.checksum.startswith("a035d9d168fc")
    assert [len(s.valid) for s in data.splits] == [718, 718, 718, 718, 717]
    assert [len(s.test) for s in data.splits] == [718, 718, 718, 718, 717]
    assert len(data.splits[0].train) == 28_709
    train = {image.tobytes() for image in data.splits[0].train}
    valid, test = ([image for s in data.splits for image in getattr(s, role)] for role in ("valid", "test"))
    assert [sum(image.tobytes() in train for image in part) for part in (valid, test)] == [280, 288]
    parts = (data.splits[0].train, np.stack(valid), np.stack(test))
    blank = [np.ptp(images.reshape(len(images), -1), axis=1) == 0 for images in parts]
    assert sum(int(b.sum()) for b in blank) == 12
