"""The comparison of speed: it catches a slowed kernel, is quiet on equal trees, and says what it cannot compare.

A slow-down of 1.3 is missed by chance if more than 3 of 21 rounds contradict it by both clocks. Of 704 rounds of equal
trees on two cores at a load of seven none lay below its median by log 1.3; were it one in a hundred,
P(Bin(21, 0.01) > 3) would be 5e-5. An unchanged tree is called slower only if two looks, by other processes, both find
a median beyond 1.15; in 32 looks by either clock it was between 0.987 and 1.018.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.regressions import sources
from tools.regressions.__main__ import main
from tools.regressions.measure import Pair, Setting

ROOT = Path(__file__).parents[3]
BEFORE_THE_ROOMS = "371e481cd331365cb1d0c9063f879989caafcd48"

SUITE = """
import time

from ganbench import kernels


class Kernels:
    number = 1

    def time_parzen(self):
        kernels.parzen()

    def time_neighbors(self):
        kernels.neighbors()


class New:
    params = ([1, 2], ["a", "b"])
    param_names = ("count", "letter")

    def setup(self, count, letter):
        if count == 2:
            raise NotImplementedError

    def time_new(self, count, letter):
        print("what a benchmark prints does no harm")
        kernels.a_new_kernel(letter)


class Long:
    def setup_cache(self):
        return 0.05

    def setup(self, seconds):
        self.seconds = seconds

    def time_sleep(self, seconds):
        time.sleep(self.seconds)
        if seconds == 0:
            raise ValueError("not what was cached")


class Broken:
    def time_broken(self):
        raise ValueError("a defect")
"""

SLOWED = """

import time as _time

_as_it_was = neighbors


def neighbors():
    begun = _time.perf_counter()
    result = _as_it_was()
    done = _time.perf_counter()
    while _time.perf_counter() - done < 0.3 * (done - begun):
        pass
    return result
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory) -> Path:
    """A small suite of fast benchmarks."""
    folder = tmp_path_factory.mktemp("suite") / "small"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "quick.py").write_text(SUITE, encoding="utf-8")
    return folder


@pytest.fixture
def compare(capfd):
    """Runs the program; its exit code and what it writes."""

    def run(*options: object) -> tuple[int, str, str]:
        try:
            code = main([str(option) for option in options])
        except SystemExit as stopped:
            code = stopped.code
        return code, *capfd.readouterr()

    return run


def rows(path: Path) -> dict[str, dict]:
    found = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    return {f"{row['name'].rpartition('.')[2]}({row['parameters']})": row for row in found}


def verdicts(path: Path) -> dict[str, str]:
    return {name: row["verdict"] for name, row in rows(path).items()}


def test_a_kernel_slowed_by_1_3_is_caught_and_no_other(compare, suite, tree, changed, tmp_path):
    report, page = tmp_path / "new.json", tmp_path / "page.md"
    options = ("--benchmarks", suite, "--only", "Kernels", "--json", report, "--markdown", page)
    code, out, err = compare("--base-tree", tree, "--tree", changed(SLOWED), *options)
    assert code == 1, err
    assert verdicts(report) == {"time_neighbors()": "slower", "time_parzen()": "same"}
    assert "looking again, 2 times as long, at quick.Kernels.time_neighbors()" in err
    assert f"Slower than {tree} by more than 1.15: quick.Kernels.time_neighbors()." in out
    assert "| quick.Kernels.time_neighbors |" in page.read_text(encoding="utf-8")
    row = rows(report)["time_neighbors()"]
    assert 1.15 < row["ratio"] < 1.45
    assert row["interval"][0] <= row["ratio"] <= row["interval"][1]
    assert {clock: len(ratios) for clock, ratios in row["log_ratios"].items()} == {"wall": 42, "processor": 42}


def test_an_unchanged_tree_is_quiet_again_and_again(compare, suite, tree, tmp_path):
    for run in range(3):
        report = tmp_path / f"{run}.json"
        code, out, err = compare(
            "--base-tree", tree, "--tree", tree, "--benchmarks", suite, "--only", "Kernels", "--json", report
        )
        assert code == 0, out + err
        assert f"None of 2 benchmarks is slower than {tree} by more than 1.15." in out
        assert set(verdicts(report).values()) == {"same"}


def test_what_the_base_does_not_have_is_no_failure(compare, suite, tree, changed, tmp_path):
    report = tmp_path / "new.json"
    after = changed("\n\ndef a_new_kernel(letter):\n    return letter * 1000\n")
    options = ("--benchmarks", suite, "--only", "New", "--json", report)
    code, out, err = compare("--base-tree", tree, "--tree", after, *options)
    assert code == 0, err
    assert verdicts(report) == {f"time_new(count=1, letter='{letter}')": "not in the base" for letter in "ab"}
    assert out.endswith("\n\n2 not in the base, so not compared.\n")
    assert "time_new(count=1, letter='a') is not in the base: AttributeError" in err
    assert "has no attribute 'a_new_kernel'" in err


@pytest.mark.parametrize("side", ["base", "tree"])
def test_a_module_that_cannot_be_imported_is_a_failure_of_the_tree_only(compare, tree, changed, tmp_path, side):
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "new.py").write_text(f"from ganbench.kernels import a_new_kernel\n{SUITE}", encoding="utf-8")
    trees = {side: tree, {"base": "tree", "tree": "base"}[side]: changed("\n\na_new_kernel = print\n")}
    options = ("--base-tree", trees["base"], "--tree", trees["tree"], "--benchmarks", folder, "--only", "Kernels")
    code, out, err = compare(*options)
    assert code == (1 if side == "tree" else 0)
    assert "cannot import name 'a_new_kernel'" in err
    if side == "base":
        assert out.endswith("\n\n2 not in the base, so not compared.\n")
    else:
        assert "The process that measures the tree has ended with exit code 1" in err


def test_what_takes_too_long_is_named_and_not_measured(compare, suite, tree):
    options = ("--benchmarks", suite, "--only", "Long", "--longest", 0.01)
    code, out, err = compare("--base-tree", tree, "--tree", tree, *options)
    assert code == 0, err
    assert out.endswith("\n\n1 too long, so not measured (see --longest).\n")
    assert "quick.Long.time_sleep() is too long: 0.1 s a call" in err


def test_what_the_tree_cannot_run_is_a_failure(compare, suite, tree):
    code, out, err = compare("--base-tree", tree, "--tree", tree, "--benchmarks", suite, "--only", "Broken")
    assert code == 1
    assert "The working tree cannot run: quick.Broken.time_broken()." in out
    assert "ValueError: a defect" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rounds", "many"], "invalid int value: 'many'"),
        (["--rounds", "0"], "--rounds 0 is not accepted"),
        (["--threshold", "0.9"], "--threshold 0.9 is not accepted. Give a ratio above 1"),
        (["--only", "("], r"--only '\(' is no regular expression"),
        (["--benchmarks", "ganbench/metrics"], "no folder of benchmarks"),
        (["--tree", ROOT / "tests", "--base-tree", "."], "tests has no ganbench"),
        (["--base", "a", "--base-tree", "b"], "not allowed with argument"),
    ],
)
def test_wrong_arguments_are_explained(compare, tree, monkeypatch, options, message):
    monkeypatch.chdir(tree)
    code, out, err = compare(*options)
    assert code == 2
    assert out == ""
    assert re.search(message, err), err


def test_an_unknown_revision_is_explained(compare, checkout):
    code, _, err = compare("--tree", checkout.root, "--base", "no-such-revision")
    assert code == 2
    assert "--base no-such-revision is no commit of this repository" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "no such benchmark"], "is found in no benchmark. There are:\n  quick.Kernels.time_neighbors()"),
        (["--rounds", "5"], "--rounds 5 could never show a slow-down of one of 8 benchmarks. Give at least 11"),
    ],
)
def test_what_could_show_nothing_is_refused(compare, suite, tree, options, message):
    code, _, err = compare("--base-tree", tree, "--tree", tree, "--benchmarks", suite, *options)
    assert code == 2
    assert message in err


def test_sources_that_come_from_elsewhere_are_refused(compare, suite, tree, tmp_path):
    """A package without a file of its own leaves the import to whatever else is installed."""
    for name in ("ganbench", "baselines"):
        (tmp_path / "empty" / name).mkdir(parents=True)
    (tmp_path / "empty" / "pyproject.toml").write_bytes((tree / "pyproject.toml").read_bytes())
    code, _, err = compare("--base-tree", tmp_path / "empty", "--tree", tree, "--benchmarks", suite)
    assert code == 1
    assert "The process that measures the base imported ganbench" in err


def test_it_runs_from_a_checkout():
    command = [sys.executable, "-m", "tools.regressions", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: python -m tools.regressions")


def test_the_suite_runs_on_the_commit_before_names_moved(tmp_path):
    """Every benchmark is found there; one of each module runs on both sides."""
    setting = Setting(
        trees={side: tmp_path / "sources" / side for side in ("base", "tree")},
        benchmarks=ROOT / "benchmarks",
        scratch={side: tmp_path / "scratch" / side for side in ("base", "tree")},
        longest=10,
    )
    for folder in (*setting.trees.values(), *setting.scratch.values()):
        folder.mkdir(parents=True)
    if subprocess.run(["git", "-C", ROOT, "cat-file", "-e", BEFORE_THE_ROOMS], capture_output=True).returncode:
        pytest.skip("this checkout is shallow, or none")
    sources.extract_commit(ROOT, BEFORE_THE_ROOMS, setting.trees["base"])
    sources.copy_tree(ROOT, setting.trees["tree"])
    with Pair.started(setting, ("base", "tree")) as pair:
        cases = {case.label: case for case in pair.cases()}
        assert len(cases) >= 19
        assert not any(case.problem for case in cases.values())
        for label in (
            "command_line.Help.time_help()",
            "metrics.Parzen.time_log_density(2000, 64, 1, 'cpu')",
            "models.ShortEpoch.time_epoch('dbn', 'cpu')",
        ):
            pair.warm_up(cases[label])
            assert cases[label].number > 0
