"""The card of a model on a data set: whatever its records hold, by the contracts of models and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from ganbench.metrics.metric import Curve, Finding
from ganbench.records.record import Record
from ganbench.records.row import Row
from ganbench.records.summary import summarize_findings
from ganbench.reports.formats import with_error
from ganbench.reports.html.plots import Landmark, Plot, Point, Series, near, plain
from ganbench.reports.trainings import curves_by_training

__all__ = ["beside_null", "findings", "learning", "number", "rulers"]

_ROLES = {"null_": "null (held-out data)", "test_": "test data", "generated_": "samples"}
"""By the contract's naming: what the same quantity is of other examples than the samples."""
_SAMPLES = "samples"
_LOG = 8.0  # a horizontal axis whose ends have at least this ratio, and that starts above 0, is logarithmic
_MOST_LINES = 8


def number(value: float, error: float, unit: str = "") -> str:
    """A value, its error and its unit."""
    return f"{with_error(value, error)} {unit}".strip()


def findings(records: Iterable[Record]) -> list[Finding]:
    """All findings of the records, warnings first, the first of each code."""
    found = summarize_findings([list(_of_record(record)) for record in records])
    return sorted(found, key=lambda finding: finding.severity != "warning")


def _of_record(record: Record) -> Iterator[Finding]:
    yield from record.dataset.findings
    yield from record.samples.findings if record.samples else ()
    yield from (finding for score in record.scores for finding in score.findings)


def learning(records: Sequence[Record]) -> list[Plot]:
    """What training reported, a plot for each curve, a line for each training."""
    kept: dict[str, list[Series]] = {}
    for training, curves in curves_by_training(records).items():
        for name, curve in curves.items():
            if len(lines := kept.setdefault(name, [])) < _MOST_LINES:
                lines.append(_series(training, curve))
    names = {name: curve for r in records if r.training for name, curve in r.training.curves.items()}
    return [
        Plot(f"Learning curve: {_words(name)}", _words(names[name].x_name), _words(names[name].y_name), series)
        for name, series in kept.items()
    ]


def rulers(
    records: Sequence[Record], rows: Sequence[Row], references: Mapping[str, Sequence[Record]]
) -> Iterator[dict[str, Any]]:
    """Of each metric its values beside their nulls, its plots and its findings.

    Args:
        records: Of the model on the data set, that of the first fold and seed first.
        rows: All quantities of the model on the data set.
        references: Records of rows of known standing on the data set, by model: landmarks.
    """
    for metric in dict.fromkeys(row.metric for row in rows):
        own = [row for row in rows if row.metric == metric and math.isfinite(row.value)]
        name = metric.partition("[")[0]
        scores = [score for record in records for score in record.scores if score.metric == name]
        if own and scores:
            yield {
                "metric": metric,
                "values": list(_values(own)),
                "plots": list(_plots(scores[0].curves, name, scores[0].headline, references)),
                "findings": sorted(
                    summarize_findings([score.findings for score in scores]), key=lambda f: f.severity == "note"
                ),
                "version": scores[0].version,
                "settings": scores[0].settings,
            }


def beside_null(of_rulers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines of all rulers in which the same is measured of held-out data, each with the name of its ruler."""
    return [
        {**line, "metric": ruler["metric"]}
        for ruler in of_rulers
        for line in ruler["values"]
        if _SAMPLES in line["cells"] and len(line["cells"]) > 1
    ]


def _values(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """A line for each quantity: of the samples, of test data, of the null."""
    names = dict.fromkeys(row.quantity for row in rows)
    lines: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        base, role = _role(row.quantity, names)
        spread = row.prediction_error if row.standard_error_across == "seeds" else row.standard_error
        text = number(row.value, spread, row.unit)
        said = ", ".join(filter(None, (row.fold, _across(row) if "±" in text else "")))
        lines.setdefault(base, {}).setdefault(role, []).append(f"{text} ({said})" if said else text)
    for base, cells in lines.items():
        yield {"name": _words(base), "cells": {role: list(dict.fromkeys(texts)) for role, texts in cells.items()}}


def _across(row: Row) -> str:
    """What the error of a row is across."""
    if row.standard_error_across == "seeds":
        return f"range of a new training, {row.seeds} trainings"
    return f"SE across {row.standard_error_across}" if row.standard_error_across else ""


def _role(quantity: str, names: Iterable[str]) -> tuple[str, str]:
    """The quantity without its prefix, and whose it is, where the same is measured of the samples."""
    known = set(names)
    for prefix, role in _ROLES.items():
        base = quantity.removeprefix(prefix)
        if base != quantity and ({base, f"generated_{base}"} & known):
            return base, role
    return quantity, _SAMPLES


def _plots(
    curves: Mapping[str, Curve], metric: str, headline: str, references: Mapping[str, Sequence[Record]]
) -> Iterator[Plot]:
    """Curves of the same axes in one plot, with the rows of known standing where the axis is the headline's."""
    axes: dict[tuple[str, str], list[Series]] = {}
    for name, curve in curves.items():
        axes.setdefault((curve.x_name, curve.y_name), []).append(_series(_words(name), curve))
    for (x_name, y_name), series in axes.items():
        known = [
            Landmark(value, label)
            for label, records in references.items()
            if plain(label, references)
            and y_name in (headline, f"valid_{headline}")
            and (value := _mean(records, metric, headline)) is not None
        ]
        xs = [point.x for one in series for point in one.points]
        log = bool(xs) and min(xs) > 0 and max(xs) / min(xs) >= _LOG
        title = f"{_words(y_name)} against {_words(x_name)}"
        yield Plot(title, _words(x_name), _words(y_name), series, near(known, series), log)


def _mean(records: Sequence[Record], metric: str, headline: str) -> float | None:
    values = [s.values[headline].value for r in records if (s := r.score(metric)) and headline in s.values]
    return fmean(values) if values else None


def _series(label: str, curve: Curve) -> Series:
    return Series(label, [Point(x, y) for x, y in zip(curve.x, curve.y, strict=True)])


def _words(name: str) -> str:
    return name.replace("_", " ")
