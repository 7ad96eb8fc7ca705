"""Print Table 1 from stored records.

Reads the records of a protocol in the results folder and computes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ganbench.cli import options
from ganbench.errors import StoreError

if TYPE_CHECKING:
    from ganbench.records.record import Record

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    options.add_protocol(parser)
    options.add_results(parser)
    parser.add_argument("--models", nargs="+", default=[], metavar="SPEC", help="only these models")
    parser.add_argument("--datasets", nargs="+", default=[], metavar="NAME", help="only these data sets")
    parser.add_argument(
        "--format", default="text", choices=("text", "markdown", "latex", "csv", "json"), help="default: %(default)s"
    )
    parser.add_argument(
        "--bandwidth",
        choices=("grid", "refined"),
        help="at the optimum of which search (default: the protocol's choice)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    from ganbench.protocols import load_protocol
    from ganbench.records.frame import likelihood_frame
    from ganbench.records.store import Store
    from ganbench.reports.table1 import render_table

    protocol = load_protocol(arguments.protocol)
    records = [
        record
        for record in Store(arguments.results).records(protocol.name)
        if (not arguments.models or record.model_spec in arguments.models)
        and (not arguments.datasets or record.dataset in arguments.datasets)
    ]
    if not records:
        raise StoreError(
            f"{arguments.results} has no such records of protocol {protocol.name!r}. "
            f"Run `ganbench run-all --protocol {arguments.protocol}` first, or name another folder by --results."
        )
    frame = likelihood_frame(_in_order(records, protocol.models), protocol, arguments.bandwidth)
    print(render_table(frame, protocol, arguments.format, arguments.bandwidth), end="")
    return 0


def _in_order(records: Iterable[Record], models: tuple[str, ...]) -> list[Record]:
    """The protocol's order of rows, other models after it."""
    order = {name: position for position, name in enumerate(models)}

    def position(record: Record) -> int:
        return order.get(record.model_spec, order.get(record.model, len(order)))

    return sorted(records, key=lambda r: (position(r), r.model_spec, r.fold, r.seed))
