"""Measured values held against published ones: a verdict for every published cell of a table.

The rule is data of the protocol; `ganbench.protocols.Judgement` says it.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Sequence
from typing import Any

from ganbench.errors import UserError
from ganbench.protocols import Judgement, Protocol, Published, published_elsewhere
from ganbench.records.frame import PARZEN, PARZEN_QUANTITIES, published_fields
from ganbench.records.record import Record
from ganbench.records.row import Row
from ganbench.registry.models import ModelSource, find_model

__all__ = ["judged", "printed_by_others", "trained_less"]


def judged(
    rows: Sequence[Row],
    records: Sequence[Record],
    protocol: Protocol,
    *,
    models: Collection[str] = (),
    datasets: Collection[str] = (),
) -> list[Row]:
    """Rows with their verdicts, and one for every published cell that has not been run.

    A cell is judged by the first row of its quantity, whose error is the protocol's, with the spread across trainings
    where there is one; its other rows have the same verdict. Cells that have not been run stand beside one that has.

    Args:
        rows: Of `ganbench.records.frame.score_frame`.
        records: What they come from.
        protocol: With the published values and the rule.
        models: Names or specs of the models that were asked for; all by default.
        datasets: Names of the data sets that were asked for; all by default.
    """
    cells: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        cells.setdefault(row[: Row._fields.index("quantity") + 1], []).append(row)
    result: list[Row] = []
    found: set[tuple[str, str]] = set()
    for cell in cells.values():
        own = [r for r in records if r.dataset.identity == cell[0].dataset and cell[0].model in _names(r)]
        published = protocol.find_published(own[0].model.name, cell[0].dataset) if own else None
        if published is None or math.isnan(cell[0].published_mean):
            result += cell
            continue
        found.add((published.model, published.dataset))
        verdict = _verdict(cell, published, own, protocol.judgement)
        result += [row._replace(**verdict) for row in cell]
    names = {name.partition("[")[0] for name in models}
    missing = [
        published
        for published in protocol.published
        if (published.model, published.dataset) not in found
        and (not names or published.model in names)
        and (not datasets or published.dataset in datasets)
    ]
    return [*result, *(_not_run(published, protocol) for published in missing if found)]


def printed_by_others(rows: Sequence[Row]) -> list[Row]:
    """Rows for the values of later papers on the data sets of a table; see `published_elsewhere`."""
    shown = dict.fromkeys((r.protocol, r.dataset, r.metric, r.quantity) for r in rows if r.metric == PARZEN)
    first = {dataset: place for place in reversed(shown) for dataset in place[1:2]}
    return [
        Row(
            protocol, dataset, published.model, metric, quantity, status="published", reason=published.reason,
            n_samples=published.n_samples or None, verdict="" if published.comparable else "not comparable",
            **published_fields(published),
        )
        for published in published_elsewhere()
        if published.dataset in first
        for protocol, dataset, metric, quantity in [first[published.dataset]]
    ]  # fmt: skip


def trained_less(record: Record, name: str) -> str:
    """How much less than its preset says a model was trained, as "epochs 30 of 1000"; empty where it was not.

    Args:
        record: Of the model.
        name: The hyper-parameter that says how long, a number or a list of them.
    """
    asked = _total(record.model.hyperparameters.get(name))
    stopped = record.training is not None and record.training.stopped  # not where validation data ended it
    done = float(record.training.epochs) if record.training is not None and stopped else asked
    planned = _total(_preset(record).get(name)) or asked
    return "" if done is None or planned is None or done >= planned else f"{name} {done:g} of {planned:g}"


def _names(record: Record) -> tuple[str, str]:
    return record.model.spec, record.model.identity


def _total(amount: Any) -> float | None:
    if isinstance(amount, list | tuple):
        return float(sum(amount))
    return float(amount) if isinstance(amount, int | float) else None


def _preset(record: Record) -> dict[str, Any]:
    """The preset's numbers; none where the model is not installed any more."""
    try:
        model = find_model(record.model.name)
    except UserError:
        return {}
    presets = model.presets if isinstance(model, ModelSource) else {}
    path = presets.get(record.model.preset or record.dataset.name)
    return tomllib.loads(path.read_text(encoding="utf-8")) if path else {}


def _verdict(cell: Sequence[Row], published: Published, records: Sequence[Record], rule: Judgement) -> dict[str, Any]:
    first = cell[0]
    if math.isnan(first.value):
        return {"verdict": "not run", "verdict_reason": first.reason}
    variances = [_square(first.standard_error), _square(published.standard_error)]
    variances += [row.deviation**2 * (1 + 1 / row.seeds) for row in cell if row.deviation >= 0]
    combined = math.sqrt(math.fsum(variances))  # exact: `sum` rounds otherwise from Python 3.12 on
    difference = (first.value - published.mean) / combined if combined else math.nan
    short = next((text for record in records if (text := trained_less(record, rule.epochs))), "")
    voided = [f.text for f in (*first.findings, *first.warnings) if f.code in rule.voided_by]
    if not published.comparable or voided:
        verdict, reason = "protocol differs", "; ".join([published.reason] * (not published.comparable) + voided)
    elif abs(difference) <= rule.within:
        verdict, reason = "reproduced", short
    elif difference > rule.within:
        verdict, reason = "exceeded", short
    else:
        verdict, reason = ("budget-limited" if short else "not reached"), short
    return {"verdict": verdict, "verdict_reason": reason, "difference": difference, "combined_error": combined}


def _square(error: float | None) -> float:
    return 0.0 if error is None or math.isnan(error) else error**2


def _not_run(published: Published, protocol: Protocol) -> Row:
    return Row(
        protocol.name, published.dataset, published.model, PARZEN, PARZEN_QUANTITIES[0],
        status="not run", verdict="not run", **published_fields(published),
    )  # fmt: skip
