"""Tables of numbers as text: one example a line, values between commas or tabs."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np

from ganbench.datasets.readers.member import Choose, Member, check_size, pick, printable
from ganbench.errors import DataError

__all__ = ["read"]

_LABELS = ("label", "labels", "class", "target", "y")


def read(path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    """`values`, `[n, d]` float64, and `labels` where a line of names has one of label, labels, class, target or y.

    A table without a line of names holds values only. See `ganbench.datasets.readers.read_chosen`.
    """
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        check_size(4 * os.path.getsize(path), path, max_bytes)  # two characters become eight bytes
        with path.open(encoding="utf-8-sig") as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # of an empty table
            names = [name.strip().strip('"').lower() for name in file.readline().split(delimiter)]
            named = not all(map(_is_number, names))
            if not named:
                file.seek(0)
            table = np.loadtxt(file, delimiter=delimiter, ndmin=2, quotechar='"', comments=None)
    except (OSError, ValueError, OverflowError, UserWarning) as error:
        raise DataError(
            f"{path} cannot be read as a table: {printable(error)}. Expected one example a line, numbers between "
            f"{'tabs' if delimiter == chr(9) else 'commas'}, and at most one line of names."
        ) from error
    if named and len(names) != table.shape[1]:
        raise DataError(f"{path}: its first line has {len(names)} names, the others {table.shape[1]} numbers.")
    return _chosen(table, names if named else [], path, choose, max_bytes)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _chosen(table: np.ndarray, names: list[str], path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    columns = [i for i, name in enumerate(names) if name in _LABELS]
    if len(columns) > 1:
        raise DataError(f"{path} has {len(columns)} columns of labels: {[names[i] for i in columns]}. Keep one.")
    arrays = {"values": table}
    if columns:
        arrays = {"values": np.delete(table, columns[0], axis=1), "labels": table[:, columns[0]]}
    members = {name: Member(array.shape, array.dtype) for name, array in arrays.items()}
    return {name: arrays[name] for name in pick(members, choose, path, max_bytes)}
