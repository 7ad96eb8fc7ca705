"""Remove cells from a results folder, all of a row or some: the next run computes them again.

Records with their scores, samples with their chains, checkpoints and sheets go, once what would go has been shown and
agreed to. What other records share stays, and so do the tables and the report until they are written again. A cell that
a run is computing is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ganbench.cli import options
from ganbench.errors import UsageError, printable

if TYPE_CHECKING:
    from ganbench import Removal

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="rows, by the specs that tables show; a file with its folder"
    )
    options.add_datasets(parser, "only on these data sets")
    parser.add_argument("--folds", "--fold", nargs="+", default=[], metavar="NAME", help="only these folds, as fold0")
    parser.add_argument(
        "--seed", dest="seeds", type=options.count, nargs="+", default=[], metavar="K", help="only these seeds"
    )
    options.add_protocol(parser, None, "the only one that has records")
    options.add_results(parser)
    options.add_data_folder(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print the files that were removed as JSON; needs --yes")


def run(arguments: argparse.Namespace) -> int:
    """Show what would go, ask, and remove it."""
    import ganbench

    if arguments.json and not arguments.yes:
        raise UsageError("--json does not ask: give --yes, too.")
    removal = ganbench.plan_removal(
        arguments.results,
        arguments.models,
        protocol=arguments.protocol,
        datasets=arguments.datasets,
        folds=arguments.folds,
        seeds=arguments.seeds,
        data_root=arguments.data,
    )
    if not arguments.json:
        for path in removal.files:
            print(printable(str(path)))
    for note in removal.notes:
        print(f"ganbench: {printable(note)}", file=sys.stderr)
    if not (arguments.yes or _agreed(removal)):
        print("ganbench: nothing was removed.", file=sys.stderr)
        return 1
    removal.carry_out()
    if arguments.json:
        print(json.dumps({"removed": [str(path) for path in removal.files], "notes": removal.notes}, indent=1))
    else:
        print(f"Removed {_summary(removal)}.")
    return 0


def _agreed(removal: Removal) -> bool:
    """Whether the user agrees.

    Raises:
        UsageError: There is nobody to ask.
    """
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError("Nothing was removed: nobody can be asked here. Give --yes to remove these files.")
    print(f"Remove {_summary(removal)}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _summary(removal: Removal) -> str:
    cells, files = len(removal.records), len(removal.files)
    return f"{cells} {'cell' if cells == 1 else 'cells'}, {files} files"
