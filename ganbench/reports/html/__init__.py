"""One page for all that a results folder holds: a single HTML file without scripts or pictures from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ganbench import __version__
from ganbench.errors import StoreError, UsageError
from ganbench.files import write_atomically
from ganbench.protocols import Protocol
from ganbench.records.record import Record
from ganbench.records.row import Row, to_rows
from ganbench.records.store import Store
from ganbench.reports.captions import describe
from ganbench.reports.figures.source import Source
from ganbench.reports.formats import Titles, with_error
from ganbench.reports.html import cards, comparison, origin
from ganbench.reports.html.pictures import pictures
from ganbench.reports.html.plots import short
from ganbench.reports.notes import Notes, mark
from ganbench.reports.results import stored_protocols, stored_records, table

__all__ = ["write_report"]


def write_report(
    results: str | Path,
    output: str | Path | None = None,
    protocol: str | Path | None = None,
    *,
    data_root: str | Path | None = None,
) -> Path:
    """Write the report of a results folder, which any browser opens, also offline. The same records give the same page.

    Args:
        results: The results folder.
        output: The file; `results/report.html` by default.
        protocol: Only this protocol's records; by default all that there are.
        data_root: Where data sets lie, for nearest training images that no sheet shows yet.

    Returns:
        The file.

    Raises:
        UsageError: Jinja2 is not installed.
        StoreError: There are no records, none are comparable, or the file cannot be written. The page itself says of
            which protocol records are not comparable, where there are several.
    """
    template = _environment().get_template("report.html.j2")
    parts: list[dict[str, Any]] = []
    refused: list[tuple[Protocol, StoreError]] = []
    for chosen in stored_protocols(results, protocol):
        try:
            parts.append(_part(results, chosen, data_root))
        except StoreError as error:
            refused.append((chosen, error))
    if not parts:
        raise refused[0][1]
    page = template.render(parts=parts, refused=refused, version=__version__, results=Path(results).resolve().name)
    path = Path(output) if output is not None else Path(results) / "report.html"
    write_atomically(path, page.encode("utf-8", errors="replace"))
    return path


def _environment() -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise UsageError('The report needs Jinja2. Install it by `pip install "ganbench[report]"`.') from error
    loader = PackageLoader("ganbench.reports.html")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"short": short, "mark": mark, "with_error": with_error, "finite": math.isfinite}
    return environment


def _part(results: str | Path, protocol: Protocol, data_root: str | Path | None) -> dict[str, Any]:
    """All that the page shows of one protocol."""
    records = stored_records(results, protocol, ladder=True)
    ladder = any(record.model.reference for record in records)
    metrics = list(dict.fromkeys(score.metric for record in records for score in record.scores))
    shown = to_rows(table(results, protocol, ladder=ladder))
    every = to_rows(table(results, protocol, metrics=metrics, every_value=True, ladder=ladder))
    source = Source(Store(Path(results)), protocol, tuple(records), None if data_root is None else str(data_root))
    datasets = dict.fromkeys(record.dataset.identity for record in records)
    titles = Titles(protocol, datasets)
    return {
        "protocol": protocol,
        "n_records": len(records),
        "titles": titles,
        "datasets": [_dataset(identity, shown, every, source, titles) for identity in datasets],
        "notes": list(Notes(shown, protocol, titles).all()),
        "methods": origin.methods(records, protocol),
        "bibtex": origin.bibtex(records),
    }


def _dataset(
    identity: str, shown: Sequence[Row], every: Sequence[Row], source: Source, titles: Titles
) -> dict[str, Any]:
    """Table, comparison and cards of a data set."""
    records = [record for record in source.records if record.dataset.identity == identity]
    rows = [row for row in shown if row.dataset == identity]
    by_row = {row.model: _of_row(row.model, records) for row in rows}
    references = [row for row in rows if row.reference]
    first = next((row for row in rows if not row.reference and row.status == "done"), None)
    same = [row for row in rows if first and _column(row) == _column(first)]
    models = [record for record in records if not record.model.reference and record.status == "done"]
    own_every = [row for row in every if row.dataset == identity]
    return {
        "identity": identity,
        "title": titles.dataset(identity),
        "table": _table(rows, titles),
        "compared": comparison.compared(models, source.protocol, references, titles),
        "cost": comparison.cost(
            [row for row in same if not row.reference], by_row, [row for row in same if row.reference], titles
        ),
        "cards": list(_cards(by_row, own_every, source, titles)),
    }


def _of_row(model: str, records: Sequence[Record]) -> list[Record]:
    """The records that a row of the table stands for, also where specs had to be told apart by marks."""
    exact = [record for record in records if record.model.identity == model]
    return exact or [record for record in records if record.model.spec == model]


def _column(row: Row) -> tuple[str, str, str]:
    return row.metric, row.quantity, row.standard_error_across


def _table(rows: Sequence[Row], titles: Titles) -> dict[str, Any]:
    """Table 1 of a data set: a line for each model, a column for each quantity and kind of error."""
    columns = {_column(row): row.fold for row in rows if row.status != "not run"}
    lines: list[dict[str, Any]] = []
    for model in dict.fromkeys(row.model for row in rows):
        own = {_column(row): row for row in rows if row.model == model}
        head = next(iter(own.values()))
        warnings = {
            f.code: f for row in own.values() for f in (*row.findings, *row.warnings)
            if f.severity == "warning" and f.about != "data"
        }  # fmt: skip
        lines.append(
            {
                "model": model,
                "title": titles.model(model),
                "head": head,
                "cells": [own.get(column) for column in columns],
                "warnings": list(warnings.values()),
                "suspect": bool(warnings) or head.status not in ("done", "not run") or bool(head.mixed),
            }
        )
    lines.sort(key=lambda line: bool(line["head"].reference))
    return {
        "columns": [(*column, fold) for column, fold in columns.items()],
        "lines": lines,
        "published": any(row.verdict for row in rows),
    }


def _cards(
    by_row: dict[str, list[Record]], every: Sequence[Row], source: Source, titles: Titles
) -> Iterator[dict[str, Any]]:
    references = {
        model: [r for r in records if r.status == "done"]
        for model, records in by_row.items()
        if records and records[0].model.reference
    }
    for model, records in by_row.items():
        if not records:
            continue
        done = [record for record in records if record.status == "done"]
        shown, reason = pictures(source, done[0]) if done else ([], "no cell of it is done")
        others = {name: of_model for name, of_model in references.items() if name != model}
        rulers = list(cards.rulers(done, [row for row in every if row.model == model], others))
        yield {
            "model": model,
            "title": titles.model(model),
            "reference": records[0].model.reference,
            "records": records,
            "failed": [record for record in records if record.status == "failed"],
            "pictures": shown,
            "pictured": describe(done[0]) if shown else "",
            "no_pictures": reason,
            "findings": cards.findings(done),
            "learning": cards.learning(done),
            "rulers": rulers,
            "beside_null": cards.beside_null(rulers),
            "hyperparameters": records[0].model.hyperparameters,
            "command": origin.command(records, source.protocol),
            "provenance": origin.provenance(records),
        }
