"""Compare models pair by pair on the same test examples.

Each argument is a model that has records in the results folder (by name or spec), another results folder (all models
in it), the file of a record, a file of samples, or a model's spec; without arguments all models of the results folder
are compared. What has no record yet is scored first, on --dataset. Of every pair: the mean difference across test
examples with its interval, a p-value that is corrected for the number of comparisons, the difference that could have
been found, and whether the spread between trainings makes the comparison void.
"""

from __future__ import annotations

import argparse

from ganbench.choices import FORMATS
from ganbench.cli import options

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL|FILE|DIR",
        help="what to compare (default: all models of the results folder)",
    )
    options.add_one_dataset(parser, "only on these data; those on which files are scored first")
    options.add_protocol(parser, None, "the only one that has records")
    options.add_metrics(parser, "only these metrics (default: all that have values of single test examples)")
    parser.add_argument("--every-value", action="store_true", help="all such values of each metric, not the first only")
    parser.add_argument("--rulers", action="store_true", help="do the metrics put the models into the same order?")
    parser.add_argument(
        "--level", type=float, default=0.95, help="of intervals; what is left is the rate of false alarms (%(default)s)"
    )
    parser.add_argument(
        "--power", type=float, default=0.8, help="at which detectable differences are found (default: %(default)s)"
    )
    options.add_sample_form(parser)
    options.add_results(parser)
    options.add_device(parser)
    options.add_data(parser)
    options.add_quiet(parser)
    parser.add_argument("--format", default="text", choices=FORMATS, help="default: %(default)s")


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison."""
    import ganbench
    from ganbench.cli.progress import progress_on_stderr

    comparison = ganbench.compare(
        *arguments.models,
        dataset=arguments.dataset,
        protocol=arguments.protocol,
        metrics=arguments.metrics,
        every_value=arguments.every_value,
        level=arguments.level,
        power=arguments.power,
        results=arguments.results,
        device=arguments.device,
        data_root=arguments.data,
        download=arguments.download,
        scale=arguments.scale,
        layout=arguments.layout,
        progress=progress_on_stderr(quiet=arguments.quiet),
    )
    print(ganbench.render_comparison(comparison, arguments.format, rulers=arguments.rulers), end="")
    return 0
