"""FER-2013, 48x48 grey faces with seven expressions: the public set nearest to the Toronto Face Database.

Source: I. Goodfellow et al., Challenges in Representation Learning: A Report on Three Machine Learning Contests (2013).

Known defects, which are kept as they are: 280 images of the PublicTest part and 288 of the PrivateTest part are
pixel-identical to training images, and 12 images are blank (one grey level). A model that memorises gains from the
former.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import class_labels, grey_levels, read_arrays, unit_interval
from ganbench.datasets._folds import shared_train_splits
from ganbench.datasets._sources import find_file
from ganbench.datasets.base import Dataset, content_checksum
from ganbench.errors import DataError

__all__ = ["load"]

_EVENT_SHAPE = (48, 48)
_SIZES = (28_709, 7_178)
_IS_TRAINING = {"Training": True, "PublicTest": False, "PrivateTest": False}
_REMEDY = (
    "The faces are given for research by the Kaggle contest 'Challenges in Representation Learning: Facial Expression "
    "Recognition Challenge': put its fer2013.csv there."
)
_NOTES = (
    "Train is the 28,709 training images (unlabelled) in all folds; the 7,178 test images are cut into five folds of "
    "ours, stratified by expression. Known defects, kept: 280 PublicTest and 288 PrivateTest images are "
    "pixel-identical to training images, and 12 images are blank."
)


@dataclass(frozen=True)
class _Faces:
    train: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def load(root: Path, *, download: bool = False, sizes: tuple[int, int] = _SIZES) -> Dataset:
    """Read FER-2013 from `fer2013.npz`, `fer2013/fer2013.csv` or `fer2013.csv`: images `[48, 48]`, levels / 255.

    The training images are the train part of every fold. The test images (PublicTest and PrivateTest) are cut into five
    parts, stratified by expression with seed 0: fold k tests on part k and validates on part k + 1 (mod 5). The
    sources give the same checksum. See the module's text for known defects of the images.

    Args:
        root: The folder of the data.
        download: Not used: the contest gives the data to those who log in.
        sizes: How many training and test images there must be.

    Raises:
        DataError: No file is there, it cannot be read, or images are missing.
    """
    names = ("fer2013.npz", "fer2013/fer2013.csv", "fer2013.csv")
    path = find_file("fer2013", [root / name for name in names], _REMEDY)
    faces = _read_npz(path) if path.suffix == ".npz" else _read_csv(path)
    found = len(faces.train), len(faces.test)
    if found != sizes or len(faces.test_labels) != sizes[1]:
        labels = len(faces.test_labels)
        raise DataError(f"{path}: expected {sizes} training and test images, found {found} and {labels} test labels.")
    return Dataset(
        name="fer2013",
        event_shape=_EVENT_SHAPE,
        value_range=(0.0, 1.0),
        checksum=content_checksum(faces.train, faces.test, faces.test_labels),
        splits=shared_train_splits(unit_interval(faces.train), unit_interval(faces.test), faces.test_labels),
        notes=_NOTES,
    )


def _read_npz(path: Path) -> _Faces:
    names = ("train_images", "test_images", "test_labels")
    train, test, labels = read_arrays(path, names).values()
    return _Faces(
        grey_levels(train, f"{path}, array 'train_images'", _EVENT_SHAPE),
        grey_levels(test, f"{path}, array 'test_images'", _EVENT_SHAPE),
        class_labels(labels, f"{path}, array 'test_labels'"),
    )


def _read_csv(path: Path) -> _Faces:
    """Rows of emotion, pixels (48 * 48 numbers with blanks between) and usage."""
    train, test, test_labels = [], [], []
    for training, pixels, label in _rows(path):
        if training:
            train.append(pixels)
        else:
            test.append(pixels)
            test_labels.append(label)
    return _Faces(_stack(train), _stack(test), np.array(test_labels, np.uint8))


def _rows(path: Path) -> Iterator[tuple[bool, bytes, int]]:
    try:
        # Bytes that are no text become a character that is no number, which the row's own check reports.
        with path.open(newline="", encoding="ascii", errors="replace") as file:
            reader = csv.DictReader(file)
            if not {"emotion", "pixels", "Usage"} <= set(reader.fieldnames or ()):
                raise DataError(f"{path}: expected the columns emotion, pixels, Usage; found {reader.fieldnames}.")
            for row in reader:
                yield _read_row(row, f"{path}, line {reader.line_num}")
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error


def _read_row(row: dict[str, str], where: str) -> tuple[bool, bytes, int]:
    try:
        # `bytes` refuses what is not in 0..255.
        training, pixels, label = (
            _IS_TRAINING[row["Usage"]],
            bytes(map(int, row["pixels"].split())),
            int(row["emotion"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: cannot be read: {error}. The file is damaged or truncated.") from error
    if len(pixels) != _EVENT_SHAPE[0] * _EVENT_SHAPE[1] or not 0 <= label < 7:
        raise DataError(f"{where}: expected 2304 pixels and an expression 0..6, found {len(pixels)} and {label}.")
    return training, pixels, label


def _stack(images: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(images), np.uint8).reshape(-1, *_EVENT_SHAPE)
