"""The 8x8 handwritten digits that come with scikit-learn: no download, small enough to run in minutes.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998);
scikit-learn carries its test part, 1797 images with 17 grey levels.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from ganbench.datasets._arrays import unit_interval
from ganbench.datasets._folds import stratified_splits
from ganbench.datasets.base import Dataset, content_checksum

__all__ = ["load"]


def load(root: Path, *, download: bool = False) -> Dataset:
    """Read the digits: 1797 images `[8, 8]`, grey levels 0..16 divided by 16.

    Five stratified folds by digit (shuffled with seed 0): fold k tests on part k, validates on part k + 1 (mod 5) and
    trains on the other three. Labels are the digits.

    Args:
        root: Not used: the data are part of scikit-learn.
        download: Not used.
    """
    levels, labels = _read()
    return Dataset(
        name="digits",
        event_shape=(8, 8),
        value_range=(0.0, 1.0),
        checksum=content_checksum(levels, labels),
        splits=stratified_splits(unit_interval(levels, 16), labels),
        notes="Five stratified folds of ours; fold k tests on part k and validates on part k + 1 (mod 5).",
    )


def _read() -> tuple[np.ndarray, np.ndarray]:
    """Grey levels uint8 `[1797, 8, 8]` and labels uint8 `[1797]`.

    Read from scikit-learn's file, as importing scikit-learn takes longer than all else that a cached run does; or from
    scikit-learn itself where its file is elsewhere.
    """
    found = importlib.util.find_spec("sklearn")
    path = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz" if found and found.origin else None
    if path is not None and path.is_file():
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
        return table[:, :-1].reshape(-1, 8, 8), table[:, -1]
    from sklearn.datasets import load_digits

    source = load_digits()
    return source.images.astype(np.uint8), source.target.astype(np.uint8)
