"""Cases whose answer is known, measured here and now: closed forms, and other tools on the same arrays."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from ganbench.conformance.cases import CASES
from ganbench.errors import UserError
from ganbench.metrics.case import Case
from ganbench.registry.metrics import ENTRY_POINT_GROUP, find_metric
from ganbench.registry.source import installed
from ganbench.registry.specs import Spec
from ganbench.registry.user_files import calling_user_code

__all__ = ["CaseResult", "render_cases", "selftest"]

_HEADS = ("Metric", "Case", "By", "Ours", "Reference", "Difference", "Tolerance", "Status")


class CaseResult(NamedTuple):
    """What came of one case.

    Attributes:
        metric: Name of the metric.
        case: What was measured.
        source: Where the right answer comes from.
        ours: What the metric says; NaN where it was not measured.
        reference: The right answer; NaN likewise.
        difference: The distance of the two.
        tolerance: How large it may be.
        status: "passed", "failed" or "not run".
        text: Why it failed or was not run.
    """

    metric: str
    case: str
    source: str
    ours: float
    reference: float
    difference: float
    tolerance: float
    status: Literal["passed", "failed", "not run"]
    text: str = ""


def selftest(metrics: Sequence[Any] = ()) -> Iterator[CaseResult]:
    """Measure all cases of metrics, as they are asked for.

    Args:
        metrics: Specs, classes or objects; all installed metrics by default. Those that do not come with ganbench have
            the cases of their method `reference_cases`; see `ganbench.metrics.case`.

    Raises:
        UserError: A metric that is named cannot be used.
    """
    for metric in metrics or list(installed(ENTRY_POINT_GROUP)):
        try:
            found = find_metric(metric)
        except UserError as error:
            if metrics:
                raise
            yield _not_run(str(metric), "all", "", str(error))
            continue
        own = getattr(found.metric, "reference_cases", None)
        cases = [*CASES.get(found.name, ()), *(own() if own else ())]
        if not cases:
            yield _not_run(found.name, "all", "", "it has no reference_cases")
        for case in cases:
            yield _result(found.name, type(found.metric), case)


def _result(name: str, factory: type, case: Case) -> CaseResult:
    if case.module and importlib.util.find_spec(case.module) is None:
        return _not_run(name, case.name, case.source, f"{case.source} is not installed")
    try:
        with calling_user_code():
            data = case.data()
            found = find_metric(Spec(name, case.settings)) if name in CASES else None
            metric = found.metric if found else factory(**case.settings)
            roles = ("generated", *metric.needs, *getattr(metric, "uses", ()))
            ours = metric.measure(**{role: data.get(role) for role in roles}).values[case.value].value
            reference = float(case.reference(data))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a metric or a library is the result
        text = f"{type(error).__name__}: {error}"
        return CaseResult(name, case.name, case.source, math.nan, math.nan, math.nan, case.tolerance, "failed", text)
    difference = abs(ours - reference)
    status: Literal["passed", "failed"] = "passed" if difference <= case.tolerance else "failed"
    return CaseResult(name, case.name, case.source, ours, reference, difference, case.tolerance, status)


def _not_run(metric: str, case: str, source: str, text: str) -> CaseResult:
    return CaseResult(metric, case, source, math.nan, math.nan, math.nan, math.nan, "not run", text)


def render_cases(results: Sequence[CaseResult]) -> str:
    """A table of cases, what went wrong, what was not run, and how many there were of each."""
    from tabulate import tabulate

    lines = [
        [r.metric, r.case, r.source, *map(_number, (r.ours, r.reference, r.difference, r.tolerance)), r.status]
        for r in results
    ]
    below = [f"{r.metric}, {r.case}: {r.text}" for r in results if r.text and r.status == "failed"]
    below += dict.fromkeys(f"Not run: {r.text}." for r in results if r.status == "not run")
    passed, failed, not_run = (sum(r.status == status for r in results) for status in ("passed", "failed", "not run"))
    below.append(f"{passed} passed, {failed} failed, {not_run} not run.")
    return tabulate(lines, headers=_HEADS, disable_numparse=True) + "\n\n" + "\n".join(below) + "\n"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.6g}"
