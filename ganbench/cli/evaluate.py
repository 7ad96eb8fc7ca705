"""Score one model, or a file of samples, on a data set.

A file (.npy, .npz) holds samples [n, ...] in the range of the data and is scored without training; a model is trained
first, or taken from the results folder. The record is stored, and `ganbench table` shows it beside others.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ganbench.cli import options

if TYPE_CHECKING:
    from ganbench.protocols import Protocol
    from ganbench.records.record import Record

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", metavar="FILE|SPEC", help="a file of samples, or a model as `ganbench list` names it")
    parser.add_argument("--dataset", required=True, metavar="NAME", help="the data set to score against")
    options.add_protocol(parser, None, "the one that has the data set")
    parser.add_argument(
        "--seeds", type=options.positive_integer, default=1, metavar="N", help="number of seeds (default: 1)"
    )
    options.add_device(parser)
    options.add_results(parser)
    options.add_data(parser)
    options.add_quiet(parser)
    parser.add_argument("--json", action="store_true", help="print the records as JSON lines")


def run(arguments: argparse.Namespace) -> int:
    """Run the cells of one model and one data set and print what came out."""
    from ganbench.cli.experiment import run_experiment
    from ganbench.experiment.plan import ExperimentRequest
    from ganbench.protocols import load_protocol

    protocol = load_protocol(arguments.protocol) if arguments.protocol else _protocol_with(arguments.dataset)
    request = ExperimentRequest(
        protocol=protocol,
        models=(arguments.model,),
        datasets=(arguments.dataset,),
        seeds=arguments.seeds,
        data_root=arguments.data,
        download=arguments.download,
    )
    outcome = run_experiment(request, arguments.results, device=arguments.device, jobs=1, quiet=arguments.quiet)
    for record in outcome.records:
        print(record.to_json().rstrip() if arguments.json else _describe(record, protocol))
    if not arguments.json and sum(bool(record.likelihood) for record in outcome.records) > 1:
        print(_summary(outcome.records, protocol))
    return outcome.exit_code


def _protocol_with(dataset: str) -> Protocol:
    from ganbench.protocols import load_protocol, protocol_names

    protocols = [load_protocol(name) for name in protocol_names()]
    return next((p for p in protocols if dataset in [d.name for d in p.datasets]), load_protocol("digits"))


def _describe(record: Record, protocol: Protocol) -> str:
    head = f"{record.model_spec} on {record.dataset}, {record.fold}, seed {record.seed}, protocol {record.protocol}"
    if record.status == "failed":
        return f"{head}\n  failed: {record.reason}"
    lines = [head]
    shown = protocol.bandwidth_shown if protocol.bandwidth_shown in record.likelihood else "grid"
    for name, score in record.likelihood.items():
        mark = "*" if name == shown else " "
        value = f"{score['mean_log_likelihood']:.2f} ± {score['standard_error']:.2f}"
        across = f"SE across {len(score['log_likelihoods'])} test examples"
        lines.append(f" {mark}{name:8} mean log-likelihood {value} nats ({across}), bandwidth {score['bandwidth']:.4f}")
    lines += [f"  {line}" for line in _health(record, protocol, shown)]
    return "\n".join(lines)


def _health(record: Record, protocol: Protocol, shown: str) -> list[str]:
    lines = []
    n = record.n_samples
    if record.likelihood:
        score = record.likelihood[shown]
        lines.append(f"effective kernels per test point (median): {score['median_effective_kernels']:.1f} of {n}")
        if score["at_edge"]:
            lines.append(f"warning: the best bandwidth lies at the edge of the grid {_ends(score['grid'])}.")
    if n != protocol.n_samples:
        lines.append(f"warning: {n} samples instead of {protocol.n_samples}: the estimate grows with their number.")
    near = {role: record.nearest_neighbors[role]["quantiles"][3] for role in ("generated", "test")}
    lines.append(
        "distance to the nearest training example (median): "
        f"samples {near['generated']:.3f}, test examples {near['test']:.3f}"
    )
    return lines


def _ends(grid: Any) -> str:
    return f"{grid[0]:g}..{grid[-1]:g}"


def _summary(records: list[Record], protocol: Protocol) -> str:
    from ganbench.records.frame import likelihood_frame

    frame = likelihood_frame(records, protocol)
    lines = [
        f"{row['standard_error_across']}: {row['mean_log_likelihood']:.2f} ± {row['standard_error']:.2f}"
        for _, row in frame.iterrows()
        if row["status"] != "failed"
    ]
    return "\n".join(["Mean log-likelihood, nats, with its standard error across", *(f"  {line}" for line in lines)])
