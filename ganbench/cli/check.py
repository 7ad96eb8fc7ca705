"""Examine whether a model or a metric keeps its contract.

A model is trained for a few epochs on some images of a data set; a metric is measured on small sets of numbers. Exit
code 3 if a check fails.
"""

from __future__ import annotations

import argparse
import json

from ganbench.cli import options

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "spec", metavar="SPEC", help="the model or metric, as `ganbench list` names it, or ./file.py:Class"
    )
    options.add_one_dataset(parser, "data to train on (default: %(default)s)", default="digits")
    options.add_data_folder(parser)
    options.add_device(parser)
    parser.add_argument("--json", action="store_true", help="as JSON lines")


def run(arguments: argparse.Namespace) -> int:
    """Run the checks, printing each as it is done."""
    import ganbench

    counts = {"passed": 0, "failed": 0, "not examined": 0}
    results = ganbench.check(
        arguments.spec, dataset=arguments.dataset, device=arguments.device, data_root=arguments.data
    )
    for result in results:
        counts[result.status] += 1
        if arguments.json:
            content = {"check": result.name, "passed": result.status == "passed", "status": result.status}
            print(json.dumps(content | {"violation": result.violation}), flush=True)
        else:
            mark = {"passed": "passed", "failed": "FAILED", "not examined": "------"}[result.status]
            print(
                f"{mark}  {result.demand}" + (f"\n        {result.violation}" if result.violation else ""), flush=True
            )
    if not arguments.json:
        print(f"{arguments.spec}: " + ", ".join(f"{n} {status}" for status, n in counts.items()) + ".")
    return 3 if counts["failed"] else 0
