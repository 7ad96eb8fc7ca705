"""What `ganbench` does without a command: `--version`, with `--json` the environment for reports of defects."""

from __future__ import annotations

import argparse
import json

from ganbench.errors import UsageError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument(
        "--json", dest="version_as_json", action="store_true",
        help="with --version: also those of Python and libraries, system, device, threads and the folder of the data, "
        "for reports of defects",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Print the version, or all of the environment.

    Raises:
        UsageError: It is not asked for, and there is no command either.
    """
    import ganbench

    if not arguments.version:
        raise UsageError("No command was given; usage: ganbench COMMAND ... (`ganbench --help` lists them).")
    as_json = arguments.version_as_json
    print(json.dumps(ganbench.environment(), indent=1) if as_json else f"ganbench {ganbench.__version__}")
    return 0
