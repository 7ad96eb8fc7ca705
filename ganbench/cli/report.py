"""Draw the figures of stored records: those of the paper, learning curves, likelihood against bandwidth.

Reads records, samples and checkpoints of the results folder, and the data for nearest training examples. What cannot be
drawn is said, with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from ganbench.cli import options

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = os.environ.get("GANBENCH_RESULTS", "ganbench-results")
    parser.add_argument(
        "results", nargs="?", type=Path, default=Path(default), metavar="RESULTS",
        help="results folder (default: GANBENCH_RESULTS, else ganbench-results)",
    )  # fmt: skip
    parser.add_argument("--figures", action="store_true", required=True, help="write figures, each as PNG and PDF")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where they go (default: RESULTS/figures)")
    options.add_protocol(parser, None, "all that have records")
    options.add_data_folder(parser)
    parser.add_argument("--json", action="store_true", help="print figures, files, captions and reasons as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write the figures and say which."""
    import ganbench

    figures = ganbench.write_figures(arguments.results, arguments.output, arguments.protocol, data_root=arguments.data)
    if arguments.json:
        rows = [
            {"name": f.name, "files": [str(path) for path in f.files], "caption": f.caption, "reason": f.reason}
            for f in figures
        ]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for figure in figures:
        for path in figure.files:
            print(path)
    for figure in figures:
        if figure.reason:
            print(f"ganbench: {figure.name} was not drawn: {figure.reason}", file=sys.stderr)
    return 0
