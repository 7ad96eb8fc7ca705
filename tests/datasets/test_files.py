"""Files of the user's own."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch

from ganbench.datasets import load_dataset, read_array_file, read_samples
from ganbench.errors import DataError, UsageError


@pytest.fixture
def save(tmp_path):
    """Writes one array as .npy, or several as .npz, and returns the path."""

    def write(*single: np.ndarray, name: str = "mine", **several: np.ndarray):
        path = tmp_path / f"{name}.{'npy' if single else 'npz'}"
        if single:
            np.save(path, single[0])
        else:
            np.savez(path, **several)
        return str(path)

    return write


def test_three_arrays_are_the_split_as_it_stands(save, rng):
    parts = {role: rng.random((n, 3, 2), dtype=np.float32) for role, n in [("train", 6), ("valid", 2), ("test", 4)]}
    data = load_dataset(save(**parts, name="my.faces"))
    (split,) = data.splits
    assert (data.name, data.event_shape, data.value_range, split.name) == ("my.faces", (3, 2), (0.0, 1.0), "standard")
    assert all(np.array_equal(getattr(split, role), array) for role, array in parts.items())


def test_uint8_is_divided_by_255(save, random_levels):
    parts = {role: random_levels(5, 4) for role in ("train", "valid", "test")}
    (split,) = load_dataset(save(**parts)).splits
    np.testing.assert_allclose(split.valid, parts["valid"] / 255, rtol=1e-7)


@pytest.mark.parametrize("n", [10, 19, 20, 57])
def test_a_single_array_is_shuffled_and_cut(save, n):
    rows = (np.arange(n) / n).astype(np.float32)[:, None]
    path = save(rows)
    (split,) = load_dataset(path).splits
    parts = [part[:, 0].tolist() for part in (split.train, split.valid, split.test)]
    assert [len(part) for part in parts] == [n - 2 * (n // 10), n // 10, n // 10]
    everything = [value for part in parts for value in part]
    assert sorted(everything) == rows[:, 0].tolist()
    assert everything != rows[:, 0].tolist()
    assert load_dataset(path).splits[0].train_checksum == split.train_checksum


def test_the_name_of_a_single_array_and_of_the_file_do_not_enter_the_checksum(save, rng):
    array = rng.random((20, 4))
    first, second = load_dataset(save(array)), load_dataset(save(images=array, name="other"))
    assert first.checksum == second.checksum
    assert "shuffled" in first.notes
    assert load_dataset(save(array + 0)).splits[0].train.dtype == np.float32


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.linspace(-1, 1.5, 80).reshape(20, 2, 2), r"found \[-1, 1.5\].*Rescale.*\[scale=0..255\].*\[scale=data\]"),
        (np.full((20, 2, 2), 100.0), r"found \[100, 100\]"),
        (np.full((20, 2), np.nan), "found NaN or infinity"),
        (np.full((20, 2), np.inf), "inf"),
        (
            np.full((20, 16), 200.0),
            r"flat rows in \[200, 200\]: pictures on 0..255 or vectors.*scale=0..255.*scale=data",
        ),
        (np.ones((20, 2), np.uint8), r"0 and 1 only.*\[scale=0..1\] or \[scale=0..255\]"),
        (np.zeros((20, 3, 8, 3)), r"read in 2 ways; write behind the path \[layout=NCHW\] or \[layout=NHWC\]"),
        (np.zeros(20), r"found shape \(20,\)"),
        (np.zeros((20, 0)), "at least one example"),
        (np.zeros((9, 2)), "at least 10 examples, found 9"),
        (np.array(0.5), r"found shape \(\)"),
    ],
)
def test_what_is_no_set_of_images_is_refused(save, array, said):
    with pytest.raises(DataError, match=f"mine.npy.*{said}"):
        load_dataset(save(array))


def test_arrays_that_could_be_anything_are_refused_with_the_names_to_give(save):
    images = np.zeros((20, 2))
    named = "train, valid and test .and train_labels.*'images' .and its labels 'labels'"
    with pytest.raises(DataError, match=rf"mine.npz: which arrays are the images.*{named}.*mine \(20, 2\), yours \(20"):
        load_dataset(save(mine=images, yours=images))
    with pytest.raises(DataError, match=r"which array holds the labels\? Name it 'labels'; found i \(20,\), j \(20,\)"):
        load_dataset(save(x=images, i=np.zeros(20, int), j=np.zeros(20, int)))
    with pytest.raises(DataError, match="different shapes"):
        load_dataset(save(train=images, valid=images, test=np.zeros((20, 3))))


@pytest.fixture
def labelled() -> tuple[np.ndarray, np.ndarray]:
    """Images that tell their label: 0, 1, 2, ..."""
    return (np.arange(20) / 20).astype(np.float32)[:, None], np.arange(20, dtype=np.uint8)


@pytest.mark.parametrize(
    ("names", "others"),
    [
        (("images", "labels"), {}),
        (("x", "y"), {}),
        (("arr_0", "labels"), {}),
        (("images", "labels"), {"features": np.zeros((20, 9)), "ids": np.arange(20)}),
        (("x", "y"), {"edges": np.arange(7)}),
        (("images", "y"), {"features": np.zeros((20, 9)), "weights": np.zeros(20)}),
        (("x", "labels"), {"ids": np.arange(20), "scale": np.float32(3), "edges": np.arange(7)}),
    ],
)
def test_labels_beside_the_images(save, labelled, names, others):
    data = load_dataset(save(**others, **dict(zip(names, labelled, strict=True))))
    (split,) = data.splits
    for role in ("train", "valid", "test"):
        expected = np.rint(getattr(split, role)[:, 0] * 20).astype(int).tolist()
        assert getattr(split, f"{role}_labels").tolist() == expected
    assert data.checksum == load_dataset(save(labelled[0])).checksum
    assert all(name in data.notes for name in others)
    assert ("Not read" in data.notes) == bool(others)


def test_labels_of_the_parts(save, labelled):
    images, labels = labelled
    arrays = {"train": images[:9], "valid": images[9:12], "test": images[12:], "train_labels": labels[:9]}
    data = load_dataset(save(**arrays, test_labels=labels[12:], more=images))
    (split,) = data.splits
    assert split.train_labels.tolist() == list(range(9))
    assert split.valid_labels is None
    assert split.test_labels.tolist() == list(range(12, 20))
    assert data.notes == "Not read: more."
    with pytest.raises(DataError, match=r"mine.npz, train_labels: expected one label for each of 9.*\(8,\)"):
        load_dataset(save(**arrays | {"train_labels": labels[:8]}))


def test_labels_that_do_not_fit_are_refused(save, labelled):
    with pytest.raises(DataError, match=r"labels: expected one label for each of 20 examples, found shape \(19,\)"):
        load_dataset(save(images=labelled[0], labels=labelled[1][:-1]))
    for labels in (np.array(["cat"] * 20), np.array(["cat"] * 20, object)):
        with pytest.raises(DataError, match=r"array 'labels': expected real numbers.*numpy.unique"):
            load_dataset(save(images=labelled[0], labels=labels))


def test_what_is_no_array_of_numbers_is_read_over(save, labelled):
    path = save(x=labelled[0], names=np.array(["cat"] * 20), notes=np.array([{}, None]), when=np.zeros(2, "M8[s]"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README.txt", "These are images.")
        archive.writestr("__MACOSX/._x.npy", b"\x00\x05\x16\x07 a note of the Finder")
        archive.writestr("folder/", b"")
    assert list(read_array_file(path)) == ["x"]
    assert load_dataset(path).checksum == load_dataset(save(labelled[0])).checksum


def test_a_name_that_stands_for_numbers_is_not_read_over(save, labelled):
    path = save(x=labelled[0], samples=np.array([{}, None]))
    assert list(read_array_file(path)) == ["x"]
    with pytest.raises(DataError, match="array 'samples': expected real numbers, found dtype object"):
        read_array_file(path, needed=["samples"])


def test_read_array_file_gives_what_is_stored(save, random_levels):
    array = random_levels(3, 2)
    assert {name: a.dtype for name, a in read_array_file(save(array)).items()} == {"arr_0": np.uint8}
    found = read_array_file(save(a=array, b=array.astype(np.float16) * 9))
    assert sorted(found) == ["a", "b"]
    assert np.array_equal(found["a"], array)
    assert found["b"].dtype == np.float16


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_numbers_of_every_kind_are_read_as_numbers(tmp_path, rng, suffix):
    truth = torch.tensor(rng.random((20, 3), np.float32)).bfloat16()
    values = truth.double().numpy()
    # NumPy's format has no name for bfloat16: packages that have it write two bytes without a type.
    stored = {"V2": truth.view(torch.int16).numpy().view("V2"), ">f4": None, ">f8": None, "g": None, ">g": None}
    for dtype, array in stored.items():
        array = values.astype(dtype) if array is None else array
        path = tmp_path / f"x.{suffix}"
        np.save(path, array) if suffix == "npy" else np.savez(path, x=array)
        (found,) = read_array_file(path).values()
        assert found.dtype.isnative
        assert found.dtype.itemsize <= 8
        assert np.array_equal(found, values)
        torch.from_numpy(found)


@pytest.mark.parametrize(
    "array",
    [
        np.array([["a"]]),
        np.zeros(2, complex),
        np.zeros(2, "datetime64[s]"),
        np.zeros(2, [("a", int)]),
        np.zeros(2, "S3"),
    ],
)
def test_content_that_is_no_number_is_refused(save, array):
    with pytest.raises(DataError, match=r"mine.npz holds no arrays of real numbers; found 'x': dtype"):
        read_array_file(save(x=array))
    with pytest.raises(DataError, match=r"mine.npy holds no arrays of real numbers; found 'arr_0': dtype"):
        read_array_file(save(array))


def test_object_arrays_are_refused_and_not_unpickled(save):
    for path in (save(np.array([{}, None])), save(x=np.array([{}, None]))):
        with pytest.raises(DataError, match="object arrays are not accepted"):
            read_array_file(path)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("content", [b"", b"neither", b"\x80\x04N."])
def test_files_of_another_kind_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path} cannot be read as NumPy data: it starts with the mark of neither"):
        read_array_file(path)


def test_missing_empty_and_misnamed_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_array_file(tmp_path / "absent.npy")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(DataError, match=r"folder.npz is a folder. Expected a file that ends in .npy"):
        read_array_file(tmp_path / "folder.npz")
    for path in ("~nobody-of-this-name/x.npy", f"{'x' * 300}.npy"):
        with pytest.raises(DataError, match="No such file"):
            load_dataset(path)
    with pytest.raises(DataError, match=r"x.onnx: expected a file that ends in \.npy, \.npz, .*or a folder"):
        read_array_file(tmp_path / "x.onnx")
    with zipfile.ZipFile(tmp_path / "empty.npz", "w"):
        pass
    with pytest.raises(DataError, match="holds no arrays of real numbers; found nothing"):
        read_array_file(tmp_path / "empty.npz")


# What others write


def test_a_test_part_alone_leaves_the_last_of_train_for_validation(save, labelled):
    images, labels = labelled
    data = load_dataset(save(x_train=images[:15], y_train=labels[:15], x_test=images[15:], y_test=labels[15:]))
    (split,) = data.splits
    assert [split.train_labels.tolist(), split.valid_labels.tolist()] == [list(range(12)), [12, 13, 14]]
    assert split.test_labels.tolist() == [15, 16, 17, 18, 19]
    assert np.array_equal(split.valid, images[12:15])
    assert data.notes == "No part valid: it is the last 3 of train."
    with pytest.raises(DataError, match="too few examples in 'train'"):
        load_dataset(save(train=images[:4], test=images))


@pytest.mark.parametrize(
    ("arrange", "event_shape"),
    [
        (lambda x: x, (3, 8, 8)),
        (lambda x: x.transpose(0, 2, 3, 1), (3, 8, 8)),
        (lambda x: x.transpose(2, 3, 1, 0), (3, 8, 8)),
        (lambda x: np.repeat(x[:, :1], 3, 1), (8, 8)),
        (lambda x: np.repeat(x[:, :1], 3, 1).transpose(0, 2, 3, 1), (8, 8)),
        (lambda x: x[:, :1], (8, 8)),
        (lambda x: x[:, 0, :, :, None], (8, 8)),
        (lambda x: x[:, 0].transpose(1, 2, 0), (8, 8)),
    ],
)
def test_layouts_of_data(save, rng, arrange, event_shape):
    images = rng.random((40, 3, 8, 8), np.float32)
    data = load_dataset(save(arrange(images)))
    expected = images if len(event_shape) == 3 else images[:, 0]
    assert data.checksum == load_dataset(save(expected, name="plain")).checksum
    assert data.event_shape == event_shape
    assert ("Found the shape" in data.notes) == (arrange(images).shape != expected.shape)


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (lambda x: x.astype(np.uint8), ""),
        (lambda x: x.astype(np.int64), "Found values in [0, 255], taken for 0..255."),
        (lambda x: x.astype(np.float64), "Found values in [0, 255], taken for 0..255."),
        (lambda x: (x / 127.5 - 1).astype(np.float32), "Found values in [-1, 1], taken for -1..1."),
        (lambda x: (x / 255).astype(np.float32), ""),
    ],
)
def test_scales_of_data(save, rng, store, said):
    levels = rng.integers(0, 256, (30, 5, 4)).astype(float)
    levels[0, 0, :2] = 0, 255
    data = load_dataset(save(store(levels)))
    order = np.random.default_rng(0).permutation(30)[:24]
    np.testing.assert_allclose(data.splits[0].train, levels[order] / 255, atol=1e-6)
    assert data.value_range == (0.0, 1.0)
    assert data.notes.partition("percent.")[2].strip() == said


def test_binary_data(save, rng):
    ones = rng.random((30, 4)) > 0.5
    assert load_dataset(save(ones)).checksum == load_dataset(save(ones.astype(np.float32), name="plain")).checksum


def test_real_valued_vectors_are_data_without_a_range(save, rng):
    vectors = rng.normal(size=(40, 10)) * 3
    data = load_dataset(save(vectors))
    assert data.value_range == (-np.inf, np.inf)
    order = np.random.default_rng(0).permutation(40)[:32]
    assert np.array_equal(data.splits[0].train, vectors[order].astype(np.float32))
    assert "Real-valued, in [" in data.notes
    assert load_dataset(save(np.rint(vectors * 10).astype(np.int64))).value_range == (-np.inf, np.inf)


def test_settings_behind_the_path_say_what_cannot_be_told(save, rng):
    levels = rng.integers(0, 17, (30, 5, 4)).astype(float)
    path = save(levels)
    with pytest.raises(DataError, match=r"expected values in .0, 1., found .0, 16."):
        load_dataset(path)
    data = load_dataset(f"{path}[scale=0..16]")
    order = np.random.default_rng(0).permutation(30)[:24]
    np.testing.assert_allclose(data.splits[0].train, levels[order] / 16, atol=1e-6)
    assert (data.name, "as scale says 0..16" in data.notes) == ("mine", True)
    turned = load_dataset(f"{path}[layout=NWH, scale=0..16]")
    assert np.array_equal(turned.splits[0].train, data.splits[0].train.swapaxes(1, 2))
    assert load_dataset(f"{path}[scale=data]").value_range == (-np.inf, np.inf)
    inverted = load_dataset(f"{save((levels / 16), name='unit')}[scale=1..0]")
    np.testing.assert_allclose(inverted.splits[0].train, 1 - data.splits[0].train, atol=1e-6)
    for settings, said in {
        "scale=grey": "scale 'grey' is not known",
        "layout=XY": "layout 'XY' is not known",
        "scale=0..1,depth=3": "'depth' is not known; a file of data takes scale=... and layout=...",
        "scale=standardised": "standardised is for samples",
    }.items():
        with pytest.raises(UsageError, match=said):
            load_dataset(f"{path}[{settings}]")


def test_a_path_with_brackets_of_its_own(tmp_path, labelled):
    np.save(tmp_path / "x[scale=0..255].npy", labelled[0])
    assert load_dataset(tmp_path / "x[scale=0..255].npy").event_shape == (1,)


def test_the_samples_and_labels_of_a_file(save, labelled):
    images, labels = labelled
    for arrays in (
        {"arr_0": images, "arr_1": labels},
        {"samples": images, "labels": labels},
        {"x": images, "y": labels},
    ):
        found = read_samples(save(**arrays))
        assert np.array_equal(found.samples, images)
        assert np.array_equal(found.labels, labels)
    assert read_samples(save(samples=images)).labels is None


@pytest.mark.real_data
def test_real_video_frames(real_root):
    data = load_dataset(str(real_root / "frey.npz"))
    assert (data.name, data.event_shape) == ("frey", (28, 20))
    assert [len(a) for a in (data.splits[0].train, data.splits[0].valid, data.splits[0].test)] == [1573, 196, 196]
