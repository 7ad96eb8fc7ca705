"""Data and samples of the user's own, from files of many formats (`ganbench.datasets.readers`)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganbench.datasets._arrays import as_array, from_bfloat16
from ganbench.datasets._members import choose_data, choose_samples, numeric_members
from ganbench.datasets._sources import expanded
from ganbench.datasets.base import ROLES, Dataset
from ganbench.datasets.layout import Note, guess_layout
from ganbench.datasets.readers import find_format, read_chosen
from ganbench.datasets.readers.member import Member
from ganbench.datasets.scale import check_scale, interval, looks_like
from ganbench.errors import DataError, UsageError

__all__ = ["StoredSamples", "is_array_file", "load", "read_array_file", "read_samples"]

_SETTINGS = re.compile(r"(.+)\[((?:scale|layout)=[^\[\]]*)\]")
_SMALL = 16  # a vector of fewer values is no picture
_UNBOUNDED = (-math.inf, math.inf)


class StoredSamples(NamedTuple):
    """The samples of a file as they are stored, and their labels where there are any."""

    samples: np.ndarray
    labels: np.ndarray | None


def is_array_file(spec: str | Path) -> bool:
    """Whether a spec names a file of arrays, by how it ends, or a folder."""
    return bool(str(spec)) and find_format(expanded(_without_settings(spec))) is not None


def read_array_file(
    path: str | Path, needed: Sequence[str] = (), *, max_bytes: int | None = None
) -> dict[str, np.ndarray]:
    """All arrays of real numbers in a file by name; that of a `.npy` file is named `arr_0`.

    They are in native byte order; bfloat16 becomes float32 and longdouble float64. What else an archive holds (texts,
    objects, files that are no arrays) is left out.

    Args:
        path: The file, or a folder of pictures.
        needed: Names that stand for numbers: where the file has them, they are never left out.
        max_bytes: How many bytes the arrays may take; by default `ganbench.datasets.readers.member.MAX_BYTES`.

    Raises:
        DataError: The file is missing, of another kind, damaged, too large, holds no real numbers, or one of `needed`
            is none.
    """
    path = expanded(path)
    return _as_numbers(read_chosen(path, lambda members: numeric_members(members, path, needed), max_bytes), path)


def read_samples(path: str | Path, *, max_bytes: int | None = None) -> StoredSamples:
    """The samples of a file: its array `samples`, `images` or `arr_0`, or the only one that is more than a vector.

    Raises:
        DataError: The file is missing, damaged or too large, or holds no real numbers.
        UsageError: Which of its arrays are the samples cannot be told.
    """
    path, chosen = expanded(path), dict[str, str]()

    def choose(members: Mapping[str, Member]) -> Sequence[str]:
        chosen.update(choose_samples(members, path))
        return list(chosen.values())

    arrays = _as_numbers(read_chosen(path, choose, max_bytes), path)
    labels = chosen.get("labels")
    return StoredSamples(arrays[chosen["samples"]], None if labels is None else arrays[labels])


def load(path: str | Path, *, max_bytes: int | None = None) -> Dataset:
    """Read a data set from a file of the user's, by `Dataset.from_arrays`; its name is the stem of the file.

    An archive with the arrays `train`, `valid` and `test` (and `train_labels`, ...; also `x_train`, `y_train`, ...) is
    one split as it stands; without `valid`, the last of `train` are that. In any other, `images` or the only array that
    is more than a vector is shuffled and cut in 80, 10 and 10 percent, and `labels` or the only vector of as many whole
    numbers is its labels. Layout and scale are found where they are certain; the notes say what was found, and name
    the arrays that were not read. Flat rows that lie outside [0, 1] are real-valued vectors, without a range.

    Args:
        path: The path, and in brackets behind it what cannot be found, as in `x.npy[scale=0..255,layout=NHWC]`.
        max_bytes: How many bytes the arrays may take; by default `ganbench.datasets.readers.member.MAX_BYTES`.

    Raises:
        DataError: The file cannot be read, its arrays are named otherwise, or values or shapes are not as
            `Dataset.from_arrays` takes them, or could be meant in several ways.
        UsageError: What the brackets say is not known.
    """
    settings = _settings(path)
    path, chosen, unread = expanded(_without_settings(path)), dict[str, str](), list[str]()

    def choose(members: Mapping[str, Member]) -> Sequence[str]:
        chosen.update(choose_data(members, path))
        unread.extend(sorted(n for n, m in members.items() if m.is_numeric and n not in chosen.values()))
        return list(chosen.values())

    arrays = _as_numbers(read_chosen(path, choose, max_bytes), path)
    parts = {role: arrays[name] for role, name in chosen.items()}
    try:
        notes = _cut_valid(parts) + _arrange(parts, settings.get("layout"))
        value_range, scale_notes = _scale(parts, settings.get("scale"))
        texts = [note.text for note in (*notes, *scale_notes)] + ([f"Not read: {', '.join(unread)}."] if unread else [])
        return Dataset.from_arrays(**parts, name=path.stem, notes=" ".join(texts), value_range=value_range)
    except DataError as error:
        raise DataError(f"{path}, {error}") from error


def _without_settings(spec: str | Path) -> str:
    match = None if os.path.exists(spec) else _SETTINGS.fullmatch(str(spec))
    return match[1] if match else str(spec)


def _settings(spec: str | Path) -> dict[str, str]:
    text = str(spec)[len(_without_settings(spec)) :].strip("[]")
    settings = dict(part.strip().split("=", 1) for part in text.split(",") if "=" in part)
    if unknown := sorted(set(settings) - {"scale", "layout"}) or [p for p in text.split(",") if text and "=" not in p]:
        raise UsageError(f"{str(spec)!r}: {unknown[0]!r} is not known; a file of data takes scale=... and layout=...")
    return {name: value.strip().strip("\"'") for name, value in settings.items()}


def _as_numbers(arrays: Mapping[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    return {name: as_array(from_bfloat16(array), f"{path}, array {name!r}") for name, array in arrays.items()}


def _cut_valid(parts: dict[str, np.ndarray]) -> list[Note]:
    """Where there are train and test, but no valid: the last of train, as many as test has, at most a fifth."""
    if "train" not in parts or "valid" in parts:
        return []
    n = min(len(parts["test"]), len(parts["train"]) // 5)
    for end in ("", "_labels"):
        if f"train{end}" in parts and n:
            parts[f"train{end}"], parts[f"valid{end}"] = parts[f"train{end}"][:-n], parts[f"train{end}"][-n:]
    if "valid" not in parts:
        raise DataError("there is no part 'valid', and too few examples in 'train' to take some.")
    return [Note("valid", f"No part valid: it is the last {n} of train.")]


def _arrange(parts: dict[str, np.ndarray], layout: str | None) -> list[Note]:
    """Give all parts the shape `[n, ...]`, channels first."""
    notes: list[Note] = []
    for role in ("images", *ROLES):
        if role in parts:
            labels = parts.get("labels" if role == "images" else f"{role}_labels")
            parts[role], said = guess_layout(parts[role], layout, None if labels is None else labels.size, role)
            notes += said if role in ("images", "train") else []
            if labels is not None and labels.ndim == 2 and 1 in labels.shape:
                parts["labels" if role == "images" else f"{role}_labels"] = labels.ravel()
    return notes


def _scale(parts: dict[str, np.ndarray], scale: str | None) -> tuple[tuple[float, float], list[Note]]:
    """Bring the parts to [0, 1] or to uint8 in 0..255, or leave them as vectors of any range."""
    role = "images" if "images" in parts else "train"
    first = parts[role]
    if first.ndim < 2 or first.size == 0 or (scale is None and not np.isfinite(first).all()):
        return (0.0, 1.0), []  # refused by `Dataset.from_arrays`
    low, high = float(first.min()), float(first.max())
    found = check_scale(scale) if scale else _certain_scale(first, low, high, role)
    if found == "standardised":
        raise UsageError("scale=standardised is for samples, beside data whose mean and deviation are known.")
    value_range = _UNBOUNDED if found == "data" else (0.0, 1.0)
    changed = False
    for name in ("images", *ROLES):
        if name in parts:
            before = parts[name]
            parts[name] = _converted(before, found)
            changed |= parts[name] is not before
    if found == "data":
        return value_range, [Note("scale", f"Real-valued, in [{low:g}, {high:g}] and without a range.")]
    text = f"Found values in [{low:g}, {high:g}], {'as scale says' if scale else 'taken for'} {found}."
    return value_range, [Note("scale", text)] if changed else []


def _certain_scale(array: np.ndarray, low: float, high: float, where: str) -> str:
    if array.dtype == np.uint8:
        if high != 1:
            return "0..255"
        raise DataError(f"{where}: uint8 is read as grey levels 0..255, found 0 and 1 only. {_ask('0..1', '0..255')}")
    found, flat = looks_like(array, low, high), array.ndim == 2
    if found == "0..1" or (found and not flat):
        return found
    if flat and not (found and array.shape[1] >= _SMALL):
        return "data"
    if flat:
        what = f"pictures on {found} or vectors of real numbers? {_ask(str(found), 'data')}"
        raise DataError(f"{where}: found flat rows in [{low:g}, {high:g}]: {what}")
    raise DataError(f"{where}: expected values in [0, 1], found [{low:g}, {high:g}]. {_ask('0..255', '-1..1', 'data')}")


def _ask(*scales: str) -> str:
    *others, last = [f"[scale={scale}]" for scale in scales]
    return f"Rescale them, or say behind the path what they are: {', '.join(others)} or {last}."


def _converted(array: np.ndarray, scale: str) -> np.ndarray:
    """On [0, 1], as uint8 or floating point; the array itself where nothing is to be done."""
    ends = interval(scale)
    if ends is None or ends == (0.0, 1.0):
        return array if array.dtype.kind == "f" else array.astype(np.float32)
    if ends == (0.0, 255.0) and np.array_equal(array, np.floor(array)) and array.min() >= 0 and array.max() <= 255:
        return array if array.dtype == np.uint8 else array.astype(np.uint8)
    return ((array.astype(np.float64) - ends[0]) / (ends[1] - ends[0])).astype(np.float32)
