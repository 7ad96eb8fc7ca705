"""The Toronto Face Database, for those who were given it: it is distributed by permission only.

Source: J. Susskind, A. Anderson, G. Hinton, The Toronto Face Database, University of Toronto technical report (2010).
The codes of the field `folds` are those of pylearn2's reader: 0 unlabelled, 1 train, 2 valid, 3 test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import as_labels, grey_levels, unit_interval
from ganbench.datasets._sources import find_file, first_existing
from ganbench.datasets.base import Dataset, Split, content_checksum
from ganbench.datasets.readers import read_chosen
from ganbench.datasets.readers.member import Member
from ganbench.errors import DataError

__all__ = ["find", "load"]

_FILE = "TFD_48x48.mat"
_EVENT_SHAPE = (48, 48)
_N_FOLDS = 5
_UNLABELLED, _VALID, _TEST = 0, 2, 3
_FIELDS = ("images", "folds", "labs_ex", "labs_id")
_REMEDY = f"The Toronto Face Database is given by permission of its authors only: put {_FILE} there."


def find(root: Path) -> Path | None:
    """The file that `load` would read."""
    return first_existing(_candidates(root))


def load(root: Path, *, download: bool = False) -> Dataset:
    """Read `root/TFD_48x48.mat` (or `root/TFD/TFD_48x48.mat`): images `[48, 48]`, grey levels divided by 255.

    Every fold trains on the unlabelled images, the same ones, so that one model serves all folds; it validates and
    tests on the images that the column of the fold marks 2 and 3. The labels of these are the expressions as the file
    codes them, in `labs_ex`; the unlabelled images have none.

    Args:
        root: The folder of the data.
        download: Not used: there is nothing to download from.

    Raises:
        MissingDataError: The file is missing.
        DataError: The file is unreadable, or not of the published format.
    """
    path = find_file("tfd", _candidates(root), _REMEDY)
    fields = _read_fields(path)
    levels = grey_levels(fields["images"], f"{path}, field 'images'", _EVENT_SHAPE)
    folds = _check_folds(fields["folds"], len(levels), path)
    expressions = as_labels(fields["labs_ex"], len(levels), f"{path}, field 'labs_ex'")
    return Dataset(
        name="tfd",
        event_shape=_EVENT_SHAPE,
        value_range=(0.0, 1.0),
        checksum=content_checksum(levels, folds),
        splits=_splits(levels, folds, expressions),
        notes="Train is the unlabelled images, the same in all folds; valid and test are those of the official folds.",
    )


def _candidates(root: Path) -> tuple[Path, ...]:
    return (root / _FILE, root / "TFD" / _FILE)


def _read_fields(path: Path) -> dict[str, np.ndarray]:
    def choose(members: Mapping[str, Member]) -> tuple[str, ...]:
        missing = [name for name in _FIELDS if name not in members]
        if missing:
            raise DataError(f"{path} lacks the fields {missing}; it holds {sorted(members)}. It may be truncated.")
        return _FIELDS

    # MATLAB's N x 48 x 48 arrives as such: the first index is the image, whatever the order in memory.
    return read_chosen(path, choose)


def _check_folds(folds: np.ndarray, n: int, path: Path) -> np.ndarray:
    if folds.shape != (n, _N_FOLDS):
        raise DataError(
            f"{path}, field 'folds': expected shape ({n}, {_N_FOLDS}), one row an image; found {folds.shape}."
        )
    if not np.isin(folds, range(4)).all():
        raise DataError(f"{path}, field 'folds': expected codes 0 to 3, found {np.unique(folds).tolist()}.")
    unlabelled = folds == _UNLABELLED
    if (unlabelled != unlabelled[:, :1]).any():
        raise DataError(f"{path}, field 'folds': the unlabelled images (code 0) must be the same in all folds.")
    return np.ascontiguousarray(folds, dtype=np.uint8)


def _splits(levels: np.ndarray, folds: np.ndarray, expressions: np.ndarray) -> tuple[Split, ...]:
    train = unit_interval(levels[folds[:, 0] == _UNLABELLED])
    return tuple(
        Split(
            f"fold{k}",
            train=train,
            valid=unit_interval(levels[codes == _VALID]),
            test=unit_interval(levels[codes == _TEST]),
            valid_labels=expressions[codes == _VALID],
            test_labels=expressions[codes == _TEST],
        )
        for k, codes in enumerate(folds.T)
    )
