"""Train, sample and score every model of a protocol, and print Table 1.

Prints its plan first. What is stored in the results folder is read, what was interrupted goes on, what fails becomes a
row with its reason. Tables go to DIR/tables, pictures of samples to DIR/sheets, the report is DIR/report.html.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.choices import EXECUTORS
from ganbench.cli import options
from ganbench.cli.failures import tell_failures, tell_missing_data
from ganbench.cli.plan_text import describe_plan
from ganbench.cli.terminal import terminal_width
from ganbench.errors import printable

if TYPE_CHECKING:
    from ganbench import Run

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    options.add_protocol(parser, None, "the one that has the data sets, else digits")
    options.add_models(parser, "models instead of the protocol's own")
    options.add_datasets(parser, "data sets instead of the protocol's own")
    options.add_sample_form(parser)
    options.add_metrics(parser)
    options.add_ladder(parser)
    options.add_seeds(parser)
    parser.add_argument(
        "--jobs", type=options.count, metavar="N",
        help="cells at a time, each in a process of its own; 0: in this process, which a model that crashes ends "
        "(default: the protocol's choice: one for each core with digits, else 1)",
    )  # fmt: skip
    parser.add_argument(
        "--executor", choices=EXECUTORS, default="processes",
        help="where cells are run: in processes of this run, as jobs of a Slurm cluster, or as jobs on this machine "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--executor-settings", type=Path, metavar="FILE",
        help="what jobs ask for, as TOML: partition, account, gpus, time, ... (default: the protocol's table [slurm])",
    )  # fmt: skip
    options.add_device(parser, ", or cuda:all: cells are spread over all GPUs")
    options.add_results(parser)
    options.add_fresh(parser)
    options.add_time_limits(parser)
    options.add_data(parser)
    options.add_quiet(parser)
    parser.add_argument(
        "--dry-run", action="store_true",
        help="print the plan and stop: what is stored, what would be run, about how long; nothing is written",
    )  # fmt: skip
    parser.add_argument("--open", action="store_true", help="open the report in the browser when all is done")
    parser.add_argument("--json", action="store_true", help="print the table, or the plan, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the experiment, write its tables and pictures, print Table 1."""
    import ganbench
    from ganbench.cli.progress import progress_on_stderr

    if arguments.executor == "processes":
        options.check_jobs(arguments.jobs)

    outcome = ganbench.run(
        arguments.protocol,
        models=arguments.models,
        datasets=arguments.datasets,
        metrics=arguments.metrics,
        ladder=arguments.ladder,
        scale=arguments.scale,
        layout=arguments.layout,
        seeds=arguments.seeds,
        results=arguments.results,
        device=arguments.device,
        jobs=arguments.jobs,
        executor=arguments.executor,
        executor_settings=arguments.executor_settings,
        fresh=arguments.fresh,
        data_root=arguments.data,
        download=arguments.download,
        time_limit=arguments.time_limit,
        cell_time_limit=arguments.cell_time_limit,
        dry_run=arguments.dry_run,
        progress=None if arguments.dry_run else progress_on_stderr(quiet=arguments.quiet),
    )
    if arguments.dry_run:
        return _print_plan(outcome, as_json=arguments.json)
    if outcome.records:
        ganbench.write_reports(outcome)
        frame = ganbench.table(outcome)
        print(
            ganbench.render_table(frame, outcome.protocol, "json" if arguments.json else "text", terminal_width()),
            end="",
        )
        if not arguments.quiet:
            print(f"Results: {arguments.results} (tables/, sheets/ with samples, records/).", file=sys.stderr)
        _report(arguments, is_new=bool(outcome.new))
    tell_failures(outcome, debug=arguments.debug)
    tell_missing_data(outcome, planned=not arguments.quiet)
    return 0 if outcome.succeeded else 1


def _print_plan(outcome: Run, *, as_json: bool) -> int:
    """What would be run; data that are missing are no failure of a plan."""
    stored = {record.place for record in outcome.records}
    pending = [cell for cell in outcome.plan.cells if cell.place not in stored]
    if as_json:
        cells = [cell.place._asdict() | {"stored": cell.place in stored} for cell in outcome.plan.cells]
        missing = [{"dataset": dataset.name, "reason": dataset.reason} for dataset in outcome.unavailable]
        content = {"cells": cells, "missing": missing, "estimate": outcome.plan.estimate._asdict()}
        print(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        print(printable(describe_plan(outcome.plan, pending)))
    return 0


def _report(arguments: argparse.Namespace, *, is_new: bool) -> None:
    """Write the page where it lacks something; what is in its way, as older records beside, fails no run."""
    import ganbench
    from ganbench.cli.report import open_page
    from ganbench.errors import UserError

    path = arguments.results / "report.html"
    try:
        if is_new or arguments.open or not path.is_file():
            path = ganbench.write_report(arguments.results, data_root=arguments.data)
    except UserError as error:
        print(f"ganbench: no report was written: {error}", file=sys.stderr)
        return
    if not arguments.quiet:
        print(f"Report: {path}", file=sys.stderr)
    if arguments.open:
        open_page(path)
