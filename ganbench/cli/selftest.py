"""Measure cases whose answer is known: closed forms, and other tools on the same arrays.

Every metric is held against closed forms and, where they are installed, against libraries that compute the same; those
that are absent are named. Metrics of your own are measured on the cases that they bring (`reference_cases`). Exit code
3 if anything fails.
"""

from __future__ import annotations

import argparse
import json
import math
import sys

__all__ = ["add_arguments", "run"]

_HEADS = ("Metric", "Case", "By", "Ours", "Reference", "Difference", "Tolerance", "Status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "metrics",
        nargs="*",
        metavar="METRIC",
        help="a metric as `ganbench list` names it, or a file of one (default: all)",
    )
    parser.add_argument("--json", action="store_true", help="print the cases as JSON lines")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table, and say what failed and what is absent."""
    import ganbench

    results = []
    for result in ganbench.selftest(arguments.metrics):
        results.append(result)
        if arguments.json:
            fields = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in result._asdict().items()}
            print(json.dumps(fields, ensure_ascii=False), flush=True)
        elif sys.stderr.isatty():
            print(f"\r{len(results)} cases", end="", file=sys.stderr)
    if not arguments.json:
        _print_table(results)
    return 3 if any(result.status == "failed" for result in results) else 0


def _print_table(results: list) -> None:
    from tabulate import tabulate

    lines = [
        [r.metric, r.case, r.source, *map(_number, (r.ours, r.reference, r.difference, r.tolerance)), r.status]
        for r in results
    ]
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    print(tabulate(lines, headers=_HEADS, disable_numparse=True))
    print()
    for result in results:
        if result.text and result.status == "failed":
            print(f"{result.metric}, {result.case}: {result.text}")
    for text in dict.fromkeys(f"{r.text}." for r in results if r.status == "not run"):
        print(f"Not run: {text}")
    counts = [sum(r.status == status for r in results) for status in ("passed", "failed", "not run")]
    print("{} passed, {} failed, {} not run.".format(*counts))


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.6g}"
