"""Examine whether a model keeps the contract of `ganbench.model`.

Trains it for a few epochs on some images of a data set. Exit code 3 if a check fails.
"""

from __future__ import annotations

import argparse
import json

from ganbench.cli import options

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", metavar="SPEC", help="the model, as `ganbench list` names it, or ./file.py:Class")
    parser.add_argument("--dataset", default="digits", metavar="NAME", help="data to train on (default: %(default)s)")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of the data sets (default: GANBENCH_DATA, else the user's cache)"
    )
    options.add_device(parser)
    parser.add_argument("--json", action="store_true", help="as JSON lines")


def run(arguments: argparse.Namespace) -> int:
    """Run the checks, printing each as it is done."""
    from ganbench.conformance import check_model
    from ganbench.runtime.device import resolve_device

    device = resolve_device(arguments.device)
    failed = passed = total = 0
    for result in check_model(arguments.model, dataset=arguments.dataset, device=device, data_root=arguments.data):
        total += 1
        failed += result.status == "failed"
        passed += result.status == "passed"
        if arguments.json:
            outcome = {"passed": result.status == "passed", "status": result.status, "violation": result.violation}
            print(json.dumps({"check": result.name, **outcome}), flush=True)
        else:
            mark = "FAILED" if result.status == "failed" else result.status
            print(
                f"{mark:12}  {result.demand}" + (f"\n              {result.violation}" if result.violation else ""),
                flush=True,
            )
    if not arguments.json:
        print(f"{arguments.model}: {passed} of {total} checks passed.")
    return 3 if failed else 0
