"""Options that several commands share."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import Any

from ganbench.choices import protocol_names
from ganbench.errors import UsageError
from ganbench.runtime.device import DEVICES, usable_cores

__all__ = [
    "add_data",
    "add_data_folder",
    "add_datasets",
    "add_debug",
    "add_device",
    "add_fresh",
    "add_ladder",
    "add_metrics",
    "add_models",
    "add_one_dataset",
    "add_protocol",
    "add_quiet",
    "add_results",
    "add_sample_form",
    "add_seeds",
    "add_time_limits",
    "check_jobs",
    "count",
    "folder",
    "positive_integer",
    "seconds",
]

_JOBS_PER_CORE = 8
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def positive_integer(text: str) -> int:
    """An integer of at least 1."""
    return _integer(text, 1)


def count(text: str) -> int:
    """An integer of at least 0."""
    return _integer(text, 0)


def _integer(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected an integer, got {text!r}") from error
    if value < least:
        raise argparse.ArgumentTypeError(f"expected an integer of at least {least}, got {value}")
    return value


def check_jobs(jobs: int | None) -> None:
    """Refuse more processes than the cores of this machine could serve.

    Raises:
        UsageError: There are more than so many for each core.
    """
    most = _JOBS_PER_CORE * usable_cores()
    if jobs is not None and jobs > most:
        raise UsageError(f"--jobs {jobs} is too many: at most {most} on the {usable_cores()} cores of this machine.")


def folder(text: str) -> Path:
    """A folder, which need not exist.

    Raises:
        ArgumentTypeError: The text is empty, or a file has that name.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a folder, got an empty text; name it, as in --results my-results")
    if Path(text).exists() and not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder; name another")
    return Path(text)


def seconds(text: str) -> float:
    """A duration in seconds: a number, or one with the unit s, m, h or d, as in 90m.

    Raises:
        ArgumentTypeError: It is none, or not positive.
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        value = float(number) * _UNITS[unit]
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a duration as in 600, 90m or 2.5h; got {text!r}")
    return value


def add_time_limits(parser: argparse.ArgumentParser) -> None:
    """--time-limit and --cell-time-limit."""
    parser.add_argument(
        "--time-limit", type=seconds, metavar="DURATION",
        help="when trainings stop and no cell is begun any more, as in 90m or 2h; what is trained by then is scored, "
        "and the next run goes on with it",
    )  # fmt: skip
    parser.add_argument(
        "--cell-time-limit", type=seconds, metavar="DURATION", help="the same for the training of each cell"
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """--results."""
    default = os.environ.get("GANBENCH_RESULTS") or "ganbench-results"
    parser.add_argument(
        "--results", type=folder, default=default, metavar="DIR",
        help="results folder (default: GANBENCH_RESULTS, else %(default)s)",
    )  # fmt: skip


def add_protocol(parser: argparse.ArgumentParser, default: str | None = "digits", extra: str = "") -> None:
    """--protocol."""
    parser.add_argument(
        "--protocol", default=default, metavar="NAME|FILE",
        help=f"{', '.join(protocol_names())}, or a .toml file (default: {default or extra})",
    )  # fmt: skip


def add_device(parser: argparse.ArgumentParser, more: str = "") -> None:
    """--device."""
    parser.add_argument("--device", default="auto", help=f"{DEVICES}{more} (default: %(default)s)")


def add_metrics(
    parser: argparse.ArgumentParser, help: str = "metrics besides the protocol's own; all for every one"
) -> None:
    """--metrics."""
    _add_list(parser, "metrics", "SPEC", help)


def add_ladder(parser: argparse.ArgumentParser, help: str = "") -> None:
    """--ladder."""
    parser.add_argument(
        "--ladder", action="store_true",
        help=help or "also rows of known standing, which say how far a ruler can be trusted: noise, one class, the "
        "mean image, Gaussian fits, training images, real images with planted copies, centroids, leaked test images",
    )  # fmt: skip


def add_models(parser: argparse.ArgumentParser, help: str) -> None:
    """--models, also written --model."""
    _add_list(parser, "models", "SPEC", help)


def add_datasets(parser: argparse.ArgumentParser, help: str, metavar: str = "NAME") -> None:
    """--datasets, also written --dataset."""
    _add_list(parser, "datasets", metavar, help)


def _add_list(parser: argparse.ArgumentParser, name: str, metavar: str, help: str) -> None:
    """An option that takes several values and may be given several times, in the plural and the singular."""
    parser.add_argument(
        f"--{name}", f"--{name[:-1]}", nargs="+", action="extend", default=[], metavar=metavar, help=help
    )


def add_one_dataset(parser: argparse.ArgumentParser, help: str, **settings: Any) -> None:
    """--dataset, also written --datasets, of which there is one."""
    parser.add_argument("--dataset", "--datasets", metavar="NAME", help=help, **settings)


def add_debug(parser: argparse.ArgumentParser) -> None:
    """--debug."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of whatever fails")


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
    """--seeds and --seed: how many, or which."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--seeds", type=positive_integer, default=1, metavar="N", help="number of seeds (default: 1)")
    group.add_argument("--seed", dest="seeds", type=count, nargs="+", metavar="K", help="these seeds only, as --seed 3")


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
