"""What all tables share: formats, the titles of rows and columns, numbers with their errors."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ganbench.choices import TableFormat
from ganbench.errors import printable
from ganbench.protocols import Protocol
from ganbench.reports.latex import render_latex

__all__ = ["Titles", "render_text", "suffix", "with_error"]

_NOTE_WIDTH = 100
_ROUNDING = 2.0**-48  # of float64, and of some additions
_MOST_PLACES = 9  # after the point
_GAP = 2  # spaces between columns
_SUFFIX = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
_TABULATE = {"text": "simple", "markdown": "github"}


def suffix(format: TableFormat) -> str:
    """The file ending of a format."""
    return _SUFFIX[format]


def with_error(value: float, error: float) -> str:
    """A value to as many places as its standard error has with two significant digits.

    An error that is no more than the rounding of the value is none.

    >>> with_error(224.96, 1.98), with_error(1909.2, 66.4), with_error(12.3456, 0.0312)
    ('225.0 ± 2.0', '1909 ± 66', '12.346 ± 0.031')
    >>> with_error(2.5e-12, 3.1e-13), with_error(1.0, 1e-17)
    ('2.5e-12 ± 3.1e-13', '1')
    """
    if not math.isfinite(error) or error <= _ROUNDING * abs(value):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    places = max(1 - math.floor(math.log10(float(f"{error:.1e}"))), 0)
    if places > _MOST_PLACES:
        return f"{value:.{_MOST_PLACES + 1}g} ± {error:.2g}"
    return f"{value:.{places}f} ± {error:.{places}f}"


def render_text(
    title: str,
    heads: Sequence[str],
    lines: Iterable[Sequence[str]],
    notes: Iterable[str],
    format: TableFormat,
    widths: Sequence[int] | None = None,
    width: int | None = None,
) -> str:
    """Title, table and notes in one of the formats for people.

    Args:
        title: Of the table.
        heads: Of the columns.
        lines: The cells, as they are written.
        notes: One line each.
        format: "text", "markdown" or "latex".
        widths: Where lines of plain text are broken, by column; nowhere by default.
        width: Columns of the terminal: cells of plain text are broken so that the table fits, and where that is not
            possible each row is written as lines of its own; no limit by default.
    """
    from tabulate import tabulate

    title = _plain(" ".join(title.split()), format)
    if format == "latex":
        printed = [[printable(cell) for cell in line] for line in lines]
        return render_latex(title, [printable(head) for head in heads], printed, map(printable, notes))
    # numbers are strings already: tabulate must not reformat them
    cells = [[_escape(cell, format) for cell in line] for line in lines]
    heads = [_escape(head, format) for head in heads]
    below = "\n".join(_note(note, format, width) for note in notes)
    if format == "text":
        title = title if width is None else textwrap.fill(title, width, break_on_hyphens=False)
        broken = _fitted([heads, *cells], widths, width)
        if broken is None:
            return f"{title}\n\n{_stacked(heads, cells, width or 0)}\n\n{below}\n"
        heads, *cells = broken
    table = tabulate(cells, headers=heads, tablefmt=_TABULATE[format], disable_numparse=True)
    return f"{title}\n\n{table}\n\n{below}\n"


def _fitted(lines: list[list[str]], widths: Sequence[int] | None, width: int | None) -> list[list[str]] | None:
    """Cells broken into lines, so that each column is no wider than said and all fit; None where they cannot."""
    if widths is None and width is None:
        return lines
    columns = list(zip(*lines, strict=True))
    limits = list(widths or (max(map(len, column)) for column in columns))
    least = [max(len(word) for cell in column for word in _words(cell)) for column in columns]
    while width is not None and sum(limits) + _GAP * (len(limits) - 1) > width:
        position = max(range(len(limits)), key=lambda i: (limits[i] > least[i], limits[i]))
        if limits[position] <= least[position]:
            return None
        limits[position] -= 1
    return [[_broken(cell, limit) for cell, limit in zip(line, limits, strict=True)] for line in lines]


def _words(cell: str) -> list[str]:
    """What is not broken: a number stays with its error."""
    return [word.replace("\0", " ") for word in cell.replace(" ± ", "\0±\0").split()] or [""]


def _broken(cell: str, limit: int) -> str:
    lines = [""]
    for word in _words(cell):
        longer = f"{lines[-1]} {word}".lstrip()
        lines = [*lines[:-1], longer] if len(longer) <= limit or not lines[-1] else [*lines, word]
    return "\n".join(lines)


def _stacked(heads: Sequence[str], lines: Iterable[Sequence[str]], width: int) -> str:
    """Each row as a paragraph, for terminals too narrow for columns."""
    blocks = []
    for name, *cells in lines:
        fields = [f"{head}: {cell}" for head, cell in zip(heads[1:], cells, strict=True) if cell]
        wrapped = (
            textwrap.fill(f, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
            for f in fields
        )
        blocks.append("\n".join([name, *wrapped]))
    return "\n\n".join(blocks)


@dataclass(frozen=True)
class Titles:
    """The titles of models and data sets in a table.

    Attributes:
        protocol: It has some.
        datasets: The identities of all data sets of the table: marks are shown where two have one name.
    """

    protocol: Protocol
    datasets: Collection[str]

    def table(self) -> str:
        """That of the protocol on these data sets."""
        return self.protocol.title_on(self.datasets)

    def model(self, spec: str) -> str:
        """The title of a model: by its whole spec, else by its name, with the settings where the spec has any."""
        if spec in self.protocol.titles:
            return self.protocol.titles[spec]
        name, bracket, settings = spec.partition("[")
        if name not in self.protocol.titles or (bracket and not settings.endswith("]")):
            return spec
        return f"{self.protocol.titles[name]} [{settings}" if bracket else self.protocol.titles[name]

    def dataset(self, identity: str) -> str:
        """The title of a data set; its mark is shown where two have one name."""
        plan = self.protocol.plan_of(identity)
        if plan and plan.title:
            return plan.title
        names = {other: other.rpartition("@")[0] or other for other in self.datasets}
        return identity if list(names.values()).count(names[identity]) > 1 else names[identity]


def _note(text: str, format: TableFormat, width: int | None = None) -> str:
    text = _plain(" ".join(text.split()), format)  # a reason may have several lines
    return (
        f"- {text}"
        if format == "markdown"
        else textwrap.fill(text, min(width or _NOTE_WIDTH, _NOTE_WIDTH), break_on_hyphens=False, break_long_words=False)
    )


def _plain(text: str, format: TableFormat) -> str:
    """A text that acts neither on a terminal nor, in Markdown, on a page."""
    text = printable(text)
    return text.replace("&", "&amp;").replace("<", "&lt;") if format == "markdown" else text


def _escape(text: str, format: TableFormat) -> str:
    text = _plain(text, format)
    return text.replace("|", r"\|") if format == "markdown" else text
