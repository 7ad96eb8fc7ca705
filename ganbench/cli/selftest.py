"""Measure cases whose answer is known: closed forms, and other tools on the same arrays.

Every metric is held against closed forms and, where they are installed, against libraries that compute the same; those
that are absent are named. Metrics of your own are measured on the cases that they bring (`reference_cases`). Exit code
3 if anything fails.
"""

from __future__ import annotations

import argparse
import json
import math

__all__ = ["add_arguments", "run"]


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
    if not arguments.json:
        print(ganbench.render_cases(results), end="")
    return 3 if any(result.status == "failed" for result in results) else 0
