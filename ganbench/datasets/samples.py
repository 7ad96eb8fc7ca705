"""Samples of others beside the data: their numbers, layout and scale made those of the data, and said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ganbench.datasets._arrays import as_array
from ganbench.datasets.layout import Note, find_layout
from ganbench.datasets.scale import Target, exact_range, rescaled
from ganbench.errors import DataError

__all__ = ["FittedSamples", "exact_samples", "fit_samples"]

_ALIKE = 0.8
_CLEARLY = 4.0


class FittedSamples(NamedTuple):
    """Samples as float32 `[n, *event_shape]` on the scale of the data, and what was made of them."""

    samples: np.ndarray
    notes: tuple[Note, ...] = ()


def exact_samples(
    samples: Any, *, event_shape: Sequence[int], value_range: tuple[float, float], origin: str
) -> np.ndarray:
    """Samples of a model, which knows the data: float32 `[n, *event_shape]`, from that shape or flat rows.

    Raises:
        DataError: Wrong shape, not finite, not numbers, or out of the range of the data.
    """
    array = as_array(samples, origin)
    shape, flat = tuple(event_shape), math.prod(event_shape)
    if array.ndim == 0 or len(array) == 0 or array.shape[1:] not in (shape, (flat,)):
        raise DataError(
            f"{origin}: samples have shape {list(array.shape)}; expected [n, {', '.join(map(str, shape))}] or "
            f"[n, {flat}] with n >= 1."
        )
    array = _finite(array, origin).reshape(len(array), *shape)
    exact_range(array, value_range, origin)
    return array


def fit_samples(
    samples: Any,
    *,
    train: np.ndarray,
    value_range: tuple[float, float],
    origin: str,
    scale: str | None = None,
    layout: str | None = None,
) -> FittedSamples:
    """Samples from a file or an array, made like the data.

    What is certain is converted, and a note says so; what is not is asked for. Images whose mean looks like that of
    the data transposed or inverted get a warning.

    Args:
        samples: An array or tensor.
        train: The training examples `[m, *event_shape]`.
        value_range: The smallest and the largest value an example may hold.
        origin: What the samples are called in errors.
        scale: Their scale, see `ganbench.datasets.scale`; found by default.
        layout: Their layout, see `ganbench.datasets.layout`; found by default.

    Raises:
        DataError: They are not numbers, not finite, or fit the data in no way, or in several.
        UsageError: Scale or layout are not known words.
    """
    array = as_array(samples, origin)
    if array.size == 0 or array.ndim < 2:
        shape = ", ".join(map(str, train.shape[1:]))
        raise DataError(f"{origin}: samples have shape {list(array.shape)}; expected [n, {shape}] with n >= 1.")
    array, layout_notes = find_layout(array, train.shape[1:], layout, origin)
    array = _finite(array, origin) if array.dtype.kind == "f" else array
    array, scale_notes = rescaled(array, Target(train, value_range), scale, origin)
    _check_finite(array, origin)
    return FittedSamples(array, (*layout_notes, *scale_notes, *_doubts(array, train)))


def _finite(array: np.ndarray, origin: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told below
        array = np.ascontiguousarray(array, dtype=np.float32)
    _check_finite(array, origin)
    return array


def _check_finite(array: np.ndarray, origin: str) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        bad = int((~finite.reshape(len(array), -1).all(1)).sum())
        raise DataError(f"{origin}: {bad} of {len(array)} samples hold NaN or infinity; they cannot be scored.")


def _doubts(samples: np.ndarray, train: np.ndarray) -> list[Note]:
    """Whether the mean of images is like that of the data once it is transposed or inverted, and not before."""
    if train.ndim < 3:
        return []
    mean, target = samples.mean(0, dtype=np.float64), train.mean(0, dtype=np.float64)
    as_they_are = _correlation(mean, target)
    others = {"inverted": -as_they_are}
    letters = "CHW" if train.ndim == 4 else "HW"
    ways = {"inverted": "--scale=1..0 (or --scale=255..0 for 0..255)", "transposed": f"--layout N{letters[:-2]}WH"}
    if mean.shape[-1] == mean.shape[-2] and train.ndim <= 4:
        others["transposed"] = _correlation(mean.swapaxes(-1, -2), target)
        others["inverted and transposed"] = -others["transposed"]
        ways["inverted and transposed"] = f"{ways['inverted']} and {ways['transposed']}"
    if train.ndim == 4:
        channels, height, width = mean.shape
        strung = np.moveaxis(mean.reshape(height, width, channels), -1, 0)
        others["strung together with channels last"], ways["strung together with channels last"] = (
            _correlation(strung, target),
            "--layout NHWC",
        )
    best = max(others, key=lambda name: others[name])
    if others[best] < _ALIKE or (1 - as_they_are) < _CLEARLY * (1 - others[best]):
        return []
    text = (
        f"The mean of the samples is like that of the training data when it is {best} (correlation "
        f"{others[best]:.2f}), not as it is ({as_they_are:.2f}). If the samples are, say {ways[best]}."
    )
    return [Note("orientation", text, is_warning=True)]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float((first * second).sum() / length) if length > 0 else 0.0
