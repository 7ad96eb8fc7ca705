"""Table 2: what models declare to be hard about their kind, beside what their records measured.

The words come from cards (`ganbench.registry.cards`). Source: Goodfellow et al., "Generative Adversarial Nets" (2014),
Table 2, https://arxiv.org/abs/1406.2661, which has no measured rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from ganbench.choices import TableFormat
from ganbench.errors import UserError
from ganbench.model import LogDensity
from ganbench.protocols import Protocol
from ganbench.records.record import Record
from ganbench.registry.cards import Card, read_card
from ganbench.registry.models import find_model
from ganbench.reports.formats import Titles, render_text

if TYPE_CHECKING:
    import pandas

__all__ = ["Comparison", "compare_models", "render_table2"]


class Comparison(NamedTuple):
    """A model on a data set.

    Attributes:
        protocol: Name of the protocol.
        dataset: The data set.
        model: The model, by its spec.
        family: From its card, as the next five: see `ganbench.registry.cards.Card`.
        training: As above.
        inference: As above.
        sampling: As above.
        evaluation: As above.
        design: As above.
        density: "yes" or "no": whether its log density can be evaluated; empty where the model cannot be looked at.
        seconds_per_1000_samples: Mean over the records, on the machines that they name.
        seconds_per_epoch: Likewise.
        autocorrelation_time: In steps of a chain, from whichever metric has a value of this name; NaN without one.
        effective_sample_size: Likewise.
    """

    protocol: str
    dataset: str
    model: str
    family: str = ""
    training: str = ""
    inference: str = ""
    sampling: str = ""
    evaluation: str = ""
    design: str = ""
    density: str = ""
    seconds_per_1000_samples: float = math.nan
    seconds_per_epoch: float = math.nan
    autocorrelation_time: float = math.nan
    effective_sample_size: float = math.nan


_WORDS = {
    "family": "Kind",
    "training": "Training",
    "inference": "Inference",
    "sampling": "Sampling",
    "evaluation": "Evaluating p(x)",
    "design": "Model design",
    "density": "Density can be evaluated",
}
_NUMBERS = {
    "seconds_per_1000_samples": "seconds per 1,000 samples",
    "seconds_per_epoch": "seconds per epoch",
    "autocorrelation_time": "autocorrelation time, steps",
    "effective_sample_size": "effective sample size",
}
_WIDTHS = (26, 28)  # of the first column of plain text, and of the others


def compare_models(records: Sequence[Record]) -> list[Comparison]:
    """One row for each model on each data set, in the order of the records."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.status == "done":
            groups.setdefault((record.dataset.identity, record.model.identity), []).append(record)
    return [_compare(group) for group in groups.values()]


def render_table2(frame: pandas.DataFrame, protocol: Protocol, format: TableFormat, width: int | None = None) -> str:
    """Render the frame of `ganbench.table2`; for people with a column for each model."""
    if format == "csv":
        return frame.to_csv(index=False, lineterminator="\n")
    rows = [Comparison(*row) for row in frame.itertuples(index=False, name=None)]
    if format == "json":
        content = [{k: None if v != v else v for k, v in row._asdict().items()} for row in rows]
        return json.dumps(content, indent=1, allow_nan=False) + "\n"
    titles = Titles(protocol, dict.fromkeys(row.dataset for row in rows))
    models = list(dict.fromkeys(row.model for row in rows))
    title = f"Table 2: what is hard about each model, and what it takes (protocol {protocol.name!r})"
    notes = [
        "Words: what models declare, after Table 2 of Goodfellow et al. 2014.",
        "Numbers: means over the records, on the machines that they name; - is not measured.",
    ]
    heads = ["", *map(titles.model, models)]
    widths = [_WIDTHS[0], *[_WIDTHS[1]] * len(models)]
    return render_text(title, heads, _lines(rows, models, titles), notes, format, widths, width)


def _lines(rows: Sequence[Comparison], models: Sequence[str], titles: Titles) -> Iterator[list[str]]:
    first = {row.model: row for row in reversed(rows)}
    for name, head in _WORDS.items():
        yield [head, *(getattr(first[model], name) or "-" for model in models)]
    for dataset in dict.fromkeys(row.dataset for row in rows):
        found = {row.model: row for row in rows if row.dataset == dataset}
        for name, head in _NUMBERS.items():
            values = (getattr(found[model], name) if model in found else math.nan for model in models)
            yield [f"{titles.dataset(dataset)}, {head}", *("-" if v != v else f"{v:.3g}" for v in values)]


def _compare(records: Sequence[Record]) -> Comparison:
    first = records[0]
    card, density = _declared(first)
    trained = [r.training for r in records if r.training and r.training.epochs]
    return Comparison(
        first.protocol,
        first.dataset.identity,
        first.model.identity,
        **{name: getattr(card, name) for name in card.__struct_fields__},
        density=density,
        seconds_per_1000_samples=_mean(
            1000 * r.timing.sample_seconds / r.samples.n for r in records if r.samples and r.timing.sample_seconds
        ),
        seconds_per_epoch=_mean(training.seconds / training.epochs for training in trained),
        autocorrelation_time=_mean(_values(records, "autocorrelation_time")),
        effective_sample_size=_mean(_values(records, "effective_sample_size")),
    )


def _declared(record: Record) -> tuple[Card, str]:
    """The card, and whether there is a log density; neither of a model that is not installed here."""
    try:
        model = find_model(record.model.name)
        thing = None if record.model.mark else model.load()  # type: ignore[union-attr]
    except UserError:
        return Card(), ""
    if record.model.mark:
        return Card(), ""
    return read_card(model), "yes" if isinstance(thing, type) and issubclass(thing, LogDensity) else "no"


def _values(records: Sequence[Record], name: str) -> Iterator[float]:
    return (s.values[name].value for record in records for s in record.scores if name in s.values)


def _mean(values: Iterator[float]) -> float:
    listed = list(values)
    return fmean(listed) if listed else math.nan
