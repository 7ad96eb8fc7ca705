"""Has the working tree become slower than a base commit? `python -m tools.regressions`, or `tox -e perf`.

The sources of both are laid out in a folder, and the suite's `time_*` benchmarks, as the working tree has them, are
run on both in turns (`tools.interleaved`), in one environment: nothing is built and asv is not needed. Without
--base the working tree is compared with where the branch left `origin/main`; if HEAD is there itself, uncommitted
changes are compared with HEAD, and a clean HEAD with the commit before it.

A slow-down is real if two looks agree, the second twice as long and by new processes: in each, the median ratio of the
rounds exceeds the threshold, and its lower confidence bound by the sign test exceeds 1 (`tools.paired`). Each
benchmark has two clocks, wall and processor, and either may show it.

False alarms. For B benchmarks the bound of one look has the level 0.01 / (2 B), so by Bonferroni the chance of any
bound above 1 without reason is at most 0.01 a look, and 0.01^2 = 0.0001 for both. The threshold has to be exceeded
besides; it is what stands against differences that are real but those of a process, not of its program, which were up
to 1.1 between equal trees.

Power. Let the log-ratio of a round have the standard deviation s about log 1.3. With the default of 21 rounds and 19
benchmarks at most 2 rounds may contradict the first look, and 9 of 42 the second, so for normal noise

    s = 0.05: above 0.999      s = 0.10: above 0.999      s = 0.15: 0.95      s = 0.20: 0.67

and s was 0.04 to 0.07 by either clock on two shared cores, and beside two processes that kept both busy 0.07 by
processor time and 0.17 by the wall clock.

A benchmark that takes longer than --longest a call is named and not measured: it would have to be called some twenty
times. With the calls of the suite the whole takes 3 to 7 minutes on two cores.

Exit codes: 0 no slow-down, 1 a slow-down, or the working tree cannot run a benchmark, 2 usage. A benchmark that the
base cannot run is reported and no failure.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from ganbench.errors import StoreError, UsageError, UserError
from tools.interleaved import SIDES, TOO_LONG, Case, Pair, Setting, measure
from tools.paired import Rule, contradictions_allowed, fewest_rounds, median_interval
from tools.sources import copy_tree, extract_commit, find_base

FALSE_ALARMS = 0.01  # of a look at the whole suite
LONGER = 2  # the second look has so many times the rounds of the first
ROOT = Path(__file__).resolve().parents[1]

_ASIDES = {
    "faster": "faster",
    "not in the base": "not in the base, so not compared",
    TOO_LONG: "too long, so not measured (see --longest)",
}


@dataclass(frozen=True)
class Row:
    """What came out for one benchmark.

    Attributes:
        name: Module, class and method.
        parameters: In words.
        verdict: "slower", "faster", "same", "not in the base", "too long" or "failed".
        clock: The clock that the numbers are by: the one that shows a difference, else the wall clock.
        base: Median of the base's time of one call in seconds.
        tree: That of the tree.
        log_ratios: Of all rounds of the last look, by that clock.
        others: Those by the clocks that do not show it.
        unconfirmed: The first look saw a slow-down and the second did not.
        reason: Why there are no numbers.
    """

    name: str
    parameters: str
    verdict: str
    clock: str = ""
    base: float = math.nan
    tree: float = math.nan
    log_ratios: tuple[float, ...] = ()
    others: dict[str, list[float]] = field(default_factory=dict)
    unconfirmed: bool = False
    reason: str = ""

    @property
    def ratio(self) -> float:
        """Median ratio tree / base."""
        return math.exp(median(self.log_ratios)) if self.log_ratios else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the median ratio."""
        if not self.log_ratios:
            return math.nan, math.nan
        low, high = median_interval(self.log_ratios)
        return math.exp(low), math.exp(high)

    def as_json(self) -> dict[str, Any]:
        """All of it, with null for what there is not."""
        facts: dict[str, Any] = {"name": self.name, "parameters": self.parameters, "verdict": self.verdict}
        if not self.log_ratios:
            return facts | {"reason": self.reason}
        seconds = {"clock": self.clock, "base_seconds": self.base, "tree_seconds": self.tree}
        ratios = {"ratio": self.ratio, "interval": list(self.interval), "unconfirmed": self.unconfirmed}
        return facts | seconds | ratios | {"log_ratios": {self.clock: list(self.log_ratios), **self.others}}


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
        description=__doc__,
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
    _report(rows, base, options)
    return 1 if any(row.verdict in ("slower", "failed") for row in rows) else 0


def _check(options: argparse.Namespace) -> None:
    if not 1 < options.threshold < math.inf:
        raise UsageError(f"--threshold {options.threshold} is not accepted. Give a ratio above 1, such as 1.15.")
    if options.rounds < 1:
        raise UsageError(f"--rounds {options.rounds} is not accepted. Give a number of rounds, such as 21.")
    if not (options.benchmarks / "__init__.py").is_file():
        raise UsageError(
            f"--benchmarks {options.benchmarks} is no package of benchmarks. Name a folder with an __init__.py."
        )
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
    first = [_row(case, rule) for case in cases if (case.problem, case.culprit) != ("skipped", "tree")]
    suspects = {case.label: case.again() for case in cases if _row(case, rule).verdict == "slower"}
    if not suspects:
        return first
    tell(f"looking again, {LONGER} times as long, at {', '.join(suspects)}")
    longer = Rule(rule.rounds * LONGER, rule.threshold, rule.level)
    again, _ = measure(setting, lambda pair: (list(suspects.values()), longer), tell)
    second = {(case.name, case.parameters): _row(case, longer, suspected=True) for case in again}
    return [second.get((row.name, row.parameters), row) for row in first]


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


def _row(case: Case, rule: Rule, *, suspected: bool = False) -> Row:
    if case.problem:
        verdict = {"base": "not in the base", TOO_LONG: TOO_LONG}.get(case.culprit, "failed")
        return Row(case.name, case.parameters, verdict, reason=case.problem)
    verdicts = {clock: rule.judge(case.log_ratios(clock)) for clock in case.clocks}
    clock = next((clock for clock in case.clocks if verdicts[clock] != "same"), "wall")
    base, tree = (median(case.seconds[side, clock]) for side in SIDES)
    unconfirmed = suspected and verdicts[clock] != "slower"
    ratios = tuple(case.log_ratios(clock))
    others = {other: case.log_ratios(other) for other in case.clocks if other != clock}
    return Row(case.name, case.parameters, verdicts[clock], clock, base, tree, ratios, others, unconfirmed)


def _report(rows: list[Row], base: str, options: argparse.Namespace) -> None:
    for row in rows:
        if row.reason:
            reason = row.reason.strip() if row.verdict == "failed" else row.reason.strip().splitlines()[-1]
            sys.stderr.write(f"{row.name}({row.parameters}) is {row.verdict}: {reason}\n")
    words = _in_words(rows, base, options.threshold)
    sys.stdout.write(f"{_table(rows, 'simple')}\n\n{words}\n")
    sys.stdout.flush()
    if options.markdown is not None:
        _write(options.markdown, f"{_table(rows, 'github')}\n\n{words}\n")
    if options.json is not None:
        settings = {"rounds": options.rounds, "threshold": options.threshold, "false_alarms": FALSE_ALARMS}
        content = {"base": base, **settings, "words": words, "benchmarks": [row.as_json() for row in rows]}
        _write(options.json, json.dumps(content, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    from ganbench.files import write_atomically

    try:
        write_atomically(path, text.encode())
    except StoreError as error:
        raise UserError(f"{path} cannot be written: {error.__cause__}. Name another file.") from error


def _table(rows: list[Row], style: str) -> str:
    from tabulate import tabulate

    head = ("benchmark", "parameters", "clock", "base", "new", "ratio", "95 % interval", "verdict")
    return tabulate([_cells(row) for row in rows], head, tablefmt=style, disable_numparse=True)


def _cells(row: Row) -> tuple[str, ...]:
    if not row.log_ratios:
        return (row.name, row.parameters, "", "", "", "", "", row.verdict)
    low, high = row.interval
    numbers = (_seconds(row.base), _seconds(row.tree), f"{row.ratio:.2f}", f"{low:.2f} to {high:.2f}")
    verdict = f"{row.verdict} (a first look said slower)" if row.unconfirmed else row.verdict
    return (row.name, row.parameters, row.clock, *numbers, verdict)


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _in_words(rows: list[Row], base: str, threshold: float) -> str:
    def those(verdict: str) -> list[str]:
        return [f"{row.name}({row.parameters})" for row in rows if row.verdict == verdict]

    parts = []
    if those("failed"):
        parts.append(f"The working tree cannot run: {', '.join(those('failed'))}.")
    compared = sum(bool(row.log_ratios) for row in rows)
    if those("slower"):
        parts.append(f"Slower than {base} by more than {threshold}: {', '.join(those('slower'))}.")
    elif compared:
        parts.append(f"None of {compared} benchmarks is slower than {base} by more than {threshold}.")
    for verdict, meaning in _ASIDES.items():
        if those(verdict):
            parts.append(f"{len(those(verdict))} {meaning}.")
    return " ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
