"""Data of a user's own from arrays: what is taken, how it is cut, and what is said of the rest."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganbench.datasets import Dataset
from ganbench.datasets.base import content_checksum
from ganbench.errors import DataError, UsageError

_ROLES = ("train", "valid", "test")


@pytest.fixture
def images(rng) -> np.ndarray:
    return rng.random((57, 3, 2), np.float32)


def _parts(data: Dataset) -> list[np.ndarray]:
    (split,) = data.splits
    return [split.train, split.valid, split.test]


def test_one_array_is_shuffled_and_cut_as_documented(images):
    data = Dataset.from_arrays(images)
    order = np.random.default_rng(0).permutation(57)
    expected = np.split(images[order], [47, 52])
    assert all(np.array_equal(a, b) for a, b in zip(_parts(data), expected, strict=True))
    assert (data.name, data.event_shape, data.value_range) == ("arrays", (3, 2), (0.0, 1.0))
    assert data.checksum == content_checksum(*expected)
    assert data.notes == "One array, shuffled with a fixed seed and cut in 80, 10 and 10 percent."
    assert data.splits[0].train_labels is None


def test_labels_go_with_their_images(images):
    labels = np.arange(57)
    (split,) = Dataset.from_arrays(images, labels=labels, name="x", notes="Ours.").splits
    for role in _ROLES:
        classes = getattr(split, f"{role}_labels")
        assert classes.dtype == np.int64
        assert np.array_equal(images[classes], getattr(split, role))


def test_three_arrays_are_the_split_as_it_stands(images):
    labels = np.arange(57, dtype=np.uint8)
    data = Dataset.from_arrays(
        train=images[:40], valid=images[40:50], test=images[50:], test_labels=labels[50:], name="mine", notes="Ours."
    )
    (split,) = data.splits
    assert (data.name, data.notes, split.name) == ("mine", "Ours.", "standard")
    assert all(np.array_equal(a, b) for a, b in zip(_parts(data), np.split(images, [40, 50]), strict=True))
    assert (split.train_labels, split.valid_labels) == (None, None)
    assert split.test_labels.tolist() == list(range(50, 57))


def test_neither_the_name_nor_labels_enter_the_checksum(images):
    first, second = Dataset.from_arrays(images), Dataset.from_arrays(images, labels=np.arange(57), name="y")
    assert first.checksum == second.checksum
    assert first.splits[0].train_checksum == second.splits[0].train_checksum
    assert first.splits[0].labels_checksum("train") == ""
    assert second.splits[0].labels_checksum("train") == content_checksum(second.splits[0].train_labels)


_WIDE = pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="longdouble is float64 here")


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda x: x, np.float32),
        (lambda x: x.tolist(), np.float64),
        (lambda x: x.astype(np.float16), np.float16),
        (lambda x: x.astype(np.float64), np.float64),
        (lambda x: x.astype(">f4"), np.float32),
        (lambda x: x.astype(">f8"), np.float64),
        pytest.param(lambda x: x.astype(np.longdouble), np.float64, marks=_WIDE),
        pytest.param(lambda x: x.astype(np.longdouble).astype(">g"), np.float64, marks=_WIDE),
        (lambda x: torch.tensor(x), np.float32),
        (lambda x: torch.tensor(x, requires_grad=True) * 1, np.float32),
        (lambda x: torch.tensor(x).double(), np.float64),
        (lambda x: torch.tensor(x).half(), np.float16),
        (lambda x: torch.tensor(x).bfloat16(), np.float32),
        (lambda x: torch.tensor(x).to(torch.float8_e4m3fn), np.float32),
        (lambda x: torch.tensor(x).transpose(1, 2).contiguous().transpose(1, 2), np.float32),
        (lambda x: np.asfortranarray(x), np.float32),
        (lambda x: np.round(x * 255).astype(np.uint8), np.uint8),
        (lambda x: torch.tensor(np.round(x * 255).astype(np.uint8)), np.uint8),
    ],
)
def test_every_real_dtype_layout_and_kind_of_array_is_taken(images, convert, dtype):
    given = convert(images)
    # Whatever the dtype, torch's or NumPy's own conversion to float64 is the truth; longdouble held float32 values.
    truth = given.detach().double().numpy() if torch.is_tensor(given) else np.asarray(given, np.float64)
    data = Dataset.from_arrays(train=given, valid=given, test=given)
    for part in _parts(data):
        assert (part.dtype, part.flags.c_contiguous) == (np.float32, True)
        np.testing.assert_allclose(
            part, truth / 255 if dtype == np.uint8 else truth, rtol=2**-24 if dtype != np.uint8 else 1e-7
        )
    source = truth.astype(dtype)
    assert data.checksum == content_checksum(source, source, source)


@pytest.mark.cuda
def test_a_tensor_on_another_device_is_taken(images, cuda):
    data = Dataset.from_arrays(torch.tensor(images, device=cuda), labels=torch.arange(57, device=cuda))
    assert data.checksum == Dataset.from_arrays(images).checksum


def test_a_dtype_that_another_package_adds_is_taken(images):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    given = images.astype(ml_dtypes.bfloat16)
    found = Dataset.from_arrays(given)
    assert found.checksum == Dataset.from_arrays(torch.tensor(images).bfloat16()).checksum


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_the_arrays_are_copied(images, kind):
    given = {role: kind(images) for role in _ROLES}
    labels = kind(np.arange(57))
    data = Dataset.from_arrays(**given, train_labels=labels)
    for array in (*given.values(), labels):
        array[:] = 0
    assert all(np.array_equal(part, images) for part in _parts(data))
    assert data.splits[0].train_labels.tolist() == list(range(57))


@pytest.mark.parametrize("shape", [(20, 784), (20, 28, 28), (20, 3, 8, 8), (20, 1)])
def test_flat_and_shaped_examples_stay_what_they_are(rng, shape):
    assert Dataset.from_arrays(rng.random(shape)).event_shape == shape[1:]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.arange(56), r"labels: expected one label for each of 57 examples, found shape \(56,\)"),
        (np.zeros((57, 2), int), r"found shape \(57, 2\)"),
        (np.linspace(0, 1, 57), r"expected whole numbers, found values in \[0, 1\]"),
        (np.full(57, np.nan), "expected whole numbers"),
        (np.full(57, np.inf), "expected whole numbers"),
        (np.full(57, 2**63, np.uint64), "expected whole numbers"),
        (["cat"] * 57, r"found text.*numpy.unique\(labels, return_inverse=True\)"),
        (np.array(["cat"] * 57, object), "labels: expected real numbers, found dtype object"),
    ],
)
def test_labels_that_are_none_are_refused(images, labels, said):
    with pytest.raises(DataError, match=said):
        Dataset.from_arrays(images, labels=labels)


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(57, dtype=np.uint8),
        np.arange(57, dtype=">i4"),
        np.arange(57.0),
        np.arange(57)[:, None],
        torch.arange(57),
        list(range(57)),
    ],
)
def test_labels_of_any_whole_kind_become_int64(images, labels):
    (split,) = Dataset.from_arrays(images, labels=labels).splits
    found = np.concatenate([split.train_labels, split.valid_labels, split.test_labels])
    assert (found.dtype, sorted(found.tolist())) == (np.int64, list(range(57)))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.linspace(-1, 1, 40).reshape(20, 2), r"images: expected values in \[0, 1\], found \[-1, 1\].*Rescale"),
        (torch.full((20, 2), torch.nan), r"images: found NaN or infinity. Leave out"),
        (np.array([[0.5, np.inf]] * 20), "images: found NaN or infinity. Leave out"),
        (np.ma.array([[0.5, 0.5]] * 20, mask=[[0, 1]] * 20), "images: found a masked array, whose mask would be lost"),
        (np.full((20, 2), 65535, np.uint16), r"found uint16. Found values in \[65535, 65535\]: divide them by"),
        (np.full((20, 2), -3, np.int8), r"found int8. Found values in \[-3, -3\]: divide them by"),
        (torch.zeros(20, 2, dtype=torch.int64), r"found int64.*astype\(numpy\.uint8\)"),
        (torch.zeros(20, 2, dtype=torch.complex64), "expected real numbers, found dtype complex64"),
        ([[0.5], [0.5, 0.5]], "expected an array or a tensor, found list"),
        (torch.zeros(20, 2).to_sparse(), "expected an array or a tensor, found Tensor"),
        ("images.npz", "expected real numbers"),
        (np.ones((20, 2), np.uint8), r"0 and 1 only.*astype\(numpy\.float32\)"),
        (np.zeros((9, 2)), "at least 10 examples, found 9"),
        (np.array(0.5), r"found shape \(\)"),
    ],
)
def test_what_is_no_set_of_images_is_refused(array, said):
    with pytest.raises(DataError, match=said):
        Dataset.from_arrays(array)


def test_a_masked_array_without_a_masked_value_is_taken(images):
    (split,) = Dataset.from_arrays(np.ma.array(images)).splits
    (expected,) = Dataset.from_arrays(images).splits
    assert np.array_equal(split.train, expected.train)


def test_the_part_that_is_wrong_is_named(images):
    with pytest.raises(DataError, match=r"^valid: expected values in \[0, 1\]"):
        Dataset.from_arrays(train=images, valid=images * 255, test=images)
    with pytest.raises(DataError, match=r"^test_labels: expected one label for each of 57"):
        Dataset.from_arrays(train=images, valid=images, test=images, test_labels=[1])
    with pytest.raises(DataError, match="different shapes"):
        Dataset.from_arrays(train=images, valid=images, test=images[:, :2])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "train and valid and test missing"),
        ("train test", "valid missing"),
        ("images train", "images came with train"),
        ("images test_labels", "images came with test_labels"),
        ("train valid test labels", "labels came without images"),
        ("labels", "train and valid and test missing"),
    ],
)
def test_arguments_that_do_not_fit_together_are_a_usage_error(images, given, said):
    with pytest.raises(UsageError, match=f"either images .*, or train, valid and test.*; {said}"):
        Dataset.from_arrays(**dict.fromkeys(given.split(), images))
