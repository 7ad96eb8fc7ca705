"""The 8x8 handwritten digits that come with scikit-learn: no download, small enough to run in minutes.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998);
scikit-learn carries its test part, 1797 images with 17 grey levels.
"""

from __future__ import annotations

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
    from sklearn.datasets import load_digits

    source = load_digits()
    levels, labels = source.images.astype(np.uint8), source.target.astype(np.uint8)
    return Dataset(
        name="digits",
        event_shape=(8, 8),
        value_range=(0.0, 1.0),
        checksum=content_checksum(levels, labels),
        splits=stratified_splits(unit_interval(levels, 16), labels),
        notes="Five stratified folds of ours; fold k tests on part k and validates on part k + 1 (mod 5).",
    )
