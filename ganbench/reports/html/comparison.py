"""Models side by side: which differences are real, whether rulers agree, what quality costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from ganbench.errors import UserError
from ganbench.protocols import Protocol
from ganbench.records.record import Record
from ganbench.records.row import Row
from ganbench.reports.comparing import compare
from ganbench.reports.comparison import Difference, Group, PairedComparison
from ganbench.reports.formats import Titles
from ganbench.reports.html.plots import Landmark, Plot, Point, Series, near, plain

__all__ = ["compared", "cost"]

_CSS = {"told apart": "real", "one training": "unsure", "void: training spread": "void", "not told apart": "tied"}


def compared(
    records: Sequence[Record], protocol: Protocol, references: Sequence[Row], titles: Titles
) -> dict[str, Any]:
    """The paired comparison of all models on a data set; or the reason why there is none.

    Args:
        records: Of the models on the data set.
        protocol: Theirs.
        references: Rows of known standing on the data set: landmarks.
        titles: Of models.
    """
    try:
        found = compare(*records, protocol=protocol, results=Path())
    except UserError as error:
        return {"reason": str(error)}
    groups = [_group(group, found, references, titles) for group in found.groups]
    rulers = list(dict.fromkeys(name for r in found.rulers for name in (r.first, r.second)))
    taus = {pair: r for r in found.rulers for pair in ((r.first, r.second), (r.second, r.first))}
    return {"found": found, "groups": groups, "rulers": rulers, "taus": taus, "css": _CSS}


def _group(group: Group, found: PairedComparison, references: Sequence[Row], titles: Titles) -> dict[str, Any]:
    """A quantity: standings, differences, and the forest of the differences of every model to the best."""
    own = [
        d for d in found.differences
        if (d.dataset, d.metric, d.quantity) == (group.dataset, group.metric, group.quantity)
    ]  # fmt: skip
    best = group.standings[0]
    name = titles.model(best.model)
    rows = [_towards(d, best.model, titles) for d in own if best.model in (d.first, d.second)]
    rows.sort(key=lambda row: -abs(row[1]))
    series = [
        Series(verdict, [Point(d, n, e, f"{m} minus {name}: {d:.4g} ± {e:.3g} {group.unit}, {v}")
               for n, (m, d, e, v) in enumerate(rows) if v == verdict], joined=False, css=css)
        for verdict, css in _CSS.items()
    ]  # fmt: skip
    known = {
        row.model: row.value  # the last kind of error of a row is of all its cells, as the standings are
        for row in references
        if (row.metric, row.quantity) == (group.metric, group.quantity) and math.isfinite(row.value)
    }
    marks = [Landmark(v - best.value, titles.model(m)) for m, v in known.items() if plain(m, known)]
    reach = 1.5 * max((abs(d) + e for _, d, e, _ in rows), default=1.0)
    near = [Landmark(0.0, name), *(mark for mark in marks if abs(mark.value) <= reach)]
    title = f"Difference to {name}, {group.metric}: {group.quantity.replace('_', ' ')}"
    forest = Plot(
        title, f"difference in {group.unit or group.quantity.replace('_', ' ')}", "model",
        [one for one in series if one.points], near, rows=[m for m, *_ in rows],
    )  # fmt: skip
    return {"group": group, "differences": own, "forest": forest if rows else None, "counts": _counts(own)}


def _towards(d: Difference, best: str, titles: Titles) -> tuple[str, float, float, str]:
    """The other model, its difference to the best, half the interval, the verdict."""
    other, sign = (d.first, 1) if d.second == best else (d.second, -1)
    half = (d.high - d.low) / 2
    return titles.model(other), sign * d.difference, half if math.isfinite(half) else 0.0, d.verdict


def _counts(differences: Sequence[Difference]) -> dict[str, int]:
    verdicts = [d.verdict for d in differences]
    return {verdict: verdicts.count(verdict) for verdict in _CSS if verdict in verdicts}


def cost(
    rows: Sequence[Row], records: Mapping[str, Sequence[Record]], references: Sequence[Row], titles: Titles
) -> Plot | None:
    """The first quantity of the table against the seconds of training and sampling; None where no times are known."""
    series = []
    for row in rows:
        seconds = [s for r in records.get(row.model, ()) if (s := _seconds(r)) > 0]
        if seconds and math.isfinite(row.value):
            mean = fmean(seconds)
            text = f"{titles.model(row.model)}: {row.value:.4g} {row.unit} after {mean:.3g} s"
            series.append(
                Series(titles.model(row.model), [Point(mean, row.value, row.standard_error, text)], joined=False)
            )
    if not series:
        return None
    name = f"{rows[0].metric}: {rows[0].quantity.replace('_', ' ')}"
    names = [row.model for row in references]
    marks = [
        Landmark(row.value, titles.model(row.model))
        for row in references
        if math.isfinite(row.value) and plain(row.model, names)
    ]
    axis = "seconds of training and sampling"
    return Plot("Quality against cost", axis, name, series, near(marks, series), log_x=True)


def _seconds(record: Record) -> float:
    """Of the training as a whole, also where it went on after a stop, and of drawing the samples."""
    trained = record.training.seconds if record.training else 0.0
    return trained + (record.timing.sample_seconds or 0.0)
