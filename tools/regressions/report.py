"""What came out, as a table, in words and as JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

from ganbench.errors import UserError
from tools.regressions.measure import SIDES, TOO_LONG, Case
from tools.regressions.sign_test import Rule, median_interval

__all__ = ["Row", "report"]

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

    @classmethod
    def of(cls, case: Case, rule: Rule, *, suspected: bool = False) -> Row:
        """Judge what was measured; `suspected`: a first look has called it slower."""
        if case.problem:
            verdict = {"base": "not in the base", TOO_LONG: TOO_LONG}.get(case.culprit, "failed")
            return cls(case.name, case.parameters, verdict, reason=case.problem)
        verdicts = {clock: rule.judge(case.log_ratios(clock)) for clock in case.clocks}
        clock = next((clock for clock in case.clocks if verdicts[clock] != "same"), "wall")
        base, tree = (median(case.seconds[side, clock]) for side in SIDES)
        unconfirmed = suspected and verdicts[clock] != "slower"
        ratios = tuple(case.log_ratios(clock))
        others = {other: case.log_ratios(other) for other in case.clocks if other != clock}
        return cls(case.name, case.parameters, verdicts[clock], clock, base, tree, ratios, others, unconfirmed)

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


def report(
    rows: list[Row], base: str, settings: Mapping[str, float], *, markdown: Path | None, to_json: Path | None
) -> None:
    """Print the table and what it says, reasons on stderr; write both where asked.

    Raises:
        UserError: A file cannot be written.
    """
    for row in rows:
        if row.reason:
            reason = row.reason.strip() if row.verdict == "failed" else row.reason.strip().splitlines()[-1]
            sys.stderr.write(f"{row.name}({row.parameters}) is {row.verdict}: {reason}\n")
    words = _in_words(rows, base, settings["threshold"])
    sys.stdout.write(f"{_table(rows, 'simple')}\n\n{words}\n")
    sys.stdout.flush()
    if markdown is not None:
        _write(markdown, f"{_table(rows, 'github')}\n\n{words}\n")
    if to_json is not None:
        content = {"base": base, **settings, "words": words, "benchmarks": [row.as_json() for row in rows]}
        _write(to_json, json.dumps(content, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}. Name another file.") from error


def _table(rows: list[Row], style: str) -> str:
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
