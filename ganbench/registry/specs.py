"""Spec strings, which name models and metrics.

A spec is a target and, in brackets, settings::

    adversarial                          a name of an entry-point group
    gsn[walkbacks=4,preset=mnist]        the same with settings; values are TOML, anything else is a bare word
    mypackage.module:MyModel             an attribute of an importable module
    ./my_model.py:MyModel                an attribute of a Python file
    samples.npz                          a file

Equal specs are written alike by `format_spec`, whatever the order and the spaces of their settings.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganbench.errors import UsageError
from ganbench.files import content_key

__all__ = ["Spec", "format_spec", "is_file", "parse_spec", "same_setting"]


@dataclass(frozen=True)
class Spec:
    """A target and its settings."""

    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def is_file(target: str) -> bool:
    """Whether a target is the path of something that is there."""
    return os.path.exists(os.path.expanduser(target))


def parse_spec(text: str) -> Spec:
    """Read a spec; brackets that are part of a path stay so.

    Raises:
        UsageError: It is empty, or its settings cannot be read.
    """
    text = text.strip()
    if not text:
        raise UsageError("An empty spec names nothing. Expected a name, name[key=value,...], module:Class or a file.")
    if not text.endswith("]") or is_file(text):
        return Spec(text)
    problem: UsageError | None = None
    for position, character in enumerate(text):
        if character == "[" and position > 0:
            try:
                return Spec(text[:position].strip(), _parse_settings(text[position + 1 : -1], text))
            except UsageError as error:
                problem = problem or error
    raise problem or UsageError(f"Malformed spec {text!r}. Expected a name, or name[key=value,...].")


def format_spec(target: str, settings: Mapping[str, Any]) -> str:
    """The one way of writing a spec: settings in order of their names, without spaces, none without brackets.

    >>> format_spec("gsn", {"walkbacks": 4, "preset": "mnist"})
    'gsn[preset=mnist,walkbacks=4]'
    """
    parts = [f"{key}={_format_value(settings[key])}" for key in sorted(settings)]
    return f"{target}[{','.join(parts)}]" if parts else target


def same_setting(first: Any, second: Any) -> bool:
    """Whether two values of a setting mean the same: 1 and 1.0 do, 1 and true do not, a list and a tuple do."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same_setting, first, second))
    return bool(first == second)


def _parse_settings(text: str, spec: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for part in _split_outside_brackets(text, spec):
        key, equals, value = part.partition("=")
        if not equals or not key.strip().isidentifier():
            raise UsageError(f"Malformed setting {part!r} in {spec!r}. Expected key=value.")
        if key.strip() in settings:
            raise UsageError(f"{spec!r} sets {key.strip()!r} twice.")
        settings[key.strip()] = _parse_value(key.strip(), value.strip(), spec)
    return settings


def _split_outside_brackets(text: str, spec: str) -> list[str]:
    """Split at commas that stand in no bracket and no quotes: 'a=1,b=[2,3]' -> ['a=1', 'b=[2,3]']."""
    parts, depth, start, quote = [], 0, 0, ""
    for position, character in enumerate(text):
        if quote or character in "\"'":
            quote = "" if character == quote else quote or character
            continue
        depth += (character in "[{") - (character in "]}")
        if depth < 0:
            raise UsageError(f"Malformed settings in {spec!r}: brackets do not match.")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _parse_value(name: str, text: str, spec: str) -> Any:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        if text in ("True", "False"):
            return text == "True"  # as Python writes them; a string would count as true either way
        if not text or set(text) & set("[]{}'\"=\n"):
            raise UsageError(f"The value {text!r} in {spec!r} is neither TOML nor a bare word.") from error
        return text  # a bare word, as in preset=mnist
    try:
        content_key(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{spec!r}: {name} = {text} is not accepted ({error}). "
            "Values are finite numbers, strings, booleans, and lists and tables of them."
        ) from error
    return value


def _format_value(value: Any) -> str:
    if isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum() and not _is_toml(value):
        return value
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}={_format_value(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_format_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _is_toml(word: str) -> bool:
    try:
        tomllib.loads(f"value = {word}")
    except tomllib.TOMLDecodeError:
        return False
    return True


def normal_path(path: str) -> Path:
    """A path without detours: `A/x`, `./A/x` and the absolute path are one."""
    return Path(os.path.abspath(os.path.expanduser(path)))
