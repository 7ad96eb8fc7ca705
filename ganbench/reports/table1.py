"""Table 1: scores measured beside published, in five formats."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ganbench.choices import TableFormat
from ganbench.errors import printable
from ganbench.metrics.metric import Finding
from ganbench.protocols import Protocol
from ganbench.records.record import EXACT
from ganbench.records.row import COLUMNS, Row, to_rows
from ganbench.reports.formats import Titles, render_text, with_error
from ganbench.reports.notes import Notes, is_likelihood, mark

if TYPE_CHECKING:
    import pandas

__all__ = ["render_table"]

_UNMEASURED = ("not run", "published")
_REFERENCES = "References, no models:"


def render_table(frame: pandas.DataFrame, protocol: Protocol, format: TableFormat, width: int | None = None) -> str:
    """Render the frame of `ganbench.table`.

    `csv` has the columns of `COLUMNS`; `json` also what is beside them; the others are for reading, with notes and one
    column for each data set, metric, quantity and kind of error. Published values and verdicts stand beside the first
    of these.

    Args:
        frame: The values.
        protocol: Titles, notes and published values.
        format: The format.
        width: Columns of the terminal, into which plain text is to fit; no limit by default.
    """
    if format == "csv":
        return frame[list(COLUMNS)].map(_no_formula).to_csv(index=False, lineterminator="\n")
    rows = to_rows(frame)
    if format == "json":
        return json.dumps([_as_json(row) for row in rows], indent=1, allow_nan=False) + "\n"
    return _Table(rows, protocol).render(format, width)


def _no_formula(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula, with the sign before it that makes it one of none."""
    if not isinstance(value, str):
        return value
    return f"'{printable(value)}" if value.lstrip()[:1] in tuple("=+-@") else printable(value)


def _as_json(row: Row) -> dict[str, Any]:
    content = msgspec.to_builtins(row._asdict())
    del content["settings"]  # long, and the same in every row
    return {name: None if value != value else value for name, value in content.items()}  # NaN differs from itself


class _Column(NamedTuple):
    dataset: str
    metric: str
    quantity: str
    across: str


@dataclass(frozen=True)
class _Table:
    """A table for people."""

    rows: Sequence[Row]
    protocol: Protocol

    def render(self, format: TableFormat, width: int | None) -> str:
        """Title, table and notes."""
        titles = Titles(self.protocol, dict.fromkeys(row.dataset for row in self.rows))
        measured = [row for row in self.rows if row.status not in _UNMEASURED]
        columns = list(dict.fromkeys(map(_column, measured)))
        shown = {column.dataset for column in columns}
        rows = sorted((row for row in self.rows if row.dataset in shown), key=lambda row: bool(row.reference))
        lines = {row.model: [_model(row, titles)] for row in rows}
        heads = ["Model"]
        for column in columns:
            heads.append(self.head(column, columns, titles))
            first = columns.index(column) == [c.dataset for c in columns].index(column.dataset)
            cells = {row.model: _measured(row, first) for row in measured if _column(row) == column}
            _extend(lines, cells)
            if next(c for c in columns if c[:3] == column[:3]) == column:
                self.add_published(column, heads, lines, titles)
        references = {row.model for row in rows if row.reference}
        blocks = [
            *(line for model, line in lines.items() if model not in references),
            *([[_REFERENCES, *[""] * (len(heads) - 1)]] if references else []),
            *(line for model, line in lines.items() if model in references),
        ]
        notes = Notes(self.rows, self.protocol, titles).all()
        return render_text(titles.table(), heads, blocks, notes, format, width=width)

    def add_published(self, column: _Column, heads: list[str], lines: dict[str, list[str]], titles: Titles) -> None:
        """The columns of published values and of verdicts, where there are any."""
        rows = {row.model: row for row in reversed(self.rows) if _column(row)[:3] == column[:3]}
        if any(row.published_mean == row.published_mean for row in rows.values()):
            heads.append(f"{titles.dataset(column.dataset)}, published")
            _extend(lines, {model: _published(row) for model, row in rows.items()})
        if any(row.verdict for row in rows.values()):
            heads.append(f"{titles.dataset(column.dataset)}, verdict")
            _extend(lines, {model: _verdict(row) for model, row in rows.items()})

    def head(self, column: _Column, columns: Sequence[_Column], titles: Titles) -> str:
        """The head of a column; the one log-likelihood of a data set needs no name."""
        likelihoods = {c[1:3] for c in columns if c.dataset == column.dataset and is_likelihood(*c[1:3])}
        plain = is_likelihood(*column[1:3]) and len(likelihoods) == 1
        what = "measured" if plain else f"{column.metric}: {column.quantity}".removesuffix(": ")
        what = "exact log-likelihood" if column.metric == EXACT else what
        across = {
            "": "",
            "examples": " ± SE across test examples",
            "seeds": f" ± {self.protocol.judgement.level:.0%} range of a new training",
        }.get(column.across, f" ± SE across {column.across}")
        return f"{titles.dataset(column.dataset)}, {what}{across}"


def _extend(lines: dict[str, list[str]], cells: dict[str, str]) -> None:
    for model, line in lines.items():
        line.append(cells.get(model, "-"))


def _column(row: Row) -> _Column:
    return _Column(row.dataset, row.metric, row.quantity, row.standard_error_across)


def _model(row: Row, titles: Titles) -> str:
    return f"{row.model} (published)" if row.status == "published" else titles.model(row.model)


def _measured(row: Row, first: bool) -> str:
    if row.status == "failed":
        return "failed"
    found: Sequence[Finding] = (*row.findings, *(row.warnings if first else ()))
    marks = "".join(f" {mark(finding)}" for finding in found if finding.severity == "warning")
    partial = "" if row.status == "done" else " [partial]"
    error = row.prediction_error if row.standard_error_across == "seeds" else row.standard_error
    return f"{with_error(row.value, error)}{marks}{partial}"


def _published(row: Row) -> str:
    if math.isnan(row.published_mean):
        return "-"
    if math.isnan(row.published_standard_error):
        return f"{row.published_mean:g}"
    return f"{row.published_mean:g} ± {row.published_standard_error:g}"


def _verdict(row: Row) -> str:
    return f"{row.verdict or '-'}{'' if math.isnan(row.difference) else f' ({row.difference:+.1f})'}"
