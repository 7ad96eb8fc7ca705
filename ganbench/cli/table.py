"""Print Table 1, or Table 2, from stored records.

Reads the records of a protocol in the results folder and computes nothing. Without --protocol all protocols that have
records there are printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ganbench.choices import BANDWIDTHS, FORMATS
from ganbench.cli import options
from ganbench.cli.terminal import terminal_width
from ganbench.errors import UnknownNameError

if TYPE_CHECKING:
    from ganbench import Protocol

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--table",
        type=int,
        default=1,
        choices=(1, 2),
        help="1: scores beside published values; 2: what is hard about each model, and what it takes",
    )
    options.add_protocol(parser, None, "all that have records")
    options.add_results(parser)
    options.add_models(parser, "only these models")
    options.add_datasets(parser, "only these data sets")
    options.add_metrics(parser, "metrics besides those of the protocol's table")
    parser.add_argument("--format", default="text", choices=FORMATS, help="default: %(default)s")
    parser.add_argument(
        "--bandwidth",
        choices=BANDWIDTHS,
        help="the Parzen estimate at the optimum of which search (default: the refined one, where there is one)",
    )
    parser.add_argument(
        "--published", action="store_true", help="also values that later papers printed, as rows of their own"
    )
    options.add_ladder(parser, "also the stored rows of known standing; `ganbench run-all --ladder` computes them")
    parser.add_argument(
        "--title", nargs=2, action="append", default=[], metavar=("MODEL", "TEXT"),
        help="what a row is called in this table, as --title samples.npz 'Our model'; may be given several times",
    )  # fmt: skip
    parser.add_argument("--every-value", action="store_true", help="all quantities of each metric, not the first only")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    import ganbench

    for position, protocol in enumerate(ganbench.stored_protocols(arguments.results, arguments.protocol)):
        if position:
            print()
        if arguments.table == 2:
            compared = ganbench.table2(
                arguments.results, protocol, models=arguments.models, datasets=arguments.datasets
            )
            titled = _titled(protocol, arguments.title, compared["model"])
            print(ganbench.render_table2(compared, titled, arguments.format, terminal_width()), end="")
            continue
        frame = ganbench.table(
            arguments.results,
            protocol,
            models=arguments.models,
            datasets=arguments.datasets,
            metrics=arguments.metrics,
            bandwidth=arguments.bandwidth,
            every_value=arguments.every_value,
            published=arguments.published,
            ladder=arguments.ladder,
        )
        titled = _titled(protocol, arguments.title, frame["model"])
        print(ganbench.render_table(frame, titled, arguments.format, terminal_width()), end="")
    return 0


def _titled(protocol: Protocol, titles: list[tuple[str, str]], models: Iterable[str]) -> Protocol:
    """The protocol with titles of rows.

    Raises:
        UnknownNameError: There is no row of a model.
    """
    import msgspec

    known = set(models)
    for model, _ in titles:
        if model not in known:
            raise UnknownNameError("row", model, known)
    return msgspec.structs.replace(protocol, titles=protocol.titles | dict(titles))
