"""Train, sample and score every model of a protocol, and print Table 1.

Prints its plan first. What is stored in the results folder is read, what was interrupted goes on, what fails becomes a
row with its reason. Tables go to DIR/tables, pictures of samples to DIR/sheets.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ganbench.cli import options

if TYPE_CHECKING:
    from ganbench.cli.experiment import Outcome
    from ganbench.experiment.plan import Cell
    from ganbench.protocols import Protocol

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    options.add_protocol(parser)
    parser.add_argument("--models", nargs="+", default=[], metavar="SPEC", help="models instead of the protocol's own")
    parser.add_argument(
        "--datasets", nargs="+", default=[], metavar="NAME", help="data sets instead of the protocol's own"
    )
    parser.add_argument(
        "--seeds", type=options.positive_integer, default=1, metavar="N", help="number of seeds (default: 1)"
    )
    parser.add_argument(
        "--jobs", type=options.positive_integer, metavar="N",
        help="cells at a time, each in a process with its share of the cores (default: the protocol's choice: "
        "one for each core with digits, else 1)",
    )  # fmt: skip
    options.add_device(parser)
    options.add_results(parser)
    options.add_data(parser)
    options.add_quiet(parser)
    parser.add_argument("--json", action="store_true", help="print the table as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the experiment, write its tables and pictures, print Table 1."""
    from ganbench.cli.experiment import run_experiment
    from ganbench.experiment.plan import ExperimentRequest
    from ganbench.protocols import load_protocol

    protocol = load_protocol(arguments.protocol)
    request = ExperimentRequest(
        protocol=protocol,
        models=tuple(arguments.models),
        datasets=tuple(arguments.datasets),
        seeds=arguments.seeds,
        data_root=arguments.data,
        download=arguments.download,
    )
    outcome = run_experiment(
        request, arguments.results, device=arguments.device, jobs=arguments.jobs, quiet=arguments.quiet
    )
    _write_sheets(outcome, protocol)
    print(_write_tables(outcome, protocol, "json" if arguments.json else "text"), end="")
    for record in (record for record in outcome.records if record.status == "failed"):
        print(f"ganbench: {' '.join(map(str, record.place))} failed: {record.reason}", file=sys.stderr)
    return outcome.exit_code


def _write_tables(outcome: Outcome, protocol: Protocol, printed: str) -> str:
    """Write the table in every format; return the one that is printed."""
    from ganbench.files import file_name, write_atomically
    from ganbench.records.frame import likelihood_frame
    from ganbench.reports.table1 import FORMATS, render_table, suffix

    frame = likelihood_frame(outcome.records, protocol)
    texts = {format: render_table(frame, protocol, format) for format in FORMATS}
    for format, text in texts.items():
        path = outcome.store.root / "tables" / f"{file_name(protocol.name)}.{suffix(format)}"
        write_atomically(path, text.encode())
    return next(text for format, text in texts.items() if format == printed)


def _write_sheets(outcome: Outcome, protocol: Protocol) -> None:
    """For the first fold and seed of every model: its samples, and some of them beside their nearest neighbour."""
    seen: set[tuple[str, str]] = set()
    for cell, record in zip(outcome.cells, outcome.records, strict=True):
        place = (cell.plan.name, cell.model.spec)
        if record.status == "done" and place not in seen:
            seen.add(place)
            _write_sheet(outcome, cell, new=record.place in outcome.new)


def _write_sheet(outcome: Outcome, cell: Cell, *, new: bool) -> None:
    from ganbench.files import write_atomically
    from ganbench.reports.sheets import is_image, neighbor_sheet, sample_sheet

    if cell.dataset is None or not is_image(cell.dataset.event_shape):
        return
    record_path = outcome.store.record_path(cell.protocol.name, cell.plan.name, cell.model.spec, cell.fold, cell.seed)
    folder = outcome.store.root / "sheets" / record_path.parent.relative_to(outcome.store.root / "records")
    if not new and (folder / "samples.png").exists() and (folder / "neighbors.png").exists():
        return
    samples = outcome.store.read_arrays("samples", cell.samples_key)
    pairs = outcome.store.read_arrays("neighbors", cell.record_key)
    if samples is not None:
        write_atomically(folder / "samples.png", sample_sheet(samples["samples"][:100]))
    if pairs is not None:
        write_atomically(folder / "neighbors.png", neighbor_sheet(pairs["generated"], pairs["nearest"]))
