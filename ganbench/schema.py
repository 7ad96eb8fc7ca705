"""Typed structures read from plain data, strictly: a message names the place, the value met and what is accepted."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

__all__ = ["convert", "json_schema"]

Structure = TypeVar("Structure", bound=msgspec.Struct)


def convert(content: Any, kind: type[Structure]) -> Structure:
    """Build a structure from mappings, lists and scalars; nothing is converted and no key is passed over.

    Raises:
        ValueError: A key is not known or lacks, or a value is not of its type.
    """
    problem = next(_unknown_keys(content, kind, ""), None)
    if problem:
        raise ValueError(problem)
    try:
        return msgspec.convert(content, kind, strict=True)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$")
        path = place.rstrip("`").lstrip(".")
        met = f"; got {_at(content, path)!r}" if path else ""
        where = f"{path}: " if path else ""
        raise ValueError(f"{where}{text[:1].lower()}{text[1:]}{met}".replace("`", "'")) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def json_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a structure."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(kind)}


def _unknown_keys(content: Any, kind: Any, place: str) -> Iterator[str]:
    """One sentence for every key that a structure, or one within it, does not have."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(content, dict):
        types = typing.get_type_hints(kind, include_extras=False)
        known = [field.name for field in msgspec.structs.fields(kind)]
        for key, value in content.items():
            here = f"{place}.{key}" if place else str(key)
            if key in known:
                yield from _unknown_keys(value, types[key], here)
            else:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                yield f"unknown key {here!r}; accepted: {', '.join(known)}.{hint}"
    elif isinstance(content, list) and typing.get_origin(kind) in (tuple, list):
        for index, value in enumerate(content):
            yield from _unknown_keys(value, typing.get_args(kind)[0], f"{place}[{index}]")


def _at(content: Any, path: str) -> Any:
    """The value at a path like `datasets[0].name`; the innermost that can be reached."""
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            content = content[int(index)] if index else content[key]
        except (KeyError, IndexError, TypeError):
            return content
    return content
