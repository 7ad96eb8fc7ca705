"""Score one model, or a file of samples, on a data set.

Samples are scored without training. They come from .npy, .npz, .pt, .pth, .safetensors, .mat, .h5, .hdf5, .csv, .tsv,
IDX (.idx, -ubyte, also .gz), a .zip or folder of PNG or JPEG pictures, or one .png that shows them as a grid. Layout
and scale are found where they are certain, and what was found is said; else --layout and --scale say it. Data of your
own (--dataset) come from the same formats, with settings behind the path: 'x.npy[scale=0..255,layout=NHWC]'. A model is
trained first, or taken from the results folder. The record is stored, and `ganbench table` shows it beside others.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ganbench.cli import options
from ganbench.cli.failures import tell_failures, tell_missing_data
from ganbench.cli.terminal import terminal_width

if TYPE_CHECKING:
    from ganbench import Record, Run

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", metavar="FILE|SPEC", help="a file of samples, or a model as `ganbench list` names it")
    options.add_one_dataset(parser, "the data set to score against", required=True)
    options.add_sample_form(parser)
    options.add_protocol(parser, None, "the one that has the data set")
    options.add_metrics(parser)
    options.add_ladder(parser)
    options.add_seeds(parser)
    options.add_device(parser)
    options.add_results(parser)
    options.add_fresh(parser)
    options.add_data(parser)
    options.add_quiet(parser)
    parser.add_argument("--json", action="store_true", help="print the records as JSON lines")


def run(arguments: argparse.Namespace) -> int:
    """Run the cells of one model and one data set and print what came out."""
    import ganbench
    from ganbench.cli.progress import progress_on_stderr

    outcome = ganbench.evaluate(
        arguments.model,
        arguments.dataset,
        scale=arguments.scale,
        layout=arguments.layout,
        protocol=arguments.protocol,
        metrics=arguments.metrics,
        ladder=arguments.ladder,
        seeds=arguments.seeds,
        results=arguments.results,
        device=arguments.device,
        fresh=arguments.fresh,
        data_root=arguments.data,
        download=arguments.download,
        progress=progress_on_stderr(quiet=arguments.quiet),
    )
    own = [r for r in outcome.records if not r.model.reference] or outcome.records
    for record in outcome.records if arguments.json else own:
        print(record.to_json().rstrip() if arguments.json else describe(record, outcome))
    if arguments.ladder and not arguments.json:
        print(f"\n{ganbench.render_table(ganbench.table(outcome), outcome.protocol, 'text', terminal_width())}", end="")
    elif not arguments.json and sum(bool(record.scores) for record in outcome.records) > 1:
        print(_summary(outcome))
    tell_failures(outcome, debug=arguments.debug)
    tell_missing_data(outcome, planned=not arguments.quiet)
    return 0 if outcome.succeeded else 1


def describe(record: Record, outcome: Run) -> str:
    """A record in words: every value of every metric, and what limits the trust in them."""
    import ganbench

    head = f"{record.model.spec} on {record.dataset.name}, {record.fold}, seed {record.seed}, protocol"
    lines = [f"{head} {record.protocol}"]
    if record.status == "failed":
        lines.append("  failed")
    lines += [f"  {finding.severity}: {finding.text}." for finding in record.samples.findings] if record.samples else []
    for score in record.scores:
        lines.append(f"  {score.metric}")
        for name, value in score.values.items():
            error = value.standard_error
            number = f"{value.value:.4g}" if error is None else ganbench.with_error(value.value, error)
            n = f"{len(value.per_example)} test " if value.across == "examples" and value.per_example else ""
            across = "" if error is None else f"(SE across {n}{value.across})"
            lines.append(f"    {name.replace('_', ' '):32} " + " ".join(filter(None, [number, value.unit, across])))
        lines += [f"    {finding.severity}: {finding.text}." for finding in score.findings]
    wanted = outcome.protocol.n_samples
    if record.samples and record.samples.n != wanted:
        lines.append(
            f"  warning: {record.samples.n} samples instead of {wanted}: a Parzen estimate grows with their number."
        )
    return "\n".join(lines)


def _summary(outcome: Run) -> str:
    import ganbench

    lines = ["Mean and its standard error across"]
    for _, row in ganbench.table(outcome).iterrows():
        if row["status"] != "failed" and row["standard_error_across"]:
            value = f"{ganbench.with_error(row['value'], row['standard_error'])} {row['unit']}".rstrip()
            lines.append(f"  {row['standard_error_across']}: {row['quantity'].replace('_', ' ')} {value}")
    return "\n".join(lines)
