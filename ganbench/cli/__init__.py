"""The command line: one file a command, arguments in, a plain call out.

Progress goes to stderr, results to stdout. Exit codes: 0 done, 1 some cells failed or an input could not be used,
2 usage, 3 verification failed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from ganbench import __version__
from ganbench.errors import UsageError, UserError

__all__ = ["main"]

_COMMANDS = {
    "run-all": "run_all",
    "evaluate": "evaluate",
    "table": "table",
    "report": "report",
    "list": "list",
    "check": "check",
}

_DESCRIPTION = """\
Benchmark and evaluation harness for generative models: regenerates Table 1 of "Generative Adversarial Nets"
(Goodfellow et al. 2014) and scores any model, or file of samples, by the same protocol."""

_EPILOG = """\
examples:
  ganbench run-all                                    Table 1 on embedded digits, no download
  ganbench run-all --protocol goodfellow2014 --datasets mnist --models "adversarial[epochs=50]" dbn
  ganbench evaluate samples.npz --dataset mnist       score a file of samples
  ganbench check ./my_model.py:MyModel                does a model keep the contract?
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    parser = _build_parser()
    options = parser.parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"ganbench: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt as interruption:
        print("\nganbench: interrupted; run the same command again to go on.", file=sys.stderr)
        for note in getattr(interruption, "__notes__", ()):
            print(f"ganbench: {note}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of stdout has gone, as in `ganbench list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ganbench",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ganbench {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module_name in _COMMANDS.items():
        module = importlib.import_module(f"ganbench.cli.{module_name}")
        summary = (module.__doc__ or "").splitlines()[0].rstrip(".")
        command = commands.add_parser(name, help=summary, description=module.__doc__, allow_abbrev=False)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
