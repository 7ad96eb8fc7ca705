"""The comparison of speed: it catches a slowed kernel, is quiet on equal trees, and keeps its error rates.

A test of the real tool fails by chance if more than 3 of 21 rounds contradict a slow-down of 1.3 by both clocks. Of
840 such rounds on two cores that others used, 6 lay below their median by log 1.3 or more, and P(Bin(21, 6 / 840) > 3)
is 2e-5. An unchanged tree is called slower only if two looks, by other processes, both find a median beyond 1.15; in 40
looks it was between 0.947 and 1.048.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks import _paired as paired
from benchmarks import _sources as sources

ROOT = Path(__file__).parents[2]

# ---------------------------------------------------------------------------------------------------- the statistic

ROUNDS, THRESHOLD, LEVEL = 21, 1.15, 0.01 / 34
RULE = paired.Rule(ROUNDS, THRESHOLD, LEVEL)


def rate(rule, draws) -> float:
    return np.mean([rule.judge(list(series)) == "slower" for series in draws])


def standard_error(probability: float, n: int) -> float:
    return math.sqrt(probability * (1 - probability) / n)


@pytest.mark.parametrize("rounds", [1, 5, 10, 11, 21, 42, 200])
@pytest.mark.parametrize("level", [0.3, 0.05, 0.01, LEVEL, 1e-9])
def test_contradictions_allowed_agree_with_the_binomial_distribution(rounds, level):
    allowed = paired.contradictions_allowed(rounds, level)
    assert binom.cdf(allowed, rounds, 0.5) <= level < binom.cdf(allowed + 1, rounds, 0.5)


@pytest.mark.parametrize("level", [0.3, 0.05, 0.01, LEVEL, 1e-9])
def test_the_fewest_rounds_are_the_fewest(level):
    fewest = paired.fewest_rounds(level)
    assert paired.contradictions_allowed(fewest, level) == 0
    assert paired.contradictions_allowed(fewest - 1, level) == -1


@pytest.mark.parametrize("noise", ["normal", "cauchy"])
def test_false_alarms_come_at_the_nominal_rate(noise):
    """With no threshold to speak of, the rate is that of the sign test, whatever the noise; 4 standard errors."""
    rng, n, level = np.random.default_rng(1), 20_000, 0.05
    draws = rng.standard_normal((n, ROUNDS)) if noise == "normal" else rng.standard_cauchy((n, ROUNDS))
    nominal = binom.cdf(paired.contradictions_allowed(ROUNDS, level), ROUNDS, 0.5)
    assert 0.03 < nominal <= level
    found = rate(paired.Rule(ROUNDS, 1 + 1e-12, level), draws)
    assert abs(found - nominal) < 4 * standard_error(nominal, n)


def test_a_whole_suite_has_few_false_alarms_even_without_the_second_look():
    """34 series, noise as wide as the threshold is far: within 4 standard errors above 0.01."""
    rng, suites = np.random.default_rng(2), 1000
    alarms = [rate(RULE, rng.standard_normal((34, ROUNDS)) * 0.2) > 0 for _ in range(suites)]
    assert np.mean(alarms) < 0.01 + 4 * standard_error(0.01, suites)


@pytest.mark.parametrize(("spread", "least"), [(0.05, 0.999), (0.10, 0.999), (0.15, 0.948), (0.20, 0.67)])
def test_a_slow_down_of_1_3_is_seen(spread, least):
    """The power of two looks, as the docstring of the tool states it; 4 standard errors below."""
    rng, n = np.random.default_rng(3), 4000
    first = rate(RULE, math.log(1.3) + spread * rng.standard_normal((n, ROUNDS)))
    longer = paired.Rule(2 * ROUNDS, THRESHOLD, LEVEL)
    second = rate(longer, math.log(1.3) + spread * rng.standard_normal((n, 2 * ROUNDS)))
    assert first * second > least - 4 * standard_error(least, n)


def test_bursts_that_hit_one_side_are_no_slow_down():
    """A third of the samples of either side take up to many times as long."""
    rng, shape = np.random.default_rng(4), (4000, ROUNDS)

    def side():
        return 0.02 * rng.standard_normal(shape) + (rng.random(shape) < 1 / 3) * rng.exponential(2.0, shape)

    assert rate(RULE, side() - side()) < 4 * math.sqrt(LEVEL / 4000)


def test_a_slow_down_is_seen_through_bursts():
    rng, shape = np.random.default_rng(5), (1000, ROUNDS)
    bursts = (rng.random(shape) < 0.1) * rng.exponential(2.0, shape) * rng.choice([-1, 1], shape)
    assert rate(RULE, math.log(1.3) + 0.05 * rng.standard_normal(shape) + bursts) > 0.9


@pytest.mark.parametrize(("ratio", "verdict"), [(1.05, "same"), (1.14, "same"), (1.16, "slower"), (1 / 1.2, "faster")])
def test_the_threshold_divides(ratio, verdict):
    rng = np.random.default_rng(6)
    series = list(math.log(ratio) + 0.001 * rng.standard_normal(ROUNDS))
    assert RULE.judge(series) == verdict


@pytest.mark.parametrize("rounds", [11, 20, 21])
def test_stopping_early_changes_no_verdict(rounds):
    rng, rule = np.random.default_rng(7), paired.Rule(rounds, THRESHOLD, LEVEL)
    stopped = 0
    for centre in rng.uniform(-0.4, 0.4, 2000):
        series = list(centre + rng.uniform(0.01, 0.3) * rng.standard_normal(rounds))
        made = next(i for i in range(rounds + 1) if rule.is_settled(series[:i]))
        if made < rounds:
            stopped += 1
            assert rule.judge(series) == rule.judge(series[:made]) == "same"
    assert stopped > 200


def test_the_interval_covers_the_median():
    rng, n = np.random.default_rng(8), 4000
    covered = [low <= 0 <= high for low, high in map(paired.median_interval, rng.standard_cauchy((n, ROUNDS)))]
    nominal = 1 - 2 * binom.cdf(paired.contradictions_allowed(ROUNDS, 0.025), ROUNDS, 0.5)
    assert nominal >= 0.95
    assert abs(np.mean(covered) - nominal) < 4 * standard_error(nominal, n)


# ------------------------------------------------------------------------------------------------------------ the base


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Runs git in a new repository of two commits on main."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # a hook that runs the tests sets them
        monkeypatch.delenv(variable, raising=False)
    return Checkout(tmp_path / "checkout")


class Checkout:
    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("ganbench", "baselines"):
            (root / folder).mkdir(parents=True)
            (root / folder / "__init__.py").touch()
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit("first")
        self.commit("second")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(self.root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, text: str) -> str:
        self.edit(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")

    def edit(self, text: str) -> None:
        (self.root / "ganbench" / "module.py").write_text(f"TEXT = {text!r}\n", encoding="utf-8")


def test_a_clean_main_is_compared_with_the_commit_before(checkout):
    assert sources.find_base(checkout.root, None).commit == checkout.git("rev-parse", "HEAD~1")


def test_changes_on_main_are_compared_with_head(checkout):
    checkout.edit("changed")
    assert sources.find_base(checkout.root, None).commit == checkout.git("rev-parse", "HEAD")


def test_a_branch_is_compared_with_where_it_left_main(checkout):
    fork = checkout.git("rev-parse", "HEAD")
    checkout.git("checkout", "--quiet", "-b", "branch")
    checkout.commit("third")
    checkout.commit("fourth")
    checkout.edit("changed")
    assert sources.find_base(checkout.root, None).commit == fork
    checkout.git("update-ref", "refs/remotes/origin/main", f"{fork}~1")
    assert sources.find_base(checkout.root, None).commit == checkout.git("rev-parse", f"{fork}~1")


def test_the_base_is_laid_out_as_it_was(checkout, tmp_path):
    base = sources.find_base(checkout.root, "HEAD~1")
    checkout.edit("changed")
    sources.extract_commit(checkout.root, base.commit, tmp_path / "base")
    sources.copy_tree(checkout.root, tmp_path / "tree")
    texts = [(tmp_path / side / "ganbench" / "module.py").read_text(encoding="utf-8") for side in ("base", "tree")]
    assert texts == ["TEXT = 'first'\n", "TEXT = 'changed'\n"]
    assert all(list((tmp_path / side).rglob("module.*.pyc")) for side in ("base", "tree"))


def test_a_first_commit_has_no_base(checkout):
    checkout.git("checkout", "--quiet", "HEAD~1")
    checkout.git("branch", "--force", "main", "HEAD")
    with pytest.raises(sources.UsageError, match=r"HEAD~1.*is no commit of this repository.*git log"):
        sources.find_base(checkout.root, None)


def test_a_shallow_clone_says_so(checkout, tmp_path):
    clone = tmp_path / "clone"
    checkout.git("clone", "--quiet", "--depth", "1", checkout.root.as_uri(), str(clone))
    with pytest.raises(sources.UsageError, match=r"HEAD~1.*shallow.*--unshallow"):
        sources.find_base(clone, None)


def test_no_checkout_says_so(checkout, tmp_path):
    with pytest.raises(sources.UsageError, match=r"cannot be read as a git checkout.*--base-tree"):
        sources.find_base(tmp_path, None)


def test_a_commit_without_the_sources_says_so(checkout, tmp_path):
    checkout.git("rm", "-r", "--quiet", "baselines")
    with pytest.raises(sources.UsageError, match="baselines"):
        sources.extract_commit(checkout.root, checkout.commit("third"), tmp_path / "base")


# ------------------------------------------------------------------------------------------------------- the real tool

SUITE = """
import time

import torch

from ganbench import metrics


class Kernels:
    number = 2

    def setup(self):
        generator = torch.Generator().manual_seed(0)
        self.points, self.centres = (torch.rand(n, 64, generator=generator) for n in (200, 1000))

    def time_parzen(self):
        metrics.parzen_log_density(self.points, self.centres, 0.2)

    def time_neighbors(self):
        metrics.nearest_neighbors(self.points, self.centres)


class New:
    params = ([1, 2], ["a", "b"])
    param_names = ("count", "letter")

    def setup(self, count, letter):
        if count == 2:
            raise NotImplementedError

    def time_new(self, count, letter):
        print("what a benchmark prints does no harm")
        metrics.a_new_kernel(letter)


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

_as_it_was = nearest_neighbors


def nearest_neighbors(*arguments, **options):
    begun = _time.perf_counter()
    result = _as_it_was(*arguments, **options)
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
def changed(tmp_path):
    """Makes a copy of the sources with code added to a module, and returns its folder."""

    def make(module: str, code: str) -> Path:
        for name in ("ganbench", "baselines"):
            shutil.copytree(ROOT / name, tmp_path / "changed" / name, ignore=shutil.ignore_patterns("__pycache__"))
        with (tmp_path / "changed" / module).open("a", encoding="utf-8") as file:
            file.write(code)
        return tmp_path / "changed"

    return make


def compare(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.regressions", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ""})


def verdicts(path: Path) -> dict[tuple[str, str], str]:
    rows = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    return {(row["name"].rpartition(".")[2], row["parameters"]): row["verdict"] for row in rows}


@pytest.mark.slow
def test_a_kernel_slowed_by_1_3_is_caught_and_no_other(suite, changed, tmp_path):
    tree, report, page = changed("ganbench/metrics/neighbors.py", SLOWED), tmp_path / "new.json", tmp_path / "page.md"
    options = ("--benchmarks", suite, "--only", "Kernels", "--json", report, "--markdown", page)
    done = compare("--base-tree", ROOT, "--tree", tree, *options)
    assert done.returncode == 1, done.stderr
    assert verdicts(report) == {("time_neighbors", ""): "slower", ("time_parzen", ""): "same"}
    assert "looking again, 2 times as long, at quick.Kernels.time_neighbors()" in done.stderr
    assert f"Slower than {ROOT} by more than 1.15: quick.Kernels.time_neighbors()." in done.stdout
    assert "| quick.Kernels.time_neighbors |" in page.read_text(encoding="utf-8")
    row = next(r for r in json.loads(report.read_text(encoding="utf-8"))["benchmarks"] if r["verdict"] == "slower")
    assert 1.15 < row["ratio"] < 1.45
    assert row["interval"][0] <= row["ratio"] <= row["interval"][1]
    assert {clock: len(ratios) for clock, ratios in row["log_ratios"].items()} == {"wall": 42, "processor": 42}


@pytest.mark.slow
def test_an_unchanged_tree_is_quiet_again_and_again(suite, tmp_path):
    for run in range(5):
        report = tmp_path / f"{run}.json"
        options = ("--benchmarks", suite, "--only", "Kernels", "--json", report)
        done = compare("--base-tree", ROOT, "--tree", ROOT, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"None of 2 benchmarks is slower than {ROOT} by more than 1.15." in done.stdout
        assert set(verdicts(report).values()) == {"same"}


def test_what_the_base_does_not_have_is_no_failure(suite, changed, tmp_path):
    tree = changed("ganbench/metrics/__init__.py", "\n\ndef a_new_kernel(letter):\n    return letter * 1000\n")
    report = tmp_path / "new.json"
    options = ("--benchmarks", suite, "--only", "New", "--json", report)
    done = compare("--base-tree", ROOT, "--tree", tree, *options)
    assert done.returncode == 0, done.stderr
    assert verdicts(report) == {("time_new", f"count=1, letter={letter}"): "not in the base" for letter in "ab"}
    assert done.stdout.endswith("\n\n2 not in the base, so not compared.\n")
    assert "time_new(count=1, letter=a) is not in the base: AttributeError" in done.stderr
    assert "has no attribute 'a_new_kernel'" in done.stderr


def test_what_takes_too_long_is_named_and_not_measured(suite):
    options = ("--benchmarks", suite, "--only", "Long", "--longest", 0.01)
    done = compare("--base-tree", ROOT, "--tree", ROOT, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n\n1 too long, so not measured (see --longest).\n")
    assert "quick.Long.time_sleep() is too long: 0.1 s a call" in done.stderr


def test_what_the_tree_cannot_run_is_a_failure(suite):
    done = compare("--base-tree", ROOT, "--tree", ROOT, "--benchmarks", suite, "--only", "Broken")
    assert done.returncode == 1
    assert "The working tree cannot run: quick.Broken.time_broken()." in done.stdout
    assert "ValueError: a defect" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rounds", "many"], "invalid int value: 'many'"),
        (["--rounds", "0"], "--rounds 0 is not accepted"),
        (["--threshold", "0.9"], "--threshold 0.9 is not accepted. Give a ratio above 1"),
        (["--only", "("], r"--only '\(' is no regular expression"),
        (["--benchmarks", "ganbench/metrics/presets"], "no package of benchmarks"),
        (["--tree", "tests", "--base-tree", "."], "tests has no folder 'ganbench'"),
        (["--base", "a", "--base-tree", "b"], "not allowed with argument"),
    ],
)
def test_wrong_arguments_are_explained(options, message):
    done = compare(*options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.search(message, done.stderr), done.stderr


def test_an_unknown_revision_is_explained(checkout):
    done = compare("--tree", checkout.root, "--base", "no-such-revision")
    assert done.returncode == 2
    assert "--base no-such-revision is no commit of this repository" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "no such benchmark"], "is found in no benchmark. There are:\n  quick.Kernels.time_neighbors()"),
        (["--rounds", "5"], "--rounds 5 could never show a slow-down of one of 8 benchmarks. Give at least 11"),
    ],
)
def test_what_could_show_nothing_is_refused(suite, options, message):
    done = compare("--base-tree", ROOT, "--tree", ROOT, "--benchmarks", suite, *options)
    assert done.returncode == 2
    assert message in done.stderr


def test_sources_that_come_from_elsewhere_are_refused(suite, tmp_path):
    """A package without a file of its own leaves the import to whatever else is installed."""
    for name in ("ganbench", "baselines"):
        (tmp_path / "empty" / name).mkdir(parents=True)
    done = compare("--base-tree", tmp_path / "empty", "--tree", ROOT, "--benchmarks", suite)
    assert done.returncode == 1
    assert "The process that measures the base imported ganbench" in done.stderr


def test_the_suite_and_its_tool_keep_to_the_measure():
    """As `test_architecture` demands of the packages: files and functions are short, and nothing asserts."""
    import ast

    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 500
        for node in ast.walk(ast.parse(text)):
            assert not isinstance(node, ast.Assert)
            if isinstance(node, ast.FunctionDef):
                assert node.body[-1].end_lineno - node.body[0].lineno < 60
