"""What is said of what could not be run: cells that failed, and data that are not here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ganbench.errors import printable

if TYPE_CHECKING:
    from ganbench import Plan, Run

__all__ = ["missing_data", "tell_failures", "tell_missing_data"]


def tell_failures(outcome: Run, *, debug: bool) -> None:
    """On stderr, the reason of every failure and the file that has its traceback; the traceback itself if `debug`."""
    for record in outcome.records:
        if record.status != "failed":
            continue
        print(f"ganbench: {' '.join(map(str, record.place))} failed: {printable(record.reason)}", file=sys.stderr)
        if record.traceback and debug:
            print(printable(record.traceback), file=sys.stderr)
        elif record.traceback and outcome.store is not None:
            path = outcome.store.record_path(record.protocol, record.place)
            print(f"  The traceback is in {path}; --debug shows it.", file=sys.stderr)


def tell_missing_data(outcome: Run, *, planned: bool) -> None:
    """On stderr, which data sets are not here; and why, unless the plan that was shown has said it.

    Args:
        outcome: What was run.
        planned: Whether a plan was shown; there is none where there is nothing to run.
    """
    if not outcome.unavailable:
        return
    names = ", ".join(dataset.name for dataset in outcome.unavailable)
    print(printable(f"ganbench: {outcome.protocol.name}: not run for want of data: {names}."), file=sys.stderr)
    if not (planned and outcome.plan.cells):
        print(missing_data(outcome.plan), file=sys.stderr)


def missing_data(plan: Plan) -> str:
    """What was looked for, and what to do; what holds for all data sets once, at the end."""
    reasons = [dataset.reason.removesuffix(dataset.folder).rstrip() for dataset in plan.unavailable]
    folders = dict.fromkeys(dataset.folder for dataset in plan.unavailable if dataset.folder)
    return printable("\n".join([*(f"  {reason}" for reason in reasons), *(f"  {folder}" for folder in folders)]))
