"""Checks of hyper-parameters: a `ValueError` names the setting, the value met and what is accepted.

A sequence is checked entry by entry, as models take one value for all layers or one for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["check_choice", "check_flag", "check_integer", "check_number"]


def check_integer(name: str, value: Any, *, least: int = 1, most: float = math.inf) -> None:
    """Refuse what is not a whole number of [least, most].

    >>> check_integer("epochs", 2.5)
    Traceback (most recent call last):
        ...
    ValueError: epochs is 2.5; accepted: a whole number of at least 1.
    """
    for entry in _entries(value):
        if not isinstance(entry, int) or isinstance(entry, bool) or not least <= entry <= most:
            upper = f" and at most {most}" if most < math.inf else ""
            _refuse(name, value, f"a whole number of at least {least}{upper}")


def check_number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> None:
    """Refuse what is not a finite number within the bounds; `least` and `most` are included, the others are not.

    >>> check_number("momentum", 1.0, least=0, below=1)
    Traceback (most recent call last):
        ...
    ValueError: momentum is 1.0; accepted: a number of at least 0 and below 1.
    """
    bounds = {"of at least": least, "above": above, "at most": most, "below": below}
    text = " and ".join(f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None)
    for entry in _entries(value):
        numeric = isinstance(entry, int | float) and not isinstance(entry, bool) and math.isfinite(entry)
        if not (
            numeric
            and (least is None or entry >= least)
            and (above is None or entry > above)
            and (most is None or entry <= most)
            and (below is None or entry < below)
        ):
            _refuse(name, value, f"a number {text}".rstrip())


def check_choice(name: str, value: Any, accepted: Iterable[str]) -> None:
    """Refuse what is not among the accepted words.

    >>> check_choice("noise", "pink", ("uniform", "gaussian"))
    Traceback (most recent call last):
        ...
    ValueError: noise is 'pink'; accepted: 'uniform', 'gaussian'.
    """
    words = tuple(accepted)
    if not isinstance(value, str) or value not in words:
        _refuse(name, value, ", ".join(map(repr, words)))


def check_flag(name: str, value: Any) -> None:
    """Refuse everything but true and false.

    >>> check_flag("noiseless", 1)
    Traceback (most recent call last):
        ...
    ValueError: noiseless is 1; accepted: true or false.
    """
    if not isinstance(value, bool):
        _refuse(name, value, "true or false")


def _entries(value: Any) -> Sequence[Any]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value or (None,)  # nothing is no value
    return (value,)


def _refuse(name: str, value: Any, accepted: str) -> None:
    raise ValueError(f"{name} is {value!r}; accepted: {accepted}.")
