"""Write one HTML page on all stored records, which opens offline; or, with --figures, the figures of the paper.

Reads records, samples and checkpoints of the results folder, and the data for nearest training examples; computes no
score. What cannot be drawn is said, with the reason. The page needs Jinja2: pip install "ganbench[report]".
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from ganbench.cli import options

__all__ = ["add_arguments", "open_page", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = os.environ.get("GANBENCH_RESULTS", "ganbench-results")
    parser.add_argument(
        "results", nargs="?", type=Path, default=Path(default), metavar="RESULTS",
        help="results folder (default: GANBENCH_RESULTS, else ganbench-results)",
    )  # fmt: skip
    parser.add_argument("--figures", action="store_true", help="write figures, each as PNG and PDF, not the page")
    parser.add_argument(
        "--output", type=Path, metavar="PATH",
        help="the file of the page (default: RESULTS/report.html), or the folder of figures (default: RESULTS/figures)",
    )  # fmt: skip
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    options.add_protocol(parser, None, "all that have records")
    options.add_data_folder(parser)
    parser.add_argument("--json", action="store_true", help="print files, with captions and reasons, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write the page, or the figures, and say where."""
    return _figures(arguments) if arguments.figures else _page(arguments)


def _page(arguments: argparse.Namespace) -> int:
    import ganbench

    path = ganbench.write_report(arguments.results, arguments.output, arguments.protocol, data_root=arguments.data)
    print(json.dumps({"report": str(path)}) if arguments.json else path)
    if arguments.open:
        open_page(path)
    return 0


def open_page(path: Path) -> None:
    """Open a page in the user's browser, and say so where there is none."""
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        print(f"ganbench: no browser could be started; open {path} yourself.", file=sys.stderr)


def _figures(arguments: argparse.Namespace) -> int:
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
