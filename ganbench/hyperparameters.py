"""Checks of hyper-parameters: a `ValueError` names the setting, the value met and what is accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

__all__ = ["check_choice", "check_flag", "check_integer", "check_number", "per_layer"]


def check_integer(name: str, value: Any, *, least: int = 1, most: float = math.inf, each: bool = False) -> None:
    """Refuse what is not a whole number in [least, most]; with `each`, what is not one or more of them.

    >>> check_integer("epochs", 2.5)
    Traceback (most recent call last):
        ...
    ValueError: epochs is 2.5; accepted: a whole number of at least 1.
    """
    bounds = f"of at least {least}" + (f" and at most {most}" if most < math.inf else "")
    for entry in _entries(value, each):
        if not isinstance(entry, int) or isinstance(entry, bool) or not least <= entry <= most:
            _refuse(name, value, f"one or more whole numbers {bounds}" if each else f"a whole number {bounds}")


def check_number(
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
    each: bool = False,
) -> None:
    """Refuse what is not a finite number within the bounds; with `each`, what is not one or more of them.

    The bounds `least` and `most` are included, `above` and `below` are not.

    >>> check_number("momentum", 1.0, least=0, below=1)
    Traceback (most recent call last):
        ...
    ValueError: momentum is 1.0; accepted: a number of at least 0 and below 1.
    """
    for entry in _entries(value, each):
        numeric = isinstance(entry, int | float) and not isinstance(entry, bool)
        if not (numeric and least <= entry <= most and above < entry < below):  # true of no NaN and no infinity
            bounds = {"of at least": least, "above": above, "of at most": most, "below": below}
            text = " and ".join(f"{words} {bound:g}" for words, bound in bounds.items() if math.isfinite(bound))
            _refuse(name, value, f"{'one or more numbers' if each else 'a number'} {text}".rstrip())


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


def per_layer(name: str, value: Any, layers: int, check: Callable[..., None], **bounds: Any) -> tuple[Any, ...]:
    """One value for each layer, from one for all layers or a sequence of one for each, checked by `check`.

    >>> per_layer("epochs", 3, 2, check_integer)
    (3, 3)
    >>> per_layer("epochs", [3, 4, 5], 2, check_integer)
    Traceback (most recent call last):
        ...
    ValueError: epochs is [3, 4, 5]; accepted: one value, or 2 of them (one for each layer).
    """
    if not _is_sequence(value):
        check(name, value, **bounds)
        return (value,) * layers
    if len(value) != layers:
        _refuse(name, value, f"one value, or {layers} of them (one for each layer)")
    check(name, value, each=True, **bounds)
    return tuple(value)


def _entries(value: Any, each: bool) -> Sequence[Any]:
    """The values to check; None, which no check accepts, where there is none or no sequence of them."""
    if not each:
        return (value,)
    return value if _is_sequence(value) and len(value) > 0 else (None,)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _refuse(name: str, value: Any, accepted: str) -> NoReturn:
    raise ValueError(f"{name} is {value!r}; accepted: {accepted}.")
