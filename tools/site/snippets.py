"""The snippets of a page of Markdown, which the tests run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Snippet", "commands", "snippets"]

_FENCE = re.compile(
    r"^```(?P<head>[^\n`]+)\n(?P<options>(?::[\w-]+:[^\n]*\n)*)\n*(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_INDENTED = re.compile(r"(?:^ {4,}.*\n)+", re.MULTILINE)


class Snippet(NamedTuple):
    """A fenced block.

    Attributes:
        language: As "python" or "shell"; "file" for one that is included from elsewhere.
        text: What is in it; the path of an included file, relative to the page.
        options: Of the directive.
        line: Where it begins.
    """

    language: str
    text: str
    options: dict[str, str]
    line: int


def snippets(page: Path) -> list[Snippet]:
    """Those of code, in the order of the page."""
    return list(_fenced(page.read_text(encoding="utf-8")))


def _fenced(text: str) -> Iterator[Snippet]:
    for match in _FENCE.finditer(text):
        options = dict(re.findall(r"^:([\w-]+): *(.*)$", match["options"], re.MULTILINE))
        line = text.count("\n", 0, match.start()) + 1
        words = match["head"].split()
        if words[0] == "{literalinclude}":
            yield Snippet("file", words[1], options, line)
        elif words[0] == "{code-block}":
            yield Snippet(words[1], match["text"], options, line)
        elif not words[0].startswith("{"):
            yield Snippet(words[0], match["text"], options, line)


def commands(page: Path) -> list[str]:
    """Every line that calls ganbench, in fenced and indented blocks alike, without comments and what follows a pipe."""
    text = page.read_text(encoding="utf-8")
    blocks = [s.text for s in _fenced(text) if s.language == "shell"] + _INDENTED.findall(text)
    lines = (line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines())
    return [re.split(r"\s+[#|>]", line)[0] for line in lines if line.startswith("ganbench ")]
