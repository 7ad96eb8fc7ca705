"""Table 1: scores measured beside published, in five formats."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ganbench.choices import TableFormat
from ganbench.protocols import Protocol
from ganbench.records.frame import COLUMNS, Row

if TYPE_CHECKING:
    import pandas

__all__ = ["render_table", "suffix", "with_error"]

_SUFFIX = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
_TABULATE = {"text": "simple", "markdown": "github", "latex": "latex_raw"}
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%#_${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
)
_REFINED = "refined search between the neighbours of the grid's optimum"


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


def render_table(frame: pandas.DataFrame, protocol: Protocol, format: TableFormat) -> str:
    """Render the frame of `ganbench.records.frame.score_frame`.

    `csv` has the columns of `COLUMNS`; `json` also what is beside them; the others are for reading, with notes and one
    column for each data set, metric, quantity and kind of standard error.

    Args:
        frame: The values.
        protocol: Titles, notes and published values.
        format: The format.
    """
    if format == "csv":
        return frame[list(COLUMNS)].to_csv(index=False, lineterminator="\n")
    rows = [Row(*map(_plain, row)) for row in frame[list(Row._fields)].itertuples(index=False, name=None)]
    if format == "json":
        return json.dumps([_as_json(row) for row in rows], indent=1, allow_nan=False) + "\n"
    return _Table(rows, protocol, format).render()


def _plain(value: Any) -> Any:
    """A value of a frame as Python has it; the missing whole number as None."""
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, str | int | float | tuple) else None


def _as_json(row: Row) -> dict[str, Any]:
    content = row._asdict() | {"findings": msgspec.to_builtins(row.findings), "mixed": list(row.mixed)}
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
    format: TableFormat

    def render(self) -> str:
        """Title, table and notes."""
        from tabulate import tabulate

        columns = list(dict.fromkeys(map(_column, self.rows)))
        heads, lines = ["Model"], {row.model: [self.model(row.model)] for row in self.rows}
        for column in columns:
            found = {row.model: row for row in self.rows if _column(row) == column}
            heads.append(self.head(column, columns))
            for model, line in lines.items():
                line.append(_measured(found[model]) if model in found else "-")
            published = not all(math.isnan(row.published_mean) for row in found.values())
            if published and self.is_first(column, columns):
                heads.append(f"{self.dataset(column.dataset)}, published")
                for model, line in lines.items():
                    line.append(_published(found[model]) if model in found else "-")
        # numbers are strings already: tabulate must not reformat them
        table = tabulate(
            [[_escape(cell, self.format) for cell in line] for line in lines.values()],
            headers=[_escape(head, self.format) for head in heads],
            tablefmt=_TABULATE[self.format],
            disable_numparse=True,
        )
        notes = "\n".join(_note(note, self.format) for note in self.notes())
        return f"{'% ' if self.format == 'latex' else ''}{self.title()}\n\n{table}\n\n{notes}\n"

    def title(self) -> str:
        """The protocol's title speaks of its own data sets only."""
        if all(self.protocol.plan_of(row.dataset) for row in self.rows):
            return self.protocol.title
        return f"Scores by the protocol {self.protocol.name!r}"

    def head(self, column: _Column, columns: Sequence[_Column]) -> str:
        """The head of a column; the one log-likelihood of a data set needs no name."""
        likelihoods = {c[1:3] for c in columns if c.dataset == column.dataset and _is_likelihood(c)}
        plain = _is_likelihood(column) and len(likelihoods) == 1
        what = "measured" if plain else f"{column.metric}: {column.quantity}".removesuffix(": ")
        across = {"": "", "examples": " ± SE across test examples"}.get(column.across, f" ± SE across {column.across}")
        return f"{self.dataset(column.dataset)}, {what}{across}"

    def is_first(self, column: _Column, columns: Sequence[_Column]) -> bool:
        """Whether it is the first column of its quantity: published values stand beside that one."""
        return next(c for c in columns if c[:3] == column[:3]) == column

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
        names = {other: other.rpartition("@")[0] or other for other in {row.dataset for row in self.rows}}
        return identity if list(names.values()).count(names[identity]) > 1 else names[identity]

    def notes(self) -> Iterator[str]:
        """What a reader must know."""
        done = [row for row in self.rows if row.status != "failed"]
        yield from self.notes_on_parzen([row for row in done if _is_likelihood(_column(row))])
        yield from self.notes_on_errors(done)
        for finding in dict.fromkeys(f for row in done for f in row.findings if f.severity == "warning"):
            yield f"[{finding.code}]: {finding.text}."
        for dataset in dict.fromkeys(row.dataset for row in self.rows):
            plan = self.protocol.plan_of(dataset)
            if plan and plan.note:
                yield f"{self.dataset(dataset)}: {plan.note}"
        for (model, dataset), mixed in {(row.model, row.dataset): row.mixed for row in done if row.mixed}.items():
            yield (
                f"{self.model(model)} on {self.dataset(dataset)}: the cells of the row differ in {', '.join(mixed)}, "
                "which may change their numbers."
            )
        for model, dataset, status, reason in dict.fromkeys(
            (row.model, row.dataset, row.status, row.reason) for row in self.rows if row.reason
        ):
            yield f"{self.model(model)} on {self.dataset(dataset)}, {status}: {reason}"

    def notes_on_parzen(self, rows: Sequence[Row]) -> Iterator[str]:
        """On how many samples, and how the bandwidth was chosen."""
        if not rows:
            return
        searches = dict.fromkeys(map(_search, rows))
        counts = {(self.model(row.model), self.dataset(row.dataset)): row.n_samples for row in rows}
        samples = f"{rows[0].n_samples} samples"
        if len(set(counts.values())) > 1:  # the estimate grows with their number
            one = len({dataset for _, dataset in counts}) == 1
            each = ", ".join(f"{m if one else f'{m} on {d}'}: {n}" for (m, d), n in counts.items())
            samples = f"different numbers of samples ({each}), which are not comparable: it grows with their number"
        yield (
            f"Mean log-likelihood of test data in nats, by a Gaussian Parzen window on {samples}; bandwidth chosen on "
            f"validation data ({', '.join(searches)})."
        )

    def notes_on_errors(self, rows: Sequence[Row]) -> Iterator[str]:
        """How standard errors are taken."""
        across = {row.standard_error_across for row in rows}
        if across & {"examples", "folds"}:
            yield "SE: population standard deviation over the square root of the number."
        if "seeds" in across:
            yield "SE across seeds: with n - 1 in the variance."
        folds = [r for r in rows if r.standard_error_across == "folds" and math.isfinite(r.standard_error_unbiased)]
        for column in dict.fromkeys(map(_column, folds)):
            values = ", ".join(
                f"{self.model(row.model)} {_two_digits(row.standard_error_unbiased)}"
                for row in folds
                if _column(row) == column
            )
            several = len(set(map(_column, folds))) > 1
            of = f" of {self.dataset(column.dataset)}, {column.metric}: {column.quantity}," if several else ""
            yield f"SE across folds{of} with n - 1 in the variance: {values}."


def _column(row: Row) -> _Column:
    return _Column(row.dataset, row.metric, row.quantity, row.standard_error_across)


def _is_likelihood(column: _Column) -> bool:
    return column.metric.partition("[")[0] == "parzen" and column.quantity in (
        "",
        "mean_log_likelihood",
        "grid_mean_log_likelihood",
    )


def _search(row: Row) -> str:
    """How a bandwidth was chosen."""
    only = json.loads(row.settings).get("refinement_steps") == 0
    return "coarse grid" if only or row.quantity.startswith("grid_") else _REFINED


def _measured(row: Row) -> str:
    if row.status == "failed":
        return "failed"
    marks = "".join(f" [{finding.code}]" for finding in row.findings if finding.severity == "warning")
    partial = "" if row.status == "done" else " [partial]"
    return f"{with_error(row.value, row.standard_error)}{marks}{partial}"


def _published(row: Row) -> str:
    if math.isnan(row.published_mean):
        return "-"
    return f"{row.published_mean:g} ± {row.published_standard_error:g}"


def _two_digits(error: float) -> str:
    return with_error(error, error).partition(" ")[0]


def _note(text: str, format: TableFormat) -> str:
    text = " ".join(text.split())  # a reason may have several lines, and a comment is one
    if format == "latex":
        return f"% {text}"
    return f"- {text}" if format == "markdown" else textwrap.fill(text, 100, break_on_hyphens=False)


def _escape(text: str, format: TableFormat) -> str:
    if format == "markdown":
        return text.replace("|", r"\|")
    return text.translate(_LATEX) if format == "latex" else text
