"""Checks of hyper-parameters: every message names the setting, the value met and what is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["number_between", "one_of", "positive_integer"]


def one_of(name: str, value: Any, accepted: Sequence[str]) -> None:
    """Refuse a value that is not among the accepted words."""
    if value not in accepted:
        raise ValueError(f"{name} is {value!r}; accepted: {', '.join(map(repr, accepted))}.")


def positive_integer(name: str, value: Any) -> None:
    """Refuse everything but 1, 2, 3, ..."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}; accepted: an integer of at least 1.")


def number_between(name: str, value: Any, low: float, high: float = float("inf"), *, low_included: bool = True) -> None:
    """Refuse what is not a number of [low, high], or of (low, high] where `low` is not included."""
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if not (numeric and (low <= value if low_included else low < value) and value <= high):
        left = "at least" if low_included else "above"
        right = "" if high == float("inf") else f" and at most {high:g}"
        raise ValueError(f"{name} is {value!r}; accepted: a number {left} {low:g}{right}.")
