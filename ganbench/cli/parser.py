"""The parser of arguments: argparse, which names the nearest option or command where one is not known."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from typing import Any, NoReturn

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """A parser that refuses what it does not know itself, so that the message is that of the command."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See `argparse`; nothing is left over."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown)
        return found, unknown

    def _refuse(self, unknown: list[str]) -> NoReturn:
        options = [option for action in self._actions for option in action.option_strings]
        first = next((text for text in unknown if text.startswith("-")), unknown[0]).partition("=")[0]
        self.error(f"unrecognized arguments: {' '.join(unknown)}{_nearest(first, options)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            nearest = _nearest(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(action, f"{error.message}{nearest}") from None


def _nearest(text: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(text, list(known), n=2, cutoff=0.6)
    return f". Did you mean {' or '.join(near)}?" if near else ""
