"""Docstrings as reStructuredText: their plain formulas set as mathematics, and characters that are no markup."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["read_formulas", "setup", "typeset"]

_LITERAL = re.compile(r"(``.*?``|`[^`]*`|<?https?://\S+)")
_STRAY = re.compile(r"\||(?<=\w)_(?!\w)|\*(?=\w)(?![^*]*\*)")  # |a|, a_ and *a: substitution, link, emphasis


def read_formulas(path: Path) -> dict[str, str]:
    """TeX by the formula as docstrings write it."""
    return {_plain(f["plain"]): f["tex"].strip() for f in tomllib.loads(path.read_text(encoding="utf-8"))["formula"]}


def typeset(lines: list[str], formulas: dict[str, str]) -> list[str]:
    """The lines of a docstring with each indented formula in its TeX.

    A formula is an indented block below a line that does not announce code.

    Raises:
        KeyError: There is no TeX for a formula.
    """
    out: list[str] = []
    for block, is_formula in _blocks(lines):
        if is_formula:
            tex = formulas[_plain(" ".join(block))]
            out += [".. math::", "", *(f"   {line}" for line in tex.splitlines()), ""]
        else:
            out += block
    return out


def _blocks(lines: list[str]) -> Iterator[tuple[list[str], bool]]:
    """Runs of lines, and whether each is a formula."""
    above, position = "", 0
    while position < len(lines):
        line = lines[position]
        if _begins_formula(lines, position, above):
            end = position
            while end < len(lines) and lines[end].startswith("    "):
                end += 1
            yield lines[position:end], True
            position, above = end, ""
            continue
        above = line if line.strip() else above
        yield [_without_stray_markup(line)], False
        position += 1


def _begins_formula(lines: list[str], position: int, above: str) -> bool:
    line = lines[position]
    alone = position > 0 and not lines[position - 1].strip()
    in_text = bool(above) and not above.startswith((" ", "- ")) and not above.endswith("::")
    return line.startswith("    ") and alone and in_text


def _without_stray_markup(line: str) -> str:
    """Characters of markup that is none, outside of literals, stand for themselves."""
    parts = _LITERAL.split(line)
    parts[::2] = [_STRAY.sub(r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _process(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    lines[:] = typeset(lines, app.config.formulas)
    if what == "property":
        lines.insert(0, "")  # or napoleon takes what stands before a colon for its type


def _without_signature(app: Any, what: str, name: str, thing: object, *signature: object) -> tuple[str, str] | None:
    """A contract is not constructed."""
    return ("", "") if what == "class" and getattr(thing, "_is_protocol", False) else None


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("formulas", {}, "env", [dict])

    app.connect("autodoc-process-docstring", _process, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", _without_signature)
    return {"parallel_read_safe": True}
