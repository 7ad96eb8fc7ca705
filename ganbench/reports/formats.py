"""What all tables share: formats, the titles of rows and columns, numbers with their errors."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ganbench.choices import TableFormat
from ganbench.errors import printable
from ganbench.protocols import Protocol

__all__ = ["Titles", "render_text", "suffix", "with_error"]

_SUFFIX = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
_TABULATE = {"text": "simple", "markdown": "github", "latex": "latex_raw"}
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%#_${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
)


def suffix(format: TableFormat) -> str:
    """The file ending of a format."""
    return _SUFFIX[format]


def with_error(value: float, error: float) -> str:
    """A value to as many places as its standard error has with two significant digits.

    >>> with_error(224.96, 1.98), with_error(1909.2, 66.4), with_error(12.3456, 0.0312)
    ('225.0 ± 2.0', '1909 ± 66', '12.346 ± 0.031')
    """
    if not math.isfinite(error) or error <= 0:
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    places = min(max(1 - math.floor(math.log10(float(f"{error:.1e}"))), 0), 9)
    return f"{value:.{places}f} ± {error:.{places}f}"


def render_text(
    title: str,
    heads: Sequence[str],
    lines: Iterable[Sequence[str]],
    notes: Iterable[str],
    format: TableFormat,
    widths: Sequence[int] | None = None,
) -> str:
    """Title, table and notes in one of the formats for people.

    Args:
        title: Of the table.
        heads: Of the columns.
        lines: The cells, as they are written.
        notes: One line each.
        format: "text", "markdown" or "latex".
        widths: Where lines of plain text are broken, by column; nowhere by default.
    """
    from tabulate import tabulate

    # numbers are strings already: tabulate must not reformat them
    table = tabulate(
        [[_escape(cell, format) for cell in line] for line in lines],
        headers=[_escape(head, format) for head in heads],
        tablefmt=_TABULATE[format],
        disable_numparse=True,
        maxcolwidths=list(widths) if widths and format == "text" else None,
    )
    below = "\n".join(_note(note, format) for note in notes)
    head = _plain(" ".join(title.split()), format)  # one line, as a comment is
    return f"{'% ' if format == 'latex' else ''}{head}\n\n{table}\n\n{below}\n"


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
        """The protocol's title speaks of its own data sets only."""
        if all(self.protocol.plan_of(dataset) for dataset in self.datasets):
            return self.protocol.title
        return f"Scores by the protocol {self.protocol.name!r}"

    def model(self, spec: str) -> str:
        """The title of a model, with its settings where the spec has any."""
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


def _note(text: str, format: TableFormat) -> str:
    text = _plain(" ".join(text.split()), format)  # a reason may have several lines, and a comment is one
    if format == "latex":
        return f"% {text}"
    return f"- {text}" if format == "markdown" else textwrap.fill(text, 100, break_on_hyphens=False)


def _plain(text: str, format: TableFormat) -> str:
    """A text that acts neither on a terminal nor, in Markdown, on a page."""
    text = printable(text)
    return text.replace("&", "&amp;").replace("<", "&lt;") if format == "markdown" else text


def _escape(text: str, format: TableFormat) -> str:
    text = _plain(text, format)
    if format == "markdown":
        return text.replace("|", r"\|")
    return text.translate(_LATEX) if format == "latex" else text
