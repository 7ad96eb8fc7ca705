"""Spec strings: read, written, and read back."""

from __future__ import annotations

import json
import random

import pytest

from ganbench.errors import UsageError
from ganbench.registry.specs import Spec, format_spec, like_default, normal_path, parse_spec, same_setting


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", {}),
        ("epochs=3", {"epochs": 3}),
        (" epochs = 3 , preset = mnist ", {"epochs": 3, "preset": "mnist"}),
        ("rate=1e-3,on=true,off=False,On=True", {"rate": 1e-3, "on": True, "off": False, "On": True}),
        ("layers=[[1, 2], [3]],k=2", {"layers": [[1, 2], [3]], "k": 2}),
        ("table={a = 1, b = [2, 3]},k=2", {"table": {"a": 1, "b": [2, 3]}, "k": 2}),
        ("word='two words',preset=cifar10-fc", {"word": "two words", "preset": "cifar10-fc"}),
        ("word='a]b,c[d',k=2", {"word": "a]b,c[d", "k": 2}),
        (r'word="say \"a]\", b",k=2', {"word": 'say "a]", b', "k": 2}),
        (r"word='C:\',k=2", {"word": "C:\\", "k": 2}),
        (r'word="ends in \\",k=2', {"word": "ends in \\", "k": 2}),
    ],
)
def test_settings_are_toml_or_bare_words(text, settings):
    found = parse_spec(f"dbn[{text}]")
    assert found == Spec("dbn", settings)
    assert {k: type(v) for k, v in found.settings.items()} == {k: type(v) for k, v in settings.items()}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dbn[epochs]", "Malformed setting 'epochs'.*key=value"),
        ("dbn[=3]", "Malformed setting"),
        ("dbn[1a=3]", "Malformed setting"),
        ("dbn[k=1,k=2]", "sets 'k' twice"),
        ("dbn[k=[1,2]", "neither TOML nor a bare word"),
        ("dbn[k=]", "neither TOML nor a bare word"),
        ("dbn[k=1#2]", "neither TOML nor a bare word"),
        ("dbn[k=1\nj=2]", "neither TOML nor a bare word"),
        ("dbn[k=1]]", "brackets do not match"),
        ("dbn]", "Malformed spec"),
        ("[k=1]", "Malformed spec"),
        ("", "An empty spec"),
        ("  ", "An empty spec"),
    ],
)
def test_malformed_specs_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        parse_spec(spec)


@pytest.mark.parametrize("value", ["nan", "inf", "2020-01-01", "[1, nan]"])
def test_values_that_no_record_can_hold_are_refused(value):
    with pytest.raises(UsageError, match=r"spread = .* is not accepted"):
        parse_spec(f"dbn[spread={value}]")


@pytest.mark.parametrize(
    ("text", "target", "settings"),
    [
        ("samples[1].npy", "samples[1].npy", {}),
        ("run[lr=0.1]/m.py:M[x=1]", "run[lr=0.1]/m.py:M", {"x": 1}),
        ("run[lr=0.1]/m.py:M", "run[lr=0.1]/m.py:M", {}),
        ("run[1]/m.py:M[x=1,y='a]b']", "run[1]/m.py:M", {"x": 1, "y": "a]b"}),
        ("pkg.mod:M[x=[1,2]]", "pkg.mod:M", {"x": [1, 2]}),
        ("adversarial[]", "adversarial", {}),
        (" adversarial ", "adversarial", {}),
    ],
)
def test_brackets_of_a_path_stay_with_it(text, target, settings):
    assert parse_spec(text) == Spec(target, settings)


def test_a_folder_with_brackets_is_that_folder_and_does_not_hide_a_model(tmp_path, monkeypatch):
    (tmp_path / "gsn[walkbacks=4]").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_spec("./gsn[walkbacks=4]") == Spec("./gsn[walkbacks=4]")
    assert parse_spec("gsn[walkbacks=4]") == Spec("gsn", {"walkbacks": 4})


def test_equal_specs_are_written_alike():
    spellings = ["gsn[b=2,a=x]", " gsn [ a = x , b = 2 ]", "gsn[a='x',b=2]", 'gsn[a="x",b=2,]']
    assert {format_spec(s.target, s.settings) for s in map(parse_spec, spellings)} == {"gsn[a=x,b=2]"}
    assert format_spec("gsn", {}) == "gsn"


def test_what_is_written_is_read_back():
    """Random settings: words that look like other things, quotes, brackets, controls, numbers, lists, tables."""
    chance = random.Random(2)
    characters = "abT1 -_.,=[]{}'\"\\#\n\t\x7f\x01é²"
    words = ["", "true", "True", "False", "1", "1e5", "nan", "inf", "2020-01-01", "0x1f", "mnist", "a-b_c"]

    def value(depth: int):
        kind = chance.choice(["word", "text", "int", "float", "bool", *(["list", "table"] if depth else [])])
        return {
            "word": lambda: chance.choice(words),
            "text": lambda: "".join(chance.choices(characters, k=chance.randrange(6))),
            "int": lambda: chance.randrange(-5, 5),
            "float": lambda: chance.choice([0.1, -2.0, 1e-30, 1e22, 3.0]),
            "bool": lambda: chance.random() < 0.5,
            "list": lambda: [value(depth - 1) for _ in range(chance.randrange(3))],
            "table": lambda: {chance.choice(words): value(depth - 1) for _ in range(chance.randrange(3))},
        }[kind]()

    for _ in range(2000):
        settings = {name: value(2) for name in chance.sample(["a", "b_1", "preset"], k=chance.randrange(4))}
        text = format_spec("pkg.mod:M", settings)
        assert parse_spec(text) == Spec("pkg.mod:M", settings), text
        read = parse_spec(text)
        assert json.dumps(read.settings, sort_keys=True) == json.dumps(settings, sort_keys=True), text  # types, too
        assert format_spec(read.target, read.settings) == text


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (1, 1.0, True),
        ([1, 2], (1, 2), True),
        (1, True, False),
        (0, False, False),
        ([1], [1, 2], False),
        ("1", 1, False),
    ],
)
def test_same_settings(first, second, same):
    assert same_setting(first, second) is same


def test_whole_numbers_where_fractions_are_expected():
    assert repr(like_default(2, 0.5)) == "2.0"
    assert [repr(like_default(*pair)) for pair in [(2, 5), (2.0, 5), (True, 0.5), ("2", 0.5)]] == [
        "2",
        "2.0",
        "True",
        "'2'",
    ]


def test_paths_without_detours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len({normal_path(p) for p in ("A/x", "./A/x", "A/../A/x", str(tmp_path / "A" / "x"), "~/A/x")}) == 1
