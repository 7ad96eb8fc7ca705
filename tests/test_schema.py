"""Strict structures, messages that help, and the published JSON Schemas.

Run as a program, this file writes the schemas anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

import ganbench
from ganbench.protocols import Protocol, load_protocol, protocol_names
from ganbench.records.record import Record
from ganbench.schema import convert, json_schema, to_json

PACKAGE = Path(ganbench.__file__).parent
SCHEMAS = {
    PACKAGE / "protocols" / "protocol.schema.json": Protocol,
    PACKAGE / "records" / "record.schema.json": Record,
}


def schema_text(kind) -> str:
    return json.dumps(json_schema(kind), indent=1) + "\n"


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    colour: Literal["red", "green"] = "red"


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    inner: tuple[Inner, ...] = ()
    count: Annotated[int, Meta(ge=1, le=9)] = 1
    share: Annotated[float, Meta(ge=0)] = 0.0
    names: Annotated[tuple[str, ...], Meta(min_length=1)] = ("a",)
    word: Annotated[str, Meta(pattern="^[a-z]+$")] = "a"
    flag: bool = False
    by_name: dict[str, dict[str, float]] = {}
    perhaps: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.word == "forbidden":
            raise ValueError("word must not be forbidden")


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_published_schemas_are_those_of_the_code(path):
    assert path.read_text(encoding="utf-8") == schema_text(SCHEMAS[path]), f"stale: run python {__file__}"


@pytest.mark.parametrize("kind", SCHEMAS.values())
def test_schemas_are_strict(kind):
    definitions = json_schema(kind)["$defs"]
    assert definitions[kind.__name__]["additionalProperties"] is False
    assert set(definitions[kind.__name__]["required"]) >= {"name" if kind is Protocol else "schema_version"}


def test_what_is_accepted():
    outer = convert({"inner": [{"name": "a", "colour": "green"}], "count": 9, "share": 2, "perhaps": ["b"]}, Outer)
    assert outer == Outer(inner=(Inner("a", "green"),), count=9, share=2.0, perhaps=("b",))
    assert convert({"perhaps": None}, Outer) == Outer()


_KEYS = "inner, count, share, names, word, flag, by_name, perhaps"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"cuont": 1}, f"unknown key 'cuont'; accepted: {_KEYS}. Did you mean 'count'?"),
        ({"zzz": 1}, f"unknown key 'zzz'; accepted: {_KEYS}."),
        (
            {"inner": [{"name": "a"}, {"nam": "a"}]},
            "unknown key 'inner[1].nam'; accepted: name, colour. Did you mean 'name'?",
        ),
        ({"inner": [{}]}, "inner[0] lacks the key 'name'"),
        ({"inner": [{"name": "a", "colour": "blue"}]}, "inner[0].colour is 'blue'; accepted: 'green', 'red'"),
        ({"inner": [3]}, "inner[0] is 3; accepted: a table with the keys name, colour"),
        ({"inner": 3}, "inner is 3; accepted: a list, each a table with the keys name, colour"),
        ({"count": 0}, "count is 0; accepted: a whole number from 1 to 9"),
        ({"count": 1.5}, "count is 1.5; accepted: a whole number from 1 to 9"),
        ({"count": True}, "count is True; accepted: a whole number from 1 to 9"),
        ({"share": "much"}, "share is 'much'; accepted: a number of at least 0"),
        ({"share": float("nan")}, "share is nan; accepted: a number of at least 0"),
        ({"names": []}, "names is []; accepted: a list of at least 1, each a text"),
        ({"names": "a"}, "names is 'a'; accepted: a list of at least 1, each a text"),
        ({"names": ["a", 1]}, "names[1] is 1; accepted: a text"),
        ({"word": "A"}, "word is 'A'; accepted: a text that matches ^[a-z]+$"),
        ({"word": "forbidden"}, "word must not be forbidden"),
        ({"flag": 1}, "flag is 1; accepted: true or false"),
        ({"by_name": 1}, "by_name is 1; accepted: a table"),
        ({"by_name": {"a": {"b": "c"}}}, "by_name[...][...]: expected 'float', got 'str'; accepted: a number"),
        ({"perhaps": 1}, "perhaps is 1; accepted: a list, each a text"),
        ({"perhaps": [1]}, "perhaps[0] is 1; accepted: a text"),
        ([], f"it is []; accepted: a table with the keys {_KEYS}"),
    ],
)
def test_what_is_refused(content, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        convert(content, Outer)


def test_what_is_nested_too_deeply():
    content: dict = {}
    content["by_name"] = content
    with pytest.raises(ValueError, match="by_name"):
        convert(content, Outer)


def test_strict_json():
    assert to_json(Inner("é")) == '{"name":"é","colour":"red"}\n'.encode()
    assert to_json(Inner("a"), indent=1) == b'{\n "name": "a",\n "colour": "red"\n}\n'
    for number in (float("nan"), float("-inf")):
        with pytest.raises(ValueError, match="JSON"):
            to_json(Outer(by_name={"a": {"b": number}}))


@pytest.mark.parametrize("name", protocol_names())
def test_protocols_come_back_from_json(name):
    protocol = load_protocol(name)
    assert convert(json.loads(to_json(protocol)), Protocol) == protocol


if __name__ == "__main__":
    for path, kind in SCHEMAS.items():
        path.write_text(schema_text(kind), encoding="utf-8")
