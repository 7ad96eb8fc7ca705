"""The command line: what goes in, what comes out where, and with which exit code."""

from __future__ import annotations

import ast
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ganbench
from ganbench import __version__, cli
from ganbench.cli import main


@pytest.mark.parametrize("arguments", [["--help"], ["run-all", "--help"], ["evaluate", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(imports, arguments):
    done = imports(*arguments)
    assert done.returncode == 0
    assert done.stderr == "models: none\nimported:\n"
    assert done.stdout


def test_help_is_fast(process):
    def seconds() -> float:
        begun = time.perf_counter()
        assert process("-m", "ganbench", "--help").returncode == 0
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(3)) < 0.5  # 0.1 on a quiet machine


@pytest.mark.parametrize("path", sorted(Path(cli.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_the_command_line_calls_the_front_door_only(path):
    """Public names, errors, and for types of arguments nothing else; libraries for bars and scripts of shells only."""
    allowed = {f"ganbench.{name}" for name in ganbench.__all__} | {"ganbench", "ganbench.errors", "ganbench.cli"}
    allowed |= {"ganbench.choices", "ganbench.runtime.device"}  # where the choices of options are defined
    allowed |= {"ganbench.runtime.memory", "ganbench.runtime.streams"}  # made sure of before anything else
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "ganbench":
            names = [f"ganbench.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for name in names:
            own = name.startswith("ganbench.cli.") or name == "ganbench.cli"
            light = name.partition(".")[0] in {*sys.stdlib_module_names, "tqdm", "msgspec", "shtab"}
            assert own or light or name in allowed, f"{path.name} imports {name}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ganbench":
            assert node.attr in ganbench.__all__ or node.attr == "errors", f"{path.name} uses ganbench.{node.attr}"


def test_help_names_every_command(command):
    code, out, err = command("--help", results=False)
    assert (code, err) == (0, "")
    for name in ("run-all", "evaluate", "table", "list", "check"):
        assert re.search(rf"^    {name} ", out, flags=re.MULTILINE)
        code, text, err = command(name, "--help", results=False)
        assert (code, err) == (0, "")
        assert text.startswith(f"usage: ganbench {name}")
    assert command("--version", results=False)[1] == f"ganbench {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["run-all", "--seeds", "0"],
        ["run-all", "--jobs", "two"],
        ["table", "--format", "html"],
        ["evaluate"],
    ],
)
def test_usage(command, arguments):
    code, out, err = command(*arguments, results=False)
    assert (code, out) == (2, "")
    assert "usage: ganbench" in err


def test_list_describes_a_metric_and_a_model(command):
    code, out, err = command("list", "parzen", results=False)
    assert (code, err) == (0, "")
    assert "direction: higher is better" in out
    assert re.search(r"needs besides samples:\n  valid\n  test\n", out)
    assert re.search(r"^  ganbench\.metrics\._kernels\.distances +[0-9a-f]{12}$", out, re.MULTILINE)
    out = command("list", "dbn", results=False)[1]
    assert re.search(r"presets:\n  digits\n  fer2013-laptop\n  mnist\n  tfd\n", out)
    assert re.search(r"^  momentum +0\.5$", out, re.MULTILINE)


def test_list(command):
    code, out, err = command("list", results=False)
    assert (code, err) == (0, "")
    assert re.findall(r"^(\w+):", out, flags=re.MULTILINE) == [
        "models",
        "metrics",
        "datasets",
        "protocols",
        "libraries",
    ]
    content = json.loads(command("list", "--json", results=False)[1])
    assert {"adversarial", "cae", "dbn", "gsn"} <= set(content["models"])
    assert {"parzen", "nearest_neighbors"} <= set(content["metrics"])
    assert "mnist" in content["datasets"]
    assert list(content["protocols"]) == ["digits", "goodfellow2014"]


def test_the_list_fits_the_terminal(command, monkeypatch):
    whole = command("list", results=False)[1]
    for width in (80, 40):
        monkeypatch.setenv("COLUMNS", str(width))
        fitted = command("list", results=False)[1]
        words = [word for line in fitted.splitlines() if len(line) > width for word in [line.strip()]]
        assert all(len(word.split()) <= 2 for word in words)  # addresses of files, which are not broken
        assert fitted.split() == whole.split()


def test_the_list_imports_no_torch(imports):
    done = imports("list", "--json")
    assert done.returncode == 0
    assert "torch" not in done.stderr.splitlines()[-1]
    assert {"dbn", "gsn"} <= set(json.loads(done.stdout)["models"])


def test_a_table_of_nothing(command, tmp_path):
    code, out, err = command("table")
    assert (code, out) == (1, "")
    assert "has no records. Run `ganbench run-all` first, or name another folder by --results." in err
    assert not (tmp_path / "results").exists()


def test_tables_by_model_format_and_bandwidth(command, toy_protocol, toys):
    specs = [f"{toys}:uniform", f"{toys}:PixelwiseGaussian"]  # not in the order of the alphabet
    path = toy_protocol(models=specs)
    command("run-all", "--protocol", path, "--quiet")
    rows = {}
    for bandwidth in ("grid", "refined"):
        arguments = ["table", "--protocol", path, "--format", "json", "--bandwidth", bandwidth]
        rows[bandwidth] = json.loads(command(*arguments)[1])
    assert {row["model"] for row in rows["grid"]} == {"models.py:uniform", "models.py:PixelwiseGaussian"}
    assert [row["quantity"] for row in rows["grid"]] == ["grid_mean_log_likelihood"] * 2
    assert all(g["value"] < r["value"] for g, r in zip(rows["grid"], rows["refined"], strict=True))
    arguments = ["table", "--protocol", path, "--format", "json", "--models", "models.py:PixelwiseGaussian"]
    assert [row["model"] for row in json.loads(command(*arguments)[1])] == ["models.py:PixelwiseGaussian"]
    for format in ("text", "markdown", "latex", "csv"):
        code, out, err = command("table", "--protocol", path, "--format", format)
        assert (code, err) == (0, "")
        assert "PixelwiseGaussian" in out


def test_records_of_different_rules_are_not_put_into_one_table(command, toy_protocol, toys):
    command("run-all", "--protocol", toy_protocol(models=[f"{toys}:uniform"]), "--quiet")
    path = toy_protocol(metrics=["parzen[grid=[0.1,0.3]]"], models=[f"{toys}:PixelwiseGaussian"])
    assert command("run-all", "--protocol", path, "--quiet")[0] == 0
    code, out, err = command("table", "--protocol", path)
    assert (code, out) == (1, "")
    assert "come from different settings of the metric 'parzen'" in err


def test_the_table_of_a_folder_needs_no_protocol(command, toy_protocol, toys, toy_images):
    path = toy_protocol()
    command("run-all", "--protocol", path, "--quiet")
    Path(path).unlink()  # its records keep it
    code, alone, err = command("table")
    assert (code, err) == (0, "")
    command("evaluate", f"{toys}:uniform", "--dataset", toy_images, "--protocol", "goodfellow2014", "--quiet")
    code, both, err = command("table")
    assert (code, err) == (0, "")
    assert alone in both
    assert "Scores by the protocol 'goodfellow2014'" in both


def test_check(command, toys, toy_images):
    code, out, err = command("check", f"{toys}:PixelwiseGaussian", "--dataset", toy_images, results=False)
    assert (code, err) == (0, "")
    counts = out.count("passed  "), out.count("FAILED  "), out.count("------  ")
    assert counts == (17, 0, 5)  # five are of chains, decoders and discriminators
    assert out.endswith("PixelwiseGaussian: 17 passed, 0 failed, 5 not examined.\n")
    code, out, err = command("check", f"{toys}:GreyLevels", "--dataset", toy_images, results=False)
    assert (code, err) == (3, "")
    assert "FAILED  " in out
    arguments = ["check", f"{toys}:GreyLevels", "--dataset", toy_images, "--json"]
    lines = [json.loads(line) for line in command(*arguments, results=False)[1].splitlines()]
    assert [line["check"] for line in lines if line["status"] == "failed"] == ["samples_are_in_range"]


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("Missing", 2, "Unknown class or function of models.py 'Missing'"),
        ("RaisesInConstructor", 1, "no accelerator"),
        ("uniform[a]", 2, "Malformed"),
    ],
)
def test_what_cannot_be_checked(command, toys, toy_images, name, code, message):
    found, out, err = command("check", f"{toys}:{name}", "--dataset", toy_images, results=False)
    assert (found, out) == (code, "")
    assert message in err


def test_a_reader_that_has_gone():
    with subprocess.Popen(
        [sys.executable, "-m", "ganbench", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_an_interruption(command, monkeypatch):
    from ganbench.cli import table

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(table, "run", interrupt)
    code, out, err = command("table")
    assert (code, out) == (130, "")
    assert "run the same command again to go on" in err


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_after_an_interruption_signals_do_what_they_did(command, monkeypatch, ending):
    from ganbench.cli import table

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    monkeypatch.setattr(table, "run", lambda _: signal.raise_signal(ending))
    for _ in range(2):  # the first must not leave its handlers to the second
        assert command("table")[0] == 128 + ending
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_the_results_folder_of_the_environment(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GANBENCH_RESULTS", str(Path(tmp_path) / "elsewhere"))
    assert main(["table"]) == 1
    assert "elsewhere has no records" in capsys.readouterr().err


def test_rows_have_the_titles_that_they_are_given(command, toy_protocol, toys):
    path = toy_protocol(models=[f"{toys}:uniform", f"{toys}:PixelwiseGaussian"])
    command("run-all", "--protocol", path, "--quiet", "--jobs", "0")
    given = ["--title", "models.py:PixelwiseGaussian", "Our | model"]
    out = command("table", "--protocol", path, *given)[1]
    assert re.search(r"^Our \| model +-?\d", out, re.MULTILINE)
    assert "PixelwiseGaussian" not in out
    assert "Our \\| model" in command("table", "--protocol", path, *given, "--format", "markdown")[1]
    assert "Our | model" not in command("table", "--protocol", path)[1]
    code, out, err = command("table", "--protocol", path, "--title", "models.py:Uniform", "x")
    assert (code, out) == (2, "")
    assert "Unknown row 'models.py:Uniform'. Did you mean" in err


@pytest.mark.parametrize("arguments", [["check", "dbn"], ["compare", "dbn", "gsn"], ["evaluate", "dbn"]])
def test_missing_data_are_told_once_by_every_command(command, tmp_path, arguments):
    code, out, err = command(*arguments, "--dataset", "tfd", "--data", str(tmp_path), results=arguments[0] != "check")
    assert (code, out) == (1, "")
    assert err.count("The data of 'tfd' are missing") == err.count("The folder of the data") == 1
