"""The command line of the comparison."""

from __future__ import annotations

import argparse
import math
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ganbench.errors import UsageError, UserError
from tools.regressions import __doc__ as description
from tools.regressions.measure import SIDES, Case, Pair, Setting, measure
from tools.regressions.report import Row, report
from tools.regressions.sign_test import Rule, contradictions_allowed, fewest_rounds
from tools.regressions.sources import copy_tree, extract_commit, find_base

FALSE_ALARMS = 0.01  # of a look at the whole suite
LONGER = 2  # the second look has so many times the rounds of the first
ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and return the exit code."""
    try:
        return _run(_parser().parse_args(arguments))
    except UserError as error:
        sys.stderr.write(f"tools.regressions: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        sys.stderr.write("\ntools.regressions: interrupted.\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.regressions",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    base = parser.add_mutually_exclusive_group()
    base.add_argument("--base", metavar="REV", help="commit to compare with (default: see above)")
    base.add_argument("--base-tree", type=Path, metavar="DIR", help="a folder of sources to compare with, in its place")
    parser.add_argument("--tree", type=Path, default=ROOT, metavar="DIR", help="sources to judge (default: this tree)")
    parser.add_argument("--benchmarks", type=Path, default=ROOT / "benchmarks", metavar="DIR", help="another suite")
    parser.add_argument("--only", metavar="PATTERN", help="regular expression to be found in module.Class.method(...)")
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="of the first look (default: %(default)s)")
    parser.add_argument(
        "--threshold", type=float, default=1.15, metavar="RATIO", help="that matters (default: %(default)s)"
    )
    parser.add_argument(
        "--longest", type=float, default=2.0, metavar="SECONDS", help="that one call may take (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as Markdown")
    return parser


def _run(options: argparse.Namespace) -> int:
    _check(options)
    begun = time.monotonic()

    def tell(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - begun:5.0f} s  {text}\n")
        sys.stderr.flush()

    with tempfile.TemporaryDirectory(prefix="ganbench-perf-") as scratch:
        setting, base = _lay_out(options, Path(scratch).resolve())
        tell(f"comparing {options.tree} with {base}")
        rows = _compare(setting, options, tell)
    settings = {"rounds": options.rounds, "threshold": options.threshold, "false_alarms": FALSE_ALARMS}
    report(rows, base, settings, markdown=options.markdown, to_json=options.json)
    return 1 if any(row.verdict in ("slower", "failed") for row in rows) else 0


def _check(options: argparse.Namespace) -> None:
    if not 1 < options.threshold < math.inf:
        raise UsageError(f"--threshold {options.threshold} is not accepted. Give a ratio above 1, such as 1.15.")
    if options.rounds < 1:
        raise UsageError(f"--rounds {options.rounds} is not accepted. Give a number of rounds, such as 21.")
    if not (options.benchmarks / "__init__.py").is_file():
        raise UsageError(f"--benchmarks {options.benchmarks} is no folder of benchmarks. Name one with an __init__.py.")
    try:
        re.compile(options.only or "")
    except re.error as error:
        raise UsageError(
            f"--only {options.only!r} is no regular expression: {error}. Write \\ before characters that are meant as "
            "they are."
        ) from error


def _lay_out(options: argparse.Namespace, scratch: Path) -> tuple[Setting, str]:
    """Both trees in folders of equal length, and the base in words."""
    trees = {side: scratch / "sources" / side for side in SIDES}
    working = {side: scratch / "working" / side for side in SIDES}
    for folder in (*trees.values(), *working.values()):
        folder.mkdir(parents=True)
    if options.base_tree is not None:
        copy_tree(options.base_tree, trees["base"])
        words = str(options.base_tree)
    else:
        base = find_base(options.tree, options.base)
        extract_commit(options.tree, base.commit, trees["base"])
        words = str(base)
    copy_tree(options.tree, trees["tree"])
    return Setting(trees, options.benchmarks.resolve(), working, options.longest), words


def _compare(setting: Setting, options: argparse.Namespace, tell: Callable[[str], None]) -> list[Row]:
    """Look at everything, and again at what seems slower."""
    cases, rule = measure(setting, lambda pair: _choose(pair, options), tell)
    first = {case.label: Row.of(case, rule) for case in cases if (case.problem, case.culprit) != ("skipped", "tree")}
    suspects = [case.again() for case in cases if case.label in first and first[case.label].verdict == "slower"]
    if not suspects:
        return list(first.values())
    tell(f"looking again, {LONGER} times as long, at {', '.join(case.label for case in suspects)}")
    longer = Rule(rule.rounds * LONGER, rule.threshold, rule.level)
    again, _ = measure(setting, lambda pair: (suspects, longer), tell)
    return list((first | {case.label: Row.of(case, longer, suspected=True) for case in again}).values())


def _choose(pair: Pair, options: argparse.Namespace) -> tuple[list[Case], Rule]:
    offered = pair.cases()
    cases = [case for case in offered if re.search(options.only or "", case.label)]
    if not cases:
        names = "\n  ".join(case.label for case in offered) or "(none)"
        raise UsageError(f"--only {options.only!r} is found in no benchmark. There are:\n  {names}")
    series = sum(len(case.clocks) for case in cases if not case.problem)
    level = FALSE_ALARMS / max(series, 1)
    if contradictions_allowed(options.rounds, level) < 0:
        raise UsageError(
            f"--rounds {options.rounds} could never show a slow-down of one of {len(cases)} benchmarks. "
            f"Give at least {fewest_rounds(level)}, better 21."
        )
    return cases, Rule(options.rounds, options.threshold, level)


if __name__ == "__main__":
    sys.exit(main())
