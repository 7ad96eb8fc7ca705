"""Merge results folders from several machines.

Records, samples and trained models that the merged folder lacks are copied to it; what both have is compared, apart
from times and provenance. Where they differ both are kept: the one that is there stays, and is what tables show, the
other goes to conflicts/ in the merged folder, which `ganbench table --results` reads as well. Nothing is overwritten by
something else, and to merge again changes nothing. Exit code 3 says that there are conflicts.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="results folders")
    parser.add_argument("--output", type=Path, metavar="DIR", help="the merged folder (default: the first of them)")


def run(arguments: argparse.Namespace) -> int:
    """Merge, and say what came of it."""
    import ganbench

    files = ganbench.merge_results(arguments.folders, arguments.output)
    records = Counter(file.what for file in files if file.file.startswith("records/"))
    output = arguments.output or arguments.folders[0]
    print(
        f"{output}: {records['new']} records new, {records['same']} the same, {records['more']} with more than before, "
        f"{records['conflict']} in conflict."
    )
    conflicts = [file for file in files if file.what == "conflict"]
    for file in conflicts:
        print(
            f"ganbench: {file.source / file.file} differs from what is in {output} in {file.differs}; it is kept as "
            f"{output / file.kept}",
            file=sys.stderr,
        )
    return 3 if conflicts else 0
