"""A stored score held against the same score computed again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ganbench.metrics.metric import Value
from ganbench.records.record import Score

__all__ = ["ELSEWHERE", "HERE", "Agreement", "other_surroundings", "score_agreement", "stated_mean_differs"]

HERE = 1e-6
"""Relative difference that is let pass by the same processor and libraries: float32 sums in another order."""
ELSEWHERE = 1e-4
"""The same for other ones, whose products and exponentials differ."""

_PER_EXAMPLE = 1e-5  # the values of single examples are stored to six places


class Agreement(NamedTuple):
    """What came of it.

    Attributes:
        is_equal: Whether all numbers are the same, bit by bit.
        difference: The largest relative difference of a number.
        where: Which number that is, and its two values, in words.
    """

    is_equal: bool
    difference: float
    where: str


def score_agreement(stored: Score, again: Score) -> Agreement:
    """Hold two scores against each other, number by number.

    The difference of two numbers is relative to the larger one, or to the standard error where that is larger still: a
    value near zero is known no better than that. What only one of the two has differs infinitely.
    """
    found = [_difference(*numbers) for numbers in _numbers(stored, again)]
    codes, codes_again = ({finding.code for finding in score.findings} for score in (stored, again))
    if codes != codes_again:
        which = ", ".join(sorted(codes ^ codes_again))
        found.append(Agreement(False, math.inf, f"the finding {which} stands in one of the two only"))
    worst = max(found, key=lambda agreement: agreement.difference)
    return worst._replace(is_equal=all(agreement.is_equal for agreement in found))


def _numbers(stored: Score, again: Score) -> Iterator[tuple[str, Any, Any, float]]:
    """Named numbers and vectors of both; None for what one of them lacks."""
    for name in {**stored.values, **again.values}:
        one, other = stored.values.get(name), again.values.get(name)
        about = name.removesuffix("_low").removesuffix("_high")  # an end of an interval is known as its value is
        scale = max(_error(value) for score in (stored, again) for value in map(score.values.get, (name, about)))
        for field in ("value", "standard_error", "per_example"):
            label = name if field == "value" else f"{field.replace('_', ' ')} of {name}"
            yield label, getattr(one, field, None), getattr(other, field, None), scale
    for name in {**stored.curves, **again.curves}:
        curves = stored.curves.get(name), again.curves.get(name)
        for axis in ("x", "y"):
            first, second = (getattr(curve, axis, None) for curve in curves)
            yield f"{axis} of the curve {name}", first, second, 0.0


def _error(value: Value | None) -> float:
    return (value.standard_error or 0.0) if value is not None else 0.0


def _difference(name: str, one: Any, other: Any, scale: float) -> Agreement:
    if one == other:
        return Agreement(True, 0.0, "")
    first, second = np.atleast_1d(np.array(one, float)), np.atleast_1d(np.array(other, float))
    if one is None or other is None or first.shape != second.shape:
        return Agreement(False, math.inf, f"{name} is {_shown(one)} in the record, and {_shown(other)} computed again")
    scales = np.maximum(np.maximum(np.abs(first), np.abs(second)), max(scale, np.finfo(np.float64).tiny))
    relative = np.abs(first - second) / scales
    worst = int(relative.argmax())
    at = f" at {worst}" if len(first) > 1 else ""
    text = f"{name}{at} is {first[worst]:.9g} in the record, and {second[worst]:.9g} computed again"
    return Agreement(False, float(relative[worst]), text)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} numbers"
    return "missing" if value is None else f"{value:.9g}"


def stated_mean_differs(score: Score) -> str:
    """Which value is not the mean of the values of single examples that stand beside it; needs no samples."""
    for name, value in score.values.items():
        if value.per_example:
            mean = float(np.mean(value.per_example))
            if not math.isclose(value.value, mean, rel_tol=_PER_EXAMPLE, abs_tol=_PER_EXAMPLE):
                return f"{name} is {value.value:.9g}, and the mean of its values of single examples {mean:.9g}"
    return ""


def other_surroundings(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """In what two provenances differ that decides last bits: "torch 2.11.0, here 2.12.0"."""
    pairs = [(key, then.get(key), now.get(key)) for key in ("ganbench", "device", "device_name", "threads")]
    before, after = then.get("packages") or {}, now.get("packages") or {}
    names, absent = ("torch", "numpy", "scipy", "numba"), "not installed"
    pairs += [(name, before.get(name) or absent, after.get(name) or absent) for name in names]
    return [f"{key.replace('_', ' ')} {one}, here {other}" for key, one, other in pairs if one != other]
