"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ganbench.choices import protocol_names
from ganbench.runtime.device import DEVICES

__all__ = [
    "add_data",
    "add_data_folder",
    "add_device",
    "add_fresh",
    "add_metrics",
    "add_protocol",
    "add_quiet",
    "add_results",
    "add_sample_form",
    "add_seeds",
    "positive_integer",
]


def positive_integer(text: str) -> int:
    """An integer of at least 1."""
    try:
        value = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected an integer, got {text!r}") from error
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected an integer of at least 1, got {value}")
    return value


def add_results(parser: argparse.ArgumentParser) -> None:
    """--results."""
    default = os.environ.get("GANBENCH_RESULTS", "ganbench-results")
    parser.add_argument(
        "--results", type=Path, default=Path(default), metavar="DIR",
        help="results folder (default: GANBENCH_RESULTS, else %(default)s)",
    )  # fmt: skip


def add_protocol(parser: argparse.ArgumentParser, default: str | None = "digits", extra: str = "") -> None:
    """--protocol."""
    parser.add_argument(
        "--protocol", default=default, metavar="NAME|FILE",
        help=f"{', '.join(protocol_names())}, or a .toml file (default: {default or extra})",
    )  # fmt: skip


def add_device(parser: argparse.ArgumentParser) -> None:
    """--device."""
    parser.add_argument("--device", default="auto", help=f"{DEVICES} (default: %(default)s)")


def add_metrics(parser: argparse.ArgumentParser, help: str = "metrics besides the protocol's own") -> None:
    """--metrics."""
    parser.add_argument("--metrics", nargs="+", default=[], metavar="SPEC", help=help)


def add_sample_form(parser: argparse.ArgumentParser) -> None:
    """--scale and --layout."""
    parser.add_argument(
        "--scale", metavar="A..B",
        help="what is black and white in the samples, where that cannot be told: --scale=0..255, --scale=-1..1, "
        "--scale=1..0 (inverted); or standardised, or data (as they are)",
    )  # fmt: skip
    parser.add_argument(
        "--layout", metavar="AXES",
        help="their axes, where these cannot be told: N samples, C channels, H rows, W columns, D all values; as NHWC",
    )  # fmt: skip


def add_seeds(parser: argparse.ArgumentParser) -> None:
    """--seeds."""
    parser.add_argument("--seeds", type=positive_integer, default=1, metavar="N", help="number of seeds (default: 1)")


def add_fresh(parser: argparse.ArgumentParser) -> None:
    """--fresh."""
    parser.add_argument("--fresh", action="store_true", help="compute everything again, whatever is stored")


def add_data_folder(parser: argparse.ArgumentParser) -> None:
    """--data."""
    parser.add_argument(
        "--data", metavar="DIR", help="folder of the data sets (default: GANBENCH_DATA, else the user's cache)"
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """--data and --download."""
    add_data_folder(parser)
    parser.add_argument("--download", action="store_true", help="fetch data that are missing and can be fetched")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """--quiet."""
    parser.add_argument("--quiet", action="store_true", help="no plan and no progress on stderr")
