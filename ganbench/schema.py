"""Typed structures and plain data, strictly: a message names the place, the value met and what is accepted."""

from __future__ import annotations

import difflib
import json
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

__all__ = ["convert", "json_schema", "to_json"]

Structure = TypeVar("Structure", bound=msgspec.Struct)


def convert(content: Any, kind: type[Structure]) -> Structure:
    """Build a structure from mappings, lists and scalars; nothing is converted and no key is passed over.

    Raises:
        ValueError: A key is not known or lacks, or a value is not of its type.
    """
    try:
        return msgspec.convert(content, kind, strict=True)
    except msgspec.ValidationError as error:
        unknown = next(_unknown_keys(content, kind, ""), None)
        raise ValueError(unknown or _explain(str(error), content, kind)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def to_json(structure: msgspec.Struct, *, indent: int | None = None) -> bytes:
    """A structure as strict JSON and a line break.

    Raises:
        ValueError: It holds a number that JSON does not have: NaN or infinity.
    """
    separators = (",", ":") if indent is None else None
    content = msgspec.to_builtins(structure)
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    return (text + "\n").encode(errors="replace")  # half characters, as in names of files that are not UTF-8


def json_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a structure, described by the first lines of docstrings."""
    schema = msgspec.json.schema(kind)
    for definition in schema["$defs"].values():
        definition["description"] = definition["description"].partition("\n")[0]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _unknown_keys(content: Any, kind: Any, place: str) -> Iterator[str]:
    """One sentence for every key that a structure, or one within it, does not have."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(content, Mapping):
        types = typing.get_type_hints(kind)
        known = [field.name for field in msgspec.structs.fields(kind)]
        if kind.__struct_config__.tag_field:
            known.insert(0, kind.__struct_config__.tag_field)
        for key, value in content.items():
            here = f"{place}.{key}" if place else str(key)
            if key in known:
                yield from _unknown_keys(value, types.get(key), here)
            else:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                yield f"unknown key {here!r}; accepted: {', '.join(known)}.{hint}"
    elif isinstance(content, list) and typing.get_origin(kind) is tuple:
        for index, value in enumerate(content):
            yield from _unknown_keys(value, typing.get_args(kind)[0], f"{place}[{index}]")


def _explain(problem: str, content: Any, kind: type[msgspec.Struct]) -> str:
    """A message of msgspec's with the value that was met and what is accepted there."""
    text, _, place = problem.partition(" - at `$")
    where = place.rstrip("`").lstrip(".")
    met, expected = [content], inspect.type_info(kind)
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]", where):
        expected = _part(expected, key)
        # msgspec does not tell which value of a mapping it means
        met = [] if index == "..." else [value[int(index) if index else key] for value in met]
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", text):
        return f"{where} lacks the key {missing[1]!r}" if where else f"the key {missing[1]!r} lacks"
    if text.startswith(("Expected ", "Invalid enum")):
        what = f"{where or 'it'} is {met[0]!r}" if met else f"{where}: {text[0].lower()}{text[1:]}".replace("`", "'")
        return f"{what}; accepted: {_accepted(expected)}"
    return f"{where}: {text}" if where else text


def _part(expected: inspect.Type, key: str) -> inspect.Type:
    expected = _not_null(expected)
    if isinstance(expected, inspect.StructType):
        return next(field.type for field in expected.fields if field.encode_name == key)
    return expected.value_type if isinstance(expected, inspect.DictType) else getattr(expected, "item_type", expected)


def _not_null(expected: inspect.Type) -> inspect.Type:
    if isinstance(expected, inspect.UnionType):
        return next(kind for kind in expected.types if not isinstance(kind, inspect.NoneType))
    return expected


def _accepted(expected: inspect.Type) -> str:
    """A type in words."""
    match _not_null(expected):
        case inspect.LiteralType(values=values):
            words = ", ".join(map(repr, values))
        case inspect.StrType(pattern=pattern):
            words = f"a text that matches {pattern}" if pattern else "a text"
        case inspect.IntType(ge=low, le=high):
            words = f"a whole number{_limits(low, high)}"
        case inspect.FloatType(ge=low, le=high):
            words = f"a number{_limits(low, high)}"
        case inspect.VarTupleType(item_type=item, min_length=least):
            words = f"a list{_limits(least, None)}, each {_accepted(item)}"
        case inspect.StructType(fields=fields):
            words = f"a table with the keys {', '.join(field.name for field in fields)}"
        case inspect.BoolType():
            words = "true or false"
        case _:
            words = "a table"
    return words


def _limits(low: float | None, high: float | None) -> str:
    if high is not None:
        return f" from {low:.10g} to {high:.10g}"
    return f" of at least {low:.10g}" if low is not None else ""
