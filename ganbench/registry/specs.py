"""Spec strings, which name models and metrics.

A spec is a target and, in brackets, settings::

    adversarial                          a name of an entry-point group
    gsn[walkbacks=4,preset=mnist]        the same with settings; values are TOML, anything else is a bare word
    mypackage.module:MyModel             an attribute of an importable module
    ./my_model.py:MyModel                an attribute of a Python file
    samples.npz                          a file

Brackets may stand in paths and in quoted values too. Equal specs are written alike by `format_spec`, whatever the order
and the spaces of their settings, and what it writes is read back as it was.
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

__all__ = ["Spec", "format_spec", "like_default", "normal_path", "parse_spec", "same_setting"]


@dataclass(frozen=True)
class Spec:
    """A target and its settings."""

    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def parse_spec(text: str) -> Spec:
    """Read a spec.

    The settings begin at the first bracket after which everything can be read as settings, so a path may have brackets
    of its own; what names an existing file or folder by a path is that, whatever its brackets look like.

    Raises:
        UsageError: It is empty, or its settings cannot be read.

    >>> parse_spec("run[lr=0.1]/m.py:Net[width=3]")
    Spec(target='run[lr=0.1]/m.py:Net', settings={'width': 3})
    """
    text = text.strip()
    if not text:
        raise UsageError("An empty spec names nothing. Expected a name, name[key=value,...], module:Class or a file.")
    if not text.endswith("]") or (os.sep in text and os.path.exists(normal_path(text))):
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


def like_default(value: Any, default: Any) -> Any:
    """A setting in the type of its default, so that 2 and 2.0 are one where a fraction is expected."""
    return float(value) if type(default) is float and type(value) is int else value


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
    parts, depth, start, quote, escaped = [], 0, 0, "", False
    for position, character in enumerate(text):
        if quote:
            if character == quote and not escaped:
                quote = ""
            escaped = character == "\\" and quote == '"' and not escaped  # single quotes know no escapes
        elif character in "\"'":
            quote = character
        elif character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
        else:
            depth += (character in "[{") - (character in "]}")
            if depth < 0:
                raise UsageError(f"Malformed settings in {spec!r}: brackets do not match.")
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _parse_value(name: str, text: str, spec: str) -> Any:
    values = _toml_values(text)
    if values is None or len(values) != 1:
        if text in ("True", "False"):
            return text == "True"  # as Python writes them; a string would count as true either way
        if not text or set(text) & set("[]{}'\"=#\n"):
            raise UsageError(f"The value {text!r} in {spec!r} is neither TOML nor a bare word.")
        return text  # a bare word, as in preset=mnist
    try:
        content_key(values)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{spec!r}: {name} = {text} is not accepted ({error}). "
            "Values are finite numbers, strings, booleans, and lists and tables of them."
        ) from error
    return values[0]


def _toml_values(text: str) -> list[Any] | None:
    """Values of TOML, separated by commas; None where the text is none. In a list, no comment and no line is lost."""
    try:
        return list(tomllib.loads(f"values = [{text}]")["values"])
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _format_value(value: Any, *, nested: bool = False) -> str:
    if isinstance(value, Mapping):
        entries = (f"{json.dumps(key)}={_format_value(value[key], nested=True)}" for key in sorted(value))
        return "{" + ",".join(entries) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_format_value(entry, nested=True) for entry in value) + "]"
    if isinstance(value, str) and not nested and _is_bare_word(value):
        return value
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # which TOML wants escaped


def _is_bare_word(text: str) -> bool:
    """Whether a text is read back as itself without quotes."""
    plain = bool(text) and text.replace("-", "").replace("_", "").isalnum()
    return plain and text not in ("True", "False") and _toml_values(text) is None


def normal_path(path: str) -> Path:
    """A path without detours: `A/x`, `./A/x` and the absolute path are one."""
    return Path(os.path.abspath(os.path.expanduser(path)))
