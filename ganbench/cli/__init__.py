"""The command line: one file a command, arguments in, a plain call out.

Progress goes to stderr, results to stdout. Exit codes: 0 done, 1 some cells failed or an input could not be used,
2 usage, 3 something disagrees or breaks its contract, 130 interrupted, 143 asked to end by SIGTERM, 129 by SIGHUP.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from ganbench.cli import options, version
from ganbench.cli.parser import Parser
from ganbench.errors import UsageError, UserError, printable
from ganbench.runtime.streams import unfailing_streams

__all__ = ["build_parser", "main"]

_COMMANDS = {
    "run-all": "run_all",
    "evaluate": "evaluate",
    "table": "table",
    "compare": "compare",
    "report": "report",
    "merge": "merge",
    "remove": "remove",
    "verify": "verify",
    "list": "list",
    "check": "check",
    "selftest": "selftest",
    "completion": "completion",
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
    with unfailing_streams(), _endings(to_the_end=arguments is None) as endings:
        parser = build_parser()
        parsed = parser.parse_args(arguments)
        try:
            code = int(parsed.run(parsed))
            sys.stdout.flush()
            return code
        except UserError as error:
            if parsed.debug:
                traceback.print_exc()
            print(f"ganbench: {printable(str(error))}", file=sys.stderr)
            return 2 if isinstance(error, UsageError) else 1
        except KeyboardInterrupt as interruption:
            endings.ignore()
            print("\nganbench: interrupted; run the same command again to go on.", file=sys.stderr)
            for note in getattr(interruption, "__notes__", ()):
                print(f"ganbench: {note}", file=sys.stderr)
            return 128 + endings.signal
        except BrokenPipeError:  # the reader of stdout has gone, as in `ganbench list | head`
            _forget_stdout()
            return 0
        except OSError as error:
            if error.errno not in _OF_THE_SYSTEM:
                raise
            _forget_stdout()
            print(f"ganbench: {error.strerror}. {_OF_THE_SYSTEM[error.errno]}", file=sys.stderr)
            return 1


_OF_THE_SYSTEM = {
    errno.ENOSPC: "The output cannot be written. What is stored stays: run the same command again.",
    errno.EIO: "The output cannot be written. What is stored stays: run the same command again.",
    errno.EMFILE: "A process may have too few files open here: raise the limit (ulimit -n 256).",
    errno.ENFILE: "Too many files are open on this machine.",
}
"""What the system refuses, and what to do."""


def _forget_stdout() -> None:
    """What is still to be written to it has nowhere to go, and must not fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Endings:
    """The signals that ask the program to end: all of them interrupt it as Ctrl-C does."""

    def __init__(self) -> None:
        self.signal = int(signal.SIGINT)
        self._before: dict[int, Any] = {}

    def catch(self) -> None:
        """Interrupt on any of them, but on those that are ignored, as after `nohup`."""
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                self._before[number] = signal.signal(number, self._interrupt)

    def _interrupt(self, number: int, frame: Any) -> None:
        self.signal = number
        raise KeyboardInterrupt

    def ignore(self) -> None:
        """From now on they change nothing: the program ends."""
        for number in (signal.SIGINT, *self._before):
            self._before.setdefault(number, signal.signal(number, signal.SIG_IGN))

    def restore(self) -> None:
        """As it was before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _endings(*, to_the_end: bool) -> Iterator[_Endings]:
    """Watch for them; `to_the_end` of the program, whose last steps are not to be interrupted a second time."""
    endings = _Endings()
    if threading.current_thread() is threading.main_thread():
        endings.catch()
    try:
        yield endings
    finally:
        if to_the_end:
            gc.freeze()  # all that torch brought along would be searched for cycles, which takes a second
        else:
            endings.restore()


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="ganbench",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    version.add_arguments(parser)
    parser.set_defaults(run=version.run, debug=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, module_name in _COMMANDS.items():
        module = importlib.import_module(f"ganbench.cli.{module_name}")
        summary = next(iter((module.__doc__ or "").splitlines()), "").rstrip(".")  # there is none with python -OO
        command = commands.add_parser(name, help=summary, description=module.__doc__, allow_abbrev=False)
        module.add_arguments(command)
        options.add_debug(command)
        command.set_defaults(run=module.run)
    return parser
