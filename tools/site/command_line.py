"""The command line, from its parsers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from ganbench.cli import build_parser

__all__ = ["pages"]


def pages() -> dict[str, str]:
    """Markdown, a section for each command."""
    parser = build_parser()
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    sections = [_section(name, command) for name, command in commands.choices.items()]
    return {"command-line.md": "\n".join(["# Command line\n", _INTRODUCTION, *sections])}


_INTRODUCTION = """\
Progress goes to stderr, results to stdout. Exit codes: 0 done, 1 some cells failed or an input could not be used,
2 usage, 3 a check failed, 130 interrupted.
"""


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    described = _literal_options((parser.description or "").replace("'", "`"))
    block = f"```{{code-block}} text\n:class: usage\n\n{usage}\n```\n"
    return f"## ganbench {name}\n\n{described}\n\n{block}\n" + "\n".join(_arguments(parser))


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    formatter = parser._get_formatter()
    for action in parser._actions:
        if action.help and action.help != argparse.SUPPRESS and "--help" not in action.option_strings:
            said = formatter._expand_help(action)
            yield f"`{formatter._format_action_invocation(action)}`\n: {_literal_options(said)}\n"


def _literal_options(text: str) -> str:
    """Options that a help text names are code: two hyphens are not to become a dash."""
    return re.sub(r"(?<![\w`])--[\w-]+(?:=[\w.,-]*\w)?|\bGANBENCH_\w+|(?<!\w)\.\w+(?= file)", r"`\g<0>`", text)
