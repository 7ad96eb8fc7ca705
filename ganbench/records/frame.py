"""Records as a pandas frame: one row for each value that a table prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.errors import StoreError
from ganbench.metrics.metric import Value
from ganbench.metrics.standard_error import MeanWithError, mean_with_error
from ganbench.protocols import DatasetPlan, Protocol
from ganbench.records.record import Record, Score

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "score_frame"]

COLUMNS = (
    "protocol",
    "dataset",
    "model",
    "metric",
    "quantity",
    "value",
    "unit",
    "standard_error",
    "standard_error_across",
    "n_test",
    "n_samples",
    "seeds",
    "published_mean",
    "published_standard_error",
    "status",
)
_BESIDE = ("standard_error_unbiased", "findings", "reason")
_PARZEN = "parzen"


def score_frame(
    records: Iterable[Record],
    protocol: Protocol,
    *,
    metrics: Sequence[str] = (),
    bandwidth: str | None = None,
    every_value: bool = False,
) -> pandas.DataFrame:
    """One row per data set, model, metric, quantity and kind of standard error.

    The kinds, for a quantity that is a mean over test examples (others have the first row with their own error):

    - *examples*: the first fold; a test example's value is averaged over seeds first;
    - *folds*: the fold means, averaged over seeds first;
    - *seeds* (where there are several): the means of whole runs, with n - 1 in the variance.

    Beside `COLUMNS` there are `standard_error_unbiased` (n - 1 in the variance), `findings` (warnings, "code: text")
    and `reason`.

    Args:
        records: Records of the protocol.
        protocol: The protocol.
        metrics: Names of metrics to show besides those of the protocol's table.
        bandwidth: "grid" shows the Parzen estimate at the optimum of the coarse grid, "refined" that of the second
            search.
        every_value: All quantities of each metric, not the first only.

    Raises:
        StoreError: Records of one data set come from different settings of a metric, or different data.
    """
    import pandas

    rows = [
        row
        for dataset, of_dataset in _grouped(records, "dataset").items()
        for row in _rows_of_dataset(
            dataset, of_dataset, protocol, _shown(of_dataset, protocol, metrics), bandwidth, every_value
        )
    ]
    frame = pandas.DataFrame(rows, columns=[*COLUMNS, *_BESIDE])
    return frame.astype({"n_test": "Int64", "n_samples": "Int64"})  # whole numbers even where a failed row has none


def _grouped(records: Iterable[Record], by: str) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(getattr(record, by).identity, []).append(record)
    return groups


def _shown(records: Sequence[Record], protocol: Protocol, metrics: Sequence[str]) -> list[str]:
    """The metrics of a table: the protocol's choice, or all that there are, and those that are asked for."""
    known = list(dict.fromkeys(score.metric for record in records for score in record.scores))
    chosen = [name for name in protocol.table if name in known or not known] or ([] if protocol.table else known)
    return list(dict.fromkeys([*chosen, *(name for name in metrics if name in known)]))


@dataclass(frozen=True)
class _Group:
    """The records of one model on one data set, and what all models on it have in common."""

    records: list[Record]
    title: str
    plan: DatasetPlan
    first_fold: str
    n_folds: int
    seeds: list[int]

    @property
    def kinds(self) -> list[str]:
        """What standard errors are across."""
        return [*self.plan.standard_error_across, *(["seeds"] if len(self.seeds) > 1 else [])]


def _rows_of_dataset(
    dataset: str,
    records: list[Record],
    protocol: Protocol,
    metrics: Sequence[str],
    bandwidth: str | None,
    every_value: bool,
) -> Iterator[dict[str, Any]]:
    plan = protocol.dataset_plan(dataset) or DatasetPlan(name=dataset)
    models = _grouped(records, "model")
    titles = _titles(models)
    folds = sorted({record.fold for record in records}, key=lambda name: (len(name), name))
    n_folds = max(len({record.fold for record in group}) for group in models.values())
    for metric in metrics:
        _check_comparable(dataset, metric, records)
        for identity, group in models.items():
            seeds = sorted({record.seed for record in group})
            shared = _Group(group, titles[identity], plan, folds[0], n_folds, seeds)
            yield from _rows(shared, metric, protocol, bandwidth, every_value)


def _titles(models: dict[str, list[Record]]) -> dict[str, str]:
    """Specs, with the mark of those that others share."""
    specs = [group[0].model.spec for group in models.values()]
    return {
        identity: identity if specs.count(group[0].model.spec) > 1 else group[0].model.spec
        for identity, group in models.items()
    }


def _check_comparable(dataset: str, metric: str, records: Sequence[Record]) -> None:
    """Refuse to put numbers side by side that were made by different rules or on different data."""
    first: tuple[Any, str, str] | None = None
    for record in records:
        score = record.score(metric)
        if score is None:
            continue
        facts = ((score.version, _rule(score)), record.dataset.checksum, record.model.spec)
        first = first or facts
        if first[:2] != facts[:2]:
            what = f"settings of the metric {metric!r}" if first[0] != facts[0] else "versions of the data"
            raise StoreError(
                f"Records of {dataset!r} come from different {what} ({first[2]} and {record.model.spec}); they are not "
                "put into one table. Run the older ones again, or name the models by --models."
            )


def _rule(score: Score) -> Any:
    """What decides a number: the settings, and, as older records do not name all of these, the curves' x."""
    return [curve.x for curve in score.curves.values()] if not score.key else score.settings


def _rows(
    group: _Group, metric: str, protocol: Protocol, bandwidth: str | None, every_value: bool
) -> Iterator[dict[str, Any]]:
    scored = [(record, score) for record in group.records if (score := record.score(metric)) is not None]
    without = [record for record in group.records if record.score(metric) is None]
    status, reason = _status(group, [record for record, _ in scored], without)
    if not scored:
        for across in group.kinds:
            yield _common(group, protocol, metric, "", across) | {"status": status, "reason": reason}
        return
    for quantity in _quantities(scored[0][1], bandwidth, every_value):
        for across in group.kinds:
            numbers = _numbers(group, scored, quantity, across)
            if numbers is None:  # nothing of the first fold
                numbers = {"status": "failed", "reason": reason or "the first fold has not been run"}
            yield _common(group, protocol, metric, quantity, across) | {"status": status, "reason": reason} | numbers


def _quantities(score: Score, bandwidth: str | None, every_value: bool) -> list[str]:
    if every_value:
        return list(score.values)
    if score.metric == _PARZEN and bandwidth == "grid" and f"grid_{score.headline}" in score.values:
        return [f"grid_{score.headline}"]
    return [score.headline]


def _status(group: _Group, done: Sequence[Record], without: Sequence[Record]) -> tuple[str, str]:
    failed = [record for record in without if record.status == "failed"]
    if not done:
        return "failed", failed[0].reason if failed else "not computed; run again"
    if failed:
        return f"partial: {len(failed)} of {len(group.records)} cells failed", failed[0].reason
    if without:
        return f"partial: {len(without)} of {len(group.records)} cells lack it", "not computed; run again"
    present = len({record.fold for record in done})
    if present < group.n_folds:
        return f"partial: {present} of {group.n_folds} folds", "the other folds have not been run"
    return "done", ""


def _common(group: _Group, protocol: Protocol, metric: str, quantity: str, across: str) -> dict[str, Any]:
    record = group.records[0]
    # By name and for installed models only: a user's file or class may well be called what a published model is called.
    installed = not record.model.mark and ":" not in record.model.spec
    published = protocol.find_published(record.model.name, record.dataset.name) if installed else None
    if metric != _PARZEN or not quantity.endswith("mean_log_likelihood") or quantity.startswith("valid"):
        published = published if not quantity and metric == _PARZEN else None
    return {
        "protocol": record.protocol,
        "dataset": record.dataset.identity,
        "model": group.title,
        "metric": metric,
        "quantity": quantity,
        "standard_error_across": across,
        "seeds": len(group.seeds),
        "published_mean": published.mean if published else math.nan,
        "published_standard_error": published.standard_error if published else math.nan,
        "findings": "",
    }


def _numbers(
    group: _Group, scored: Sequence[tuple[Record, Score]], quantity: str, across: str
) -> dict[str, Any] | None:
    used = [pair for pair in scored if across != "examples" or pair[0].fold == group.first_fold]
    pairs = [(record, score.values[quantity]) for record, score in used if quantity in score.values]
    if not pairs:
        return None
    summary = _summary(pairs, across)
    tested = {record.fold: len(value.per_example) for record, value in pairs}
    samples = {record.samples.n for record, _ in pairs if record.samples}
    warnings = {f.code: f.text for _, score in used for f in score.findings if f.severity == "warning"}
    error = summary.standard_error_unbiased if across == "seeds" else summary.standard_error
    return {
        "value": summary.mean,
        "unit": pairs[0][1].unit,
        "standard_error": error,
        "standard_error_across": summary.across,
        "standard_error_unbiased": summary.standard_error_unbiased,
        "n_test": sum(tested.values()),
        "n_samples": max(samples, default=0),
        "findings": "; ".join(f"{code}: {text}" for code, text in warnings.items()),
    }


def _summary(pairs: Sequence[tuple[Record, Value]], across: str) -> MeanWithError:
    if across == "examples":
        return _over_examples([value for _, value in pairs])
    groups: dict[Any, list[float]] = {}
    for record, value in pairs:
        groups.setdefault(record.fold if across == "folds" else record.seed, []).append(value.value)
    return mean_with_error(np.array([np.mean(group) for group in groups.values()]), across=across)


def _over_examples(values: Sequence[Value]) -> MeanWithError:
    """Across examples where their values are known; otherwise the metric's own error, root mean square over seeds."""
    if all(value.per_example for value in values):
        means = np.mean([value.per_example for value in values], axis=0)
        return mean_with_error(means, across="examples")
    errors = [value.standard_error for value in values if value.standard_error is not None]
    error = math.sqrt(float(np.mean(np.square(errors)))) if errors else math.nan
    mean = float(np.mean([value.value for value in values]))
    return MeanWithError(mean, error, math.nan, values[0].across, len(values))
