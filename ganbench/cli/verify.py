"""Compute every score of a results folder again from its samples, and say what agrees.

Each record is read, its data and samples are held against the checksums that it names, and its scores against those
that the present metrics compute from the stored samples; tables are made again from the records. What cannot be looked
at, as scores whose samples are not stored, is named and not called verified. Exit code 3 if anything disagrees.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from ganbench.cli import options

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("results", type=Path, metavar="RESULTS", help="a results folder")
    options.add_protocol(parser, None, "all that have records")
    options.add_datasets(parser, "data of your own that records name by their content", "FILE")
    parser.add_argument(
        "--samples",
        nargs="+",
        default=[],
        metavar="FILE",
        help="files of samples that were scored: they are not stored",
    )
    options.add_metrics(parser, "metrics of the records that are not installed")
    parser.add_argument("--device", default="cpu", help="where metrics compute (default: %(default)s)")
    options.add_data_folder(parser)
    parser.add_argument("--json", action="store_true", help="print what came of each part as JSON lines")


def run(arguments: argparse.Namespace) -> int:
    """Print what agrees and what does not."""
    import ganbench

    counts: Counter[str] = Counter()
    last = ""
    for found in ganbench.verify(
        arguments.results,
        protocol=arguments.protocol,
        datasets=arguments.datasets,
        samples=arguments.samples,
        metrics=arguments.metrics,
        device=arguments.device,
        data_root=arguments.data,
    ):
        counts[found.status] += 1
        if arguments.json:
            print(json.dumps(found._asdict(), ensure_ascii=False), flush=True)
            continue
        if found.file != last:
            print(found.file)
            last = found.file
        print(f"  {found.status:12}  {found.part}: {found.text}", flush=True)
    if not arguments.json:
        print(f"{counts['agrees']} agree, {counts['disagrees']} disagree, {counts['not verified']} are not verified.")
    return 3 if counts["disagrees"] else 0
