"""Print a script by which a shell completes the commands and options of ganbench.

For bash: `ganbench completion bash > ~/.local/share/bash-completion/completions/ganbench`. For zsh, into a folder of
`fpath`: `ganbench completion zsh > DIR/_ganbench`. For tcsh: `ganbench completion tcsh > FILE`, and `source FILE`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ganbench.errors import UsageError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    from ganbench.cli import build_parser

    try:
        import shtab
    except ImportError as error:
        raise UsageError(
            "Completion needs shtab, which is not installed: pip install 'ganbench[completion]'."
        ) from error
    parser = build_parser()
    for action in _actions(parser):
        kinds = set(str(action.metavar).split("|"))
        if kinds & {"FILE", "PATH", "DIR", "RESULTS"}:
            action.complete = shtab.FILE if kinds & {"FILE", "PATH"} else shtab.DIRECTORY  # type: ignore[attr-defined]
    print(shtab.complete(parser, arguments.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Those of all commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
