"""Tables in LaTeX: as a float with booktabs, caption, label and notes, which compiles as it is.

Nothing in a name, a title or a note acts as a command, and what pdfLaTeX has no glyph for is shown as its code point.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["render_latex"]

_HEAD_WIDTH, _CELL_WIDTH = 16, 30  # characters of a line
_SPECIAL = {character: f"\\{character}" for character in "&%#_${}"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "±": r"$\pm$", "\u2212": "$-$", "×": r"$\times$", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$",
}  # fmt: skip
_KNOWN = "ßæœøÆŒØłŁ§–—‘’“”…"
_ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"
_MINUS = re.compile(r"(?<![\w.-])-(?=\.?\d)|(?<= )-(?= )")
_CODE = re.compile(r"`([^`]*)`")
_NUMBER = re.compile(r"[+-]?\.?\d")


def render_latex(title: str, heads: Sequence[str], lines: Iterable[Sequence[str]], notes: Iterable[str]) -> str:
    """A float of title, table and notes.

    Args:
        title: The caption, of one line; the label follows from it.
        heads: Of the columns.
        lines: The cells, as they are written; one that has a first cell only is a heading.
        notes: One paragraph each.
    """
    cells = [list(line) for line in lines]
    columns = list(zip(*cells, strict=True)) or [()] * len(heads)
    kinds = "".join("r" if position and _is_numeric(column) else "l" for position, column in enumerate(columns))
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    body = [rf"{_row(line, len(heads))} \\" for line in cells]
    head = " & ".join(_head(text, kind) for text, kind in zip(heads, kinds, strict=True))
    parts = [
        "% needs booktabs and graphicx",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escaped(title)}}}",
        rf"\label{{tab:{slug}}}",
        rf"\sbox0{{\begin{{tabular}}{{{kinds}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}}",
        r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",  # a wide one shrinks
        *_notes(notes),
        r"\end{table}",
    ]
    return "\n".join(parts) + "\n"


def _is_numeric(column: Sequence[str]) -> bool:
    cells = [cell for cell in column if cell not in ("", "-")]
    return bool(cells) and all(_NUMBER.match(cell) for cell in cells)


def _row(line: Sequence[str], width: int) -> str:
    if width > 1 and not any(line[1:]):
        return rf"\addlinespace \multicolumn{{{width}}}{{l}}{{\textit{{{_escaped(line[0])}}}}}"
    return " & ".join("--" if cell == "-" else _cell(cell) for cell in line)


def _head(text: str, kind: str) -> str:
    """A head of several short lines."""
    lines = _broken(text, _HEAD_WIDTH)
    return lines[0] if len(lines) < 2 else rf"\shortstack[{kind}]{{{_joined(lines)}}}"


def _cell(text: str) -> str:
    """A cell, of several lines where it is long."""
    lines = _broken(text, _CELL_WIDTH)
    return lines[0] if len(lines) < 2 else rf"\begin{{tabular}}[t]{{@{{}}l@{{}}}}{_joined(lines)}\end{{tabular}}"


def _joined(lines: Sequence[str]) -> str:
    return r" \\ ".join(lines)


def _broken(text: str, width: int) -> list[str]:
    """Escaped lines; a number stays with its error, and a bracket is not the argument of the line's end before it."""
    kept = " ".join(text.split()).replace(" ± ", "\0±\0")
    lines = textwrap.wrap(kept, width, break_long_words=False, break_on_hyphens=False)
    escaped = [_escaped(line.replace("\0", " ")) for line in lines or [""]]
    return [f"{{}}{line}" if line.startswith(("[", "*")) else line for line in escaped]


def _notes(notes: Iterable[str]) -> list[str]:
    paragraphs = [rf"{_escaped(note)}\par" for note in notes]
    if not paragraphs:
        return []
    start = [r"\par\medskip", r"\begin{minipage}{\linewidth}", r"\footnotesize\raggedright"]
    return [*start, *paragraphs, r"\end{minipage}"]


def _escaped(text: str) -> str:
    text = _MINUS.sub("\u2212", unicodedata.normalize("NFC", " ".join(text.split())))
    shown = "".join(map(_character, text)).replace("--", "-{}-")  # which would be a dash
    return _CODE.sub(r"\\texttt{\1}", shown)


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    base, *accents = list(unicodedata.normalize("NFD", character))
    if character in _KNOWN or (base.isascii() and len(accents) < 2 and all(a in _ACCENTS for a in accents)):
        return character
    return f"[U+{ord(character):04X}]"
