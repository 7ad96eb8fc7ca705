"""Options: both spellings, the nearest name where one is not known, and mistakes that show before anything is done."""

from __future__ import annotations

import json

import pytest

from ganbench.cli import build_parser


def parsed(*arguments):
    return build_parser().parse_args(arguments)


@pytest.mark.parametrize(
    ("command", "option", "values"),
    [
        (["run-all"], "models", ["dbn", "cae"]),
        (["run-all"], "datasets", ["digits"]),
        (["run-all"], "metrics", ["mmd"]),
        (["table"], "models", ["dbn", "cae"]),
        (["table"], "datasets", ["digits"]),
        (["verify", "results"], "datasets", ["a.npz"]),
    ],
)
def test_lists_have_both_spellings(command, option, values):
    for name in (f"--{option}", f"--{option[:-1]}"):
        assert getattr(parsed(*command, name, *values), option) == values
    assert getattr(parsed(*command, f"--{option}", "a", f"--{option[:-1]}", "b"), option) == ["a", "b"]
    assert getattr(parsed(*command), option) == []


@pytest.mark.parametrize("command", [["evaluate", "x.npz"], ["check", "dbn"], ["compare"]])
def test_one_data_set_has_both_spellings(command):
    assert parsed(*command, "--dataset", "mnist").dataset == parsed(*command, "--datasets", "mnist").dataset == "mnist"


def test_seeds_are_counted_or_named():
    assert parsed("run-all", "--seeds", "3").seeds == 3
    assert parsed("run-all", "--seed", "3").seeds == [3]
    assert parsed("run-all", "--seed", "0", "4").seeds == [0, 4]
    assert parsed("run-all").seeds == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run-all", "--modles", "dbn"], "unrecognized arguments: --modles dbn. Did you mean --models or --model?"),
        (["run-all", "--result=x"], "Did you mean --results"),
        (["runall"], "Did you mean run-all?"),
        (["table", "--format", "latx"], "Did you mean latex?"),
        (["run-all", "--seed", "1", "--seeds", "2"], "not allowed with"),
        (["run-all", "--results", ""], "expected a folder, got an empty text"),
        (["run-all", "--results", "{file}"], "is no folder; name another"),
        (["run-all", "--jobs", "100000"], "--jobs 100000 is too many: at most "),
        (["run-all", "--models", "dbn", "--device", "gpu"], "Unknown device 'gpu'"),
        (["run-all", "--models", "dbn", "--device", "mps"], "is not available here"),
    ],
)
def test_mistakes_show_first(command, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    code, out, err = command(*[a.format(file=tmp_path / "file") for a in arguments], results=False)
    assert (code, out) == (2, "")
    assert message in err
    assert "cells" not in err  # no plan
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_job_of_a_cluster_needs_no_core_here(command, tmp_path):
    arguments = ["run-all", "--models", "nosuch", "--jobs", "100000", "--executor", "local"]
    assert "too many" not in command(*arguments)[2]


def test_the_protocol_is_that_of_the_data(command, tmp_path):
    arguments = ["--datasets", "mnist", "--data", str(tmp_path / "nowhere"), "--models", "dbn"]
    err = command("run-all", *arguments)[2]
    assert err.startswith("ganbench: goodfellow2014: not run for want of data: mnist.")
    code, _, err = command("run-all", "--datasets", "mnist", "digits")
    assert code == 2
    assert "No protocol has all of digits, mnist. Name one by --protocol: digits, goodfellow2014" in err


def test_a_failure_says_where_its_traceback_is(command, toy_protocol, tmp_path):
    (tmp_path / "broken.py").write_text("def broken(n, generator):\n    return 1 / 0\n")
    arguments = ["run-all", "--protocol", toy_protocol(), "--models", f"{tmp_path}/broken.py:broken", "--quiet"]
    code, _, err = command(*arguments)
    (record,) = (tmp_path / "results").glob("records/**/*.json")
    assert code == 1
    assert "ZeroDivisionError: division by zero (broken.py, line 2, in broken)" in err
    assert f"The traceback is in {record}; --debug shows it." in err
    assert "Traceback" in json.loads(record.read_text())["traceback"]
    err = command(*arguments, "--debug")[2]
    assert "Traceback (most recent call last)" in err
    assert "return 1 / 0" in err


def test_debug_shows_the_traceback_of_an_error_of_the_users(command):
    arguments = ["table", "--protocol", "nosuch"]
    assert "Traceback" not in command(*arguments)[2]
    assert "Traceback" in command(*arguments, "--debug")[2]


def test_the_end_says_where_results_are(command, toy_protocol, tmp_path):
    err = command("run-all", "--protocol", toy_protocol())[2]
    assert f"Results: {tmp_path / 'results'} (tables/, sheets/ with samples, records/)." in err
    assert "Results:" not in command("run-all", "--protocol", toy_protocol(), "--quiet")[2]


@pytest.mark.parametrize("width", [80, 60, 40, 25])
def test_a_table_fits_the_terminal(command, toy_protocol, toys, monkeypatch, width):
    specs = [f"{toys}:uniform", f"{toys}:PixelwiseGaussian"]
    path = toy_protocol(models=specs)
    whole = command("run-all", "--protocol", path, "--quiet")[1]
    monkeypatch.setenv("COLUMNS", str(width))
    broken = command("table", "--protocol", path)[1]
    longest_word = max(map(len, whole.split()))
    assert max(map(len, broken.splitlines())) <= max(width, longest_word + 4)

    def words(text):  # without lines and the colons of the stacked layout
        return {word.strip(":") for word in text.split() if set(word) - {"-"}}

    assert words(whole) - words(broken) <= {"Model"}  # the head of the first column, which stacked rows do not have
    assert words(broken) <= words(whole)
