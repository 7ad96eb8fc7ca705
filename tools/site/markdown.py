"""Pieces of Markdown, as MyST reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["escaped", "linked", "table"]

_SPECIAL = re.compile(r"([\\*_{}\[\]<>#|$~^])")


def escaped(text: str) -> str:
    """Text in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def linked(text: str, address: str) -> str:
    """A link, or the text where there is no address."""
    return f"[{escaped(text)}]({address})" if address else escaped(text)


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; a number is not parted from its error."""
    rows = [heads, ["---"] * len(heads), *lines]
    rows = [[cell.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
