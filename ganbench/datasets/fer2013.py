"""FER-2013, 48x48 grey faces with seven expressions: the public set nearest to the Toronto Face Database.

Source: I. Goodfellow et al., Challenges in Representation Learning: A Report on Three Machine Learning Contests (2013).

Known defects, which the reader keeps as they are: 280 images of the PublicTest part and 288 of the PrivateTest part are
pixel-identical to training images, 44 of the PrivateTest part to PublicTest images, and 12 images are blank (one grey
level). A protocol says what is done about copies (`ganbench.datasets.duplicates`).
"""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import class_labels, grey_levels, read_arrays, unit_interval
from ganbench.datasets._cache import cached_arrays
from ganbench.datasets._folds import shared_train_splits
from ganbench.datasets._sources import find_file, first_existing
from ganbench.datasets.base import Dataset, content_checksum
from ganbench.errors import DataError

__all__ = ["find", "load"]

_EVENT_SHAPE = (48, 48)
_SIZES = (28_709, 3_589, 3_589)
_USAGES = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
_FILES = (
    "fer2013.npz",
    "fer2013/fer2013.csv",
    "fer2013/icml_face_data.csv",
    "fer2013.csv",
    "icml_face_data.csv",
)
_NAMES = tuple(f"{role}_{what}" for role in _USAGES.values() for what in ("images", "labels"))
_STORED = ("train_images", "test_images", "test_labels", "test_usage")
_COLUMNS = ("emotion", "pixels", "Usage")
_REMEDY = (
    "The faces are given for research by the Kaggle contest 'Challenges in Representation Learning: Facial Expression "
    "Recognition Challenge': put its fer2013.csv or icml_face_data.csv there (its train.csv and test.csv lack the "
    "expressions of the test images)."
)
_NOTES = (
    "Train is the contest's 28,709 training images in all folds; its 3,589 PublicTest and 3,589 PrivateTest images are "
    "cut into five parts of ours each, stratified by expression, to validate and to test on. 12 images are blank."
)


def find(root: Path) -> Path | None:
    """The file that `load` would read."""
    return first_existing(_candidates(root))


def load(root: Path, *, download: bool = False, sizes: tuple[int, int, int] = _SIZES) -> Dataset:
    """Read FER-2013 from an archive or a table of the contest: images `[48, 48]`, grey levels divided by 255.

    The files are `fer2013.npz`, `fer2013.csv` and `icml_face_data.csv`, in `root` or in `root/fer2013`; all give the
    same checksum. What is read from a table, which takes a while, is kept in the user's cache.

    The folds are those of the Toronto protocol in kind. There, models train once on the unlabelled faces, and every
    fold has its own validation and test faces. Here the contest's training images are the train part of every fold;
    its PublicTest and its PrivateTest images are each cut into five parts, stratified by expression with seed 0, and
    fold k validates on part k of the former and tests on part k of the latter. In the Toronto database the validation
    faces of one fold are test faces of another; here (but for some 40 copies) no image that any fold tests on is one
    that any validates on, so that what all folds share, an epoch or a preset, can be chosen on PublicTest images.

    Labels are the expressions 0..6; those of the training images may be missing from the archive, which says in
    `test_usage` which of its test images are "PublicTest" and which "PrivateTest". See the module's text for defects.

    Args:
        root: The folder of the data.
        download: Not used: the contest gives the data to those who log in.
        sizes: How many training, PublicTest and PrivateTest images there must be.

    Raises:
        MissingDataError: No file is there.
        DataError: The file cannot be read, or images are missing.
    """
    path = find_file("fer2013", _candidates(root), _REMEDY)
    arrays = _read_npz(path) if path.suffix == ".npz" else cached_arrays(path, "fer2013-2", _NAMES, _read_csv)
    train, valid, test = ((arrays[f"{role}_images"], arrays.get(f"{role}_labels")) for role in _USAGES.values())
    found = len(train[0]), len(valid[0]), len(test[0])
    if found != sizes:
        raise DataError(f"{path}: expected {sizes} images for {', '.join(_USAGES)}; found {found}.")
    return Dataset(
        name="fer2013",
        event_shape=_EVENT_SHAPE,
        value_range=(0.0, 1.0),
        checksum=content_checksum(train[0], *(array for part in (valid, test) for array in part if array is not None)),
        splits=shared_train_splits(*((unit_interval(images), labels) for images, labels in (train, valid, test))),
        notes=_NOTES,
    )


def _candidates(root: Path) -> list[Path]:
    return [root / name for name in _FILES]


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    stored = read_arrays(path, _STORED, optional=["train_labels"])
    usage = stored.pop("test_usage")
    arrays = {name: _checked(name, array, f"{path}, array {name!r}") for name, array in stored.items()}
    images, labels = arrays["test_images"], arrays["test_labels"]
    if usage.shape != labels.shape or len(images) != len(labels) or not np.isin(usage, list(_USAGES)[1:]).all():
        raise DataError(
            f"{path}: expected one of test_labels and one of test_usage ('PublicTest' or 'PrivateTest') for each of "
            f"{len(images)} test images; found {len(labels)} labels and usages {np.unique(usage).tolist()[:9]}, shape "
            f"{list(usage.shape)}."
        )
    for name, role in list(_USAGES.items())[1:]:
        arrays |= {f"{role}_images": images[usage == name], f"{role}_labels": labels[usage == name]}
    return arrays


def _checked(name: str, array: np.ndarray, where: str) -> np.ndarray:
    return class_labels(array, where) if name.endswith("labels") else grey_levels(array, where, _EVENT_SHAPE)


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    """Rows of emotion, pixels (48 * 48 numbers with blanks between) and usage, in any order of the columns."""
    try:
        # Bytes that are no text become a character that is no number, which the row's own check reports.
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file, warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # what NumPy before 2 says of text that is no number
            reader = csv.DictReader(file, skipinitialspace=True)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            if not set(_COLUMNS) <= set(reader.fieldnames):
                raise DataError(f"{path}: expected the columns {', '.join(_COLUMNS)}; found {reader.fieldnames}.")
            rows = [_read_row(row, f"{path}, line {reader.line_num}") for row in reader]
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    arrays = {}
    for role in _USAGES.values():
        chosen = [row for row in rows if row[0] == role]
        levels = np.frombuffer(b"".join(pixels for _, pixels, _ in chosen), np.uint8)
        arrays[f"{role}_images"] = levels.reshape(-1, *_EVENT_SHAPE)
        arrays[f"{role}_labels"] = np.array([label for _, _, label in chosen], np.uint8)
    return arrays


def _read_row(row: dict[str, str], where: str) -> tuple[str, bytes, int]:
    """The part of a row, its pixels and its label."""
    try:
        role, label = _USAGES[row["Usage"].strip()], int(row["emotion"])
        pixels = np.fromstring(row["pixels"], np.int64, sep=" ")
    except (KeyError, ValueError, TypeError, AttributeError, DeprecationWarning) as error:
        raise DataError(f"{where}: cannot be read: {error}. The file is damaged or truncated.") from error
    if pixels.size != math.prod(_EVENT_SHAPE) or not 0 <= label < 7:
        raise DataError(f"{where}: expected 2304 pixels and an expression 0..6, found {pixels.size} and {label}.")
    if pixels.min() < 0 or pixels.max() > 255:
        raise DataError(f"{where}: expected grey levels 0..255, found [{pixels.min()}, {pixels.max()}].")
    return role, pixels.astype(np.uint8).tobytes(), label
