"""The scale of numbers that others wrote, brought to that of the data: found and said where it is certain, else asked.

A scale is written `A..B`: the values that stand for black and white (`0..255`, `-1..1`; `255..0` for inverted images),
or `standardised` (zero mean and unit deviation by those of the training data), or `data` (as they are).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganbench.datasets.cifar10 import global_contrast_normalise
from ganbench.datasets.layout import Note
from ganbench.errors import DataError, UsageError

__all__ = ["TOLERANCE", "Target", "check_scale", "exact_range", "interval", "looks_like", "rescaled"]

TOLERANCE = 1e-3
"""How far samples may leave the range of the data, as rounding to half precision makes them."""

_INTERVAL = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")
_PROBED = 1_000
_FAR = 20.0  # a spread by which no sample of the data could be taken for the other


def check_scale(scale: str) -> str:
    """A scale as it is given.

    Raises:
        UsageError: It is none.
    """
    if scale not in ("data", "standardised") and (interval(scale) or (0, 0))[0] == (interval(scale) or (0, 0))[1]:
        raise UsageError(
            f"The scale {scale!r} is not known. Expected the values of black and white, as --scale=0..255, "
            "--scale=-1..1 or --scale=1..0 (inverted), --scale=standardised, or --scale=data (as they are)."
        )
    return scale


def interval(scale: str) -> tuple[float, float] | None:
    """The ends of a scale `A..B`, or None."""
    match = _INTERVAL.fullmatch(scale)
    return (float(match[1]), float(match[2])) if match else None


@dataclass(frozen=True)
class Target:
    """The scale of the data that samples are held against.

    Args:
        train: The training examples.
        value_range: The smallest and the largest value an example may hold.
    """

    train: np.ndarray
    value_range: tuple[float, float]

    @property
    def is_unit(self) -> bool:
        """Whether the data lie in [0, 1]."""
        return self.value_range == (0.0, 1.0)

    @cached_property
    def contrast_norm(self) -> float | None:
        """The norm of every example, where all have mean 0 and the same norm; else None."""
        if self.is_unit or not math.isfinite(self.value_range[1]):
            return None
        rows = self.train[:_PROBED].reshape(min(len(self.train), _PROBED), -1).astype(np.float64)
        norms = np.linalg.norm(rows, axis=1)
        flat = np.abs(rows.mean(1)).max() < 1e-4 * norms.max() / math.sqrt(rows.shape[1])
        return float(norms.mean()) if flat and np.ptp(norms[norms > 0]) < 1e-3 * norms.mean() else None

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of all training values."""
        return float(self.train.mean(dtype=np.float64)), float(self.train.std(dtype=np.float64))


def rescaled(array: np.ndarray, target: Target, scale: str | None, where: str) -> tuple[np.ndarray, list[Note]]:
    """Samples on the scale of the data as float32, by the scale that is given, or the one that they certainly have.

    Raises:
        DataError: The scale is not certain and none is given, or what comes out does not fit the data.
    """
    low, high = float(array.min()), float(array.max())
    found = _certain_scale(array, low, high, target, where) if scale is None else check_scale(scale)
    result, how = _converted(array, found, target, where)
    exact_range(result, target.value_range, where)
    if not how:
        return result, []
    origin = "as --scale says" if scale else "taken for"
    return result, [Note("scale", f"Found values in [{low:g}, {high:g}], {origin} {found}: {how}.")]


def exact_range(samples: np.ndarray, value_range: tuple[float, float], where: str) -> None:
    """Refuse samples that leave the range of the data.

    Raises:
        DataError: They do, by more than `TOLERANCE`.
    """
    low, high = float(samples.min()), float(samples.max())
    least, most = value_range
    slack = TOLERANCE * (1.0 if math.isinf(most - least) else most - least)
    if low >= least - slack and high <= most + slack:
        return
    advice = "Bring them to the scale of the data."
    if value_range == (0.0, 1.0):
        advice = _advice(low, high) or advice
    raise DataError(f"{where}: samples range from {low:g} to {high:g}; the data lie in [{least:g}, {most:g}]. {advice}")


def _advice(low: float, high: float) -> str:
    if high > 2 and low >= 0 and high <= 255:
        return "They look like 0..255: divide by 255."
    if low >= -1 - TOLERANCE and high <= 1 + TOLERANCE:
        return "They look like -1..1: use (x + 1) / 2."
    return ""


def looks_like(array: np.ndarray, low: float, high: float) -> str | None:
    """The scale that pictures certainly have: `0..1`, `0..255` or `-1..1`; None where it is not certain."""
    if array.dtype.kind == "b":
        return "0..1"
    if 128 <= high <= 255 and low >= 0 and np.array_equal(array, np.floor(array)):
        return "0..255"
    if low >= -TOLERANCE and high <= 1 + TOLERANCE:
        return None if array.dtype == np.uint8 and high == 1 else "0..1"
    saturated = -1 - TOLERANCE <= low <= -0.9 and 0.9 <= high <= 1 + TOLERANCE
    return "-1..1" if saturated and array.dtype.kind == "f" else None


def _certain_scale(array: np.ndarray, low: float, high: float, target: Target, where: str) -> str:
    found = looks_like(array, low, high)
    if target.is_unit:
        twice = found == "0..1" and array.dtype.kind == "f" and 0 < high * 255 <= 1 + TOLERANCE < 128 * _top(target)
        if found is None or twice:
            raise DataError(_question(array, low, high, where, twice=twice))
        return found
    if target.contrast_norm is not None and found in ("0..1", "0..255") and high > low:
        return found
    if not _is_near(array, low, high, target):
        mean, deviation = target.moments
        raise DataError(
            f"{where}: samples range from {low:g} to {high:g}, standard deviation {array.std(dtype=np.float64):.3g}; "
            f"the training data have mean {mean:.3g} and standard deviation {deviation:.3g}. Bring them to the scale "
            "of the data, or say what they are: --scale=standardised, --scale=data (as they are)"
            + (", --scale=0..255, --scale=-1..1." if target.contrast_norm is not None else ".")
        )
    return "data"


def _top(target: Target) -> float:
    return float(target.train.max())


def _is_near(array: np.ndarray, low: float, high: float, target: Target) -> bool:
    """Whether samples could be data by their size alone; what is the same everywhere is near if it lies among them."""
    deviation = target.moments[1]
    least, most = float(target.train.min()), float(target.train.max())
    reach = _FAR * max(deviation, 1e-30)
    if low < least - reach or high > most + reach:
        return False
    return high == low or array.std(dtype=np.float64) * _FAR > deviation


def _question(array: np.ndarray, low: float, high: float, where: str, *, twice: bool) -> str:
    found = f"{where}: samples range from {low:g} to {high:g}; the data lie in [0, 1]."
    whole = np.array_equal(array, np.floor(array))
    if twice:
        return (
            f"{found} They look divided by 255 twice. Multiply them by 255, or say --scale=0..1 if they are that dark."
        )
    if array.dtype == np.uint8 and high == 1:
        return f"{found} uint8 with 0 and 1 only: say --scale=0..1 for binary images, --scale=0..255 for grey levels."
    if low >= 0 and high <= 255:
        levels = f"whole numbers up to {high:g}" if whole else "fractions"
        return (
            f"{found} They look like 0..255, but are {levels}: say --scale=0..255, or the true one, as "
            f"--scale=0..{math.ceil(high)}."
        )
    if low >= -1 - TOLERANCE and high <= 1 + TOLERANCE:
        return f"{found} They may be on -1..1: say --scale=-1..1 if so."
    return f"{found} {_described(array)}"


def _described(array: np.ndarray) -> str:
    rows = array[:_PROBED].reshape(min(len(array), _PROBED), -1).astype(np.float64)
    norms = np.linalg.norm(rows, axis=1)
    own_means = np.abs(rows.mean(1)).max()
    if own_means < 1e-3 * rows.std() and np.ptp(norms) < 1e-2 * norms.mean():
        return "Every one has mean 0 and the same norm: contrast was normalised, which cannot be undone."
    if abs(rows.mean()) < 0.5 and 0.3 < rows.std() < 3:
        return (
            "They look standardised: say --scale=standardised to undo that by mean and deviation of the training data, "
            "or undo it yourself."
        )
    return "Bring them to the scale of the data, or name theirs by its black and white, as --scale=-0.5..0.5."


def _converted(array: np.ndarray, scale: str, target: Target, where: str) -> tuple[np.ndarray, str]:
    """Samples as float32 on the scale of the data, and what was done, or nothing."""
    ends = interval(scale)
    if scale == "standardised":
        mean, deviation = target.moments
        result = _float32(array.astype(np.float64) * deviation + mean)
        return result, f"multiplied by {deviation:.4g} and {mean:.4g} added, as the training data have them"
    if ends is None or (target.is_unit and ends == (0.0, 1.0)):
        return _float32(array), ""
    unit = (
        _float32((array.astype(np.float64) - ends[0]) / (ends[1] - ends[0])) if ends != (0.0, 1.0) else _float32(array)
    )
    if target.is_unit:
        return unit, f"{ends[0]:g} becomes 0 and {ends[1]:g} becomes 1"
    norm = target.contrast_norm
    if norm is None:
        raise DataError(
            f"{where}: --scale={scale} is for images; these data have no black and white. Use --scale=data."
        )
    return global_contrast_normalise(unit, norm), f"normalised in contrast to mean 0 and norm {norm:.4g}, as the data"


def _float32(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told of elsewhere
        return np.ascontiguousarray(array, dtype=np.float32)
