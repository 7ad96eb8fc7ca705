"""Records as a pandas frame: one row for each value that a table prints."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ganbench.choices import Bandwidth
from ganbench.errors import StoreError, UsageError
from ganbench.metrics.metric import Finding, Value
from ganbench.metrics.standard_error import MeanWithError, mean_with_error
from ganbench.protocols import DatasetPlan, Protocol
from ganbench.records.record import Record, Score

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "Row", "is_shown", "score_frame"]

_PARZEN, _LIKELIHOOD, _GRID = "parzen", "mean_log_likelihood", "grid_"


class Row(NamedTuple):
    """One row of the frame.

    Attributes:
        protocol: Name of the protocol.
        dataset: Name of the data set; for own data with the mark of their content.
        model: Spec of the model; with a mark where several share it.
        metric: Name of the metric, with settings where it was computed with several.
        quantity: Which of the metric's values; empty where no record has any.
        value: The value, a mean over the cells of the row.
        unit: Its unit.
        standard_error: Of the value.
        standard_error_across: "examples", "folds", "seeds", what the metric says, or empty without an error.
        n_test: Number of test examples, where the value is a mean over them.
        n_samples: Number of samples.
        seeds: From how many seeds.
        published_mean: What somebody else printed, in nats.
        published_standard_error: Its error.
        status: "done", "failed", or "partial: ...".
        standard_error_unbiased: With n - 1 in the variance.
        findings: What limits the trust in the value.
        settings: Of the metric, as JSON.
        mixed: In what the cells of the row differ that may change their numbers.
        reason: Why the row is not "done".
    """

    protocol: str
    dataset: str
    model: str
    metric: str
    quantity: str
    value: float = math.nan
    unit: str = ""
    standard_error: float = math.nan
    standard_error_across: str = ""
    n_test: int | None = None
    n_samples: int | None = None
    seeds: int = 1
    published_mean: float = math.nan
    published_standard_error: float = math.nan
    status: str = "done"
    standard_error_unbiased: float = math.nan
    findings: tuple[Finding, ...] = ()
    settings: str = "{}"
    mixed: tuple[str, ...] = ()
    reason: str = ""


COLUMNS = Row._fields[: Row._fields.index("status") + 1]
"""The columns of the CSV; the others stand beside them in the frame."""


def score_frame(
    records: Iterable[Record],
    protocol: Protocol,
    *,
    models: Collection[str] = (),
    datasets: Collection[str] = (),
    metrics: Sequence[str] = (),
    bandwidth: Bandwidth | None = None,
    every_value: bool = False,
) -> pandas.DataFrame:
    """One row per data set, model, metric, quantity and kind of standard error; the columns are those of `Row`.

    The kinds, for a quantity that is a mean over test examples (others have the first row with their own error):

    - *examples*: the first fold; a test example's value is averaged over seeds first;
    - *folds*: the fold means, averaged over seeds first;
    - *seeds* (where there are several): the means of whole runs, with n - 1 in the variance.

    Args:
        records: All records of the protocol: what is not shown tells how many folds there are, and the first one.
        protocol: The protocol.
        models: Names, specs or identities of the models that are shown; all by default.
        datasets: Names or identities of the data sets that are shown; all by default.
        metrics: Names of metrics to show besides those of the protocol's table.
        bandwidth: "grid" shows the Parzen estimate at the optimum of the coarse grid, "refined" that of the second
            search; by default the refined one where there is one.
        every_value: All quantities of each metric, not the first only.

    Raises:
        UsageError: A refined bandwidth is asked for and was not searched for.
        StoreError: Records are of another protocol, or those of one data set come from different settings of a metric,
            or from different data.
    """
    import pandas

    if bandwidth not in (None, "grid", "refined"):
        raise UsageError(f"The bandwidth is {bandwidth!r}; accepted: 'grid', 'refined'.")
    records = list(records)
    for record in records:
        if record.protocol != protocol.name:
            raise StoreError(
                f"Records of the protocols {record.protocol!r} and {protocol.name!r} are not put into one table."
            )
    rows: list[Row] = []
    for identity, of_dataset in _grouped(records, lambda record: record.dataset.identity).items():
        shown = [record for record in of_dataset if is_shown(record, models, datasets)]
        folds = sorted({record.fold for record in of_dataset}, key=lambda name: (len(name), name))
        plan = protocol.plan_of(identity) or DatasetPlan(name=identity)
        for column in _columns(shown, protocol, plan, metrics):
            rows.extend(_rows(shown, column, _View(protocol, plan, tuple(folds), bandwidth, every_value)))
    frame = pandas.DataFrame(rows, columns=list(Row._fields))
    return frame.astype({"n_test": "Int64", "n_samples": "Int64"})  # whole numbers even where a failed row has none


@dataclass(frozen=True)
class _View:
    """What is asked for, and what is known of the data set."""

    protocol: Protocol
    plan: DatasetPlan
    folds: tuple[str, ...]
    bandwidth: Bandwidth | None
    every_value: bool

    def quantities(self, scores: Sequence[Score]) -> list[str]:
        """Which values of a metric are shown."""
        if not scores:
            return [""]
        headline, names = scores[0].headline, dict.fromkeys(name for score in scores for name in score.values)
        if scores[0].metric == _PARZEN and self.bandwidth and _GRID + headline not in names:
            if self.bandwidth == "refined":
                raise UsageError("No refined bandwidth was searched for; only that of the grid can be shown.")
        elif scores[0].metric == _PARZEN and self.bandwidth == "grid":
            headline = _GRID + headline
        return list(names) if self.every_value else [headline]


@dataclass(frozen=True)
class _Column:
    """A metric; where it was computed with several settings, one of these."""

    metric: str
    title: str
    settings: str = ""

    def find(self, record: Record) -> Score | None:
        """Its score in a record."""
        if not self.settings:
            return record.score(self.metric)
        same = (s for s in record.scores if s.metric == self.metric and _canonical(s.settings) == self.settings)
        return next(same, None)


@dataclass(frozen=True)
class _Group:
    """The records of one model on one data set."""

    records: tuple[Record, ...]
    title: str

    @property
    def seeds(self) -> int:
        """From how many seeds there are records."""
        return len({record.seed for record in self.records})


def _grouped(records: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def is_shown(record: Record, models: Collection[str], datasets: Collection[str]) -> bool:
    """Whether a record is of one of the models and of one of the data sets; of any, where none are named."""
    model, data = record.model, record.dataset
    of_model = not models or bool({model.name, model.spec, model.identity} & set(models))
    return of_model and (not datasets or bool({data.name, data.identity} & set(datasets)))


def _columns(records: Sequence[Record], protocol: Protocol, plan: DatasetPlan, metrics: Sequence[str]) -> list[_Column]:
    """The protocol's choice, or all that there are, and those that are asked for."""
    known = dict.fromkeys(score.metric for record in records for score in record.scores)
    planned = protocol.metric_names_on(plan)
    if protocol.table:
        chosen = [name for name in protocol.table if name in known or name in planned]
    else:
        chosen = [*(name for name in planned if name in known or ":" not in name), *known]
    if not known and not chosen:  # everything failed, and metrics in files have their names inside
        chosen = [name for name in planned if ":" in name]
    asked = [name for name in metrics if name in known or any(record.status == "failed" for record in records)]
    return [column for name in dict.fromkeys([*chosen, *asked]) for column in _variants(name, records)]


def _variants(metric: str, records: Sequence[Record]) -> Iterator[_Column]:
    """One column; or one for each settings of the metric, where a record has it with several."""
    scores = [[score for score in record.scores if score.metric == metric] for record in records]
    if all(len(of_record) < 2 for of_record in scores):
        yield _Column(metric, metric)
        return
    variants = {_canonical(score.settings): score.settings for of_record in scores for score in of_record}
    for text, settings in variants.items():
        differing = {
            name: value
            for name, value in settings.items()
            if any(_canonical(other.get(name)) != _canonical(value) for other in variants.values())
        }
        inside = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(differing.items()))
        yield _Column(metric, f"{metric}[{inside}]", text)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _rows(records: Sequence[Record], column: _Column, view: _View) -> Iterator[Row]:
    scored = [(record, score) for record in records if (score := column.find(record)) is not None]
    _check_comparable(column.metric, scored)
    scores = [score for _, score in scored]
    for group in _groups(records, view.protocol):
        kinds = [*view.plan.standard_error_across, *(["seeds"] if group.seeds > 1 else [])]
        for quantity in view.quantities(scores):
            typical = next((score.values[quantity] for score in scores if quantity in score.values), None)
            for kind in kinds:
                across = typical.across if typical and not typical.per_example and kind == "examples" else kind
                yield _row(group, column, quantity, kind, view)._replace(standard_error_across=across)


def _groups(records: Sequence[Record], protocol: Protocol) -> list[_Group]:
    """By model, titled by their specs, with a mark where several share one or the protocol has a model called so."""
    groups = _grouped(records, lambda record: record.model.identity)
    specs = [group[0].model.spec for group in groups.values()]
    taken = {name.partition("[")[0] for name in (*protocol.models, *protocol.titles)}
    marked = {spec for spec in specs if specs.count(spec) > 1 or spec.partition("[")[0] in taken}
    return [
        _Group(tuple(_without_repeats(group)), identity if group[0].model.spec in marked else group[0].model.spec)
        for identity, group in groups.items()
    ]


def _without_repeats(records: Sequence[Record]) -> Iterator[Record]:
    """Leave out further seeds of the same samples, as of a file: they are no repetition of anything."""
    seen: set[tuple[str, str]] = set()
    for record in sorted(records, key=lambda record: record.seed):
        samples = (record.fold, record.samples.sha256 if record.samples else "")
        if not samples[1] or samples not in seen:
            yield record
        seen.add(samples)


def _check_comparable(metric: str, scored: Sequence[tuple[Record, Score]]) -> None:
    """Refuse to put numbers side by side that were made by different rules or on different data."""
    for record, score in scored[1:]:
        first, reference = scored[0]
        # older records do not name all settings
        common = score.settings.keys() & reference.settings.keys()
        if score.version != reference.version:
            what = f"versions of the metric {metric!r}"
        elif any(_canonical(score.settings[key]) != _canonical(reference.settings[key]) for key in common):
            what = f"settings of the metric {metric!r}"
        elif record.dataset.checksum != first.dataset.checksum:
            what = "versions of the data"
        else:
            continue
        raise StoreError(
            f"Records of {record.dataset.identity!r} come from different {what} ({first.model.spec} and "
            f"{record.model.spec}); they are not put into one table. Run the older ones again, or name the models by "
            "--models."
        )


def _row(group: _Group, column: _Column, quantity: str, across: str, view: _View) -> Row:
    cells = [record for record in group.records if across != "examples" or record.fold == view.folds[0]]
    scored = [(r, score) for r in cells if (score := column.find(r)) is not None and quantity in score.values]
    expected = group.seeds * (1 if across == "examples" else len(view.folds))
    status, reason = _status(cells, [record for record, _ in scored], expected, group.seeds)
    mean, error = _published(group.records[0], column.metric, quantity, view.protocol)
    first = group.records[0]
    row = Row(
        first.protocol, first.dataset.identity, group.title, column.title, quantity, seeds=group.seeds, status=status,
        reason=reason, published_mean=mean, published_standard_error=error,
    )  # fmt: skip
    used = _whole_runs(scored) if across == "seeds" else scored
    if not used:
        return row._replace(status="failed", reason=reason or "there is no whole run")
    values = [(record, score.values[quantity]) for record, score in used]
    summary = _summary(values, across)
    tested = sum({record.fold: len(value.per_example) for record, value in values}.values())
    findings: dict[str, Finding] = {}
    for finding in (finding for _, score in used for finding in score.findings):
        findings.setdefault(finding.code, finding)
    return row._replace(
        value=summary.mean,
        unit=values[0][1].unit,
        standard_error=summary.standard_error_unbiased if across == "seeds" else summary.standard_error,
        standard_error_unbiased=summary.standard_error_unbiased,
        n_test=tested or None,
        n_samples=max((record.samples.n for record, _ in used if record.samples), default=None),
        seeds=len({record.seed for record, _ in used}),
        findings=tuple(findings.values()),
        settings=_canonical(used[0][1].settings),
        mixed=tuple(_mixed([record for record, _ in used])),
    )


def _status(cells: Sequence[Record], scored: Sequence[Record], expected: int, seeds: int) -> tuple[str, str]:
    done = {record.place for record in scored}
    without = [record for record in cells if record.place not in done]
    failed = [record for record in without if record.status == "failed"]
    reason = failed[0].reason if failed else "not computed; run again"
    if not scored:
        return "failed", reason if without else "the first fold has not been run"
    if failed:
        return f"partial: {len(failed)} of {expected} cells failed", reason
    if without:
        return f"partial: {len(without)} of {expected} cells lack it", reason
    if len(scored) < expected:
        what = "folds" if seeds == 1 else "cells"
        return f"partial: {len(scored)} of {expected} {what}", f"the other {what} have not been run"
    return "done", ""


def _whole_runs(scored: Sequence[tuple[Record, Score]]) -> list[tuple[Record, Score]]:
    """Those from seeds that have all folds: means over different folds are not compared."""
    folds: dict[int, set[str]] = {}
    for record, _ in scored:
        folds.setdefault(record.seed, set()).add(record.fold)
    every = set().union(*folds.values())
    return [(record, score) for record, score in scored if folds[record.seed] == every]


def _published(record: Record, metric: str, quantity: str, protocol: Protocol) -> tuple[float, float]:
    """The published value of the Parzen log-likelihood and its error, for installed models.

    A user's file, class or data may well be called what a published one is called; theirs have marks.
    """
    name = record.model.spec.partition("[")[0].strip()
    published = None if record.model.mark else protocol.find_published(name, record.dataset.identity)
    if published is None or metric != _PARZEN or quantity not in ("", _LIKELIHOOD, _GRID + _LIKELIHOOD):
        return math.nan, math.nan
    return published.mean, published.standard_error


def _mixed(records: Sequence[Record]) -> Iterator[str]:
    """In what the cells of a row differ, of what may change their numbers."""
    places = [record.provenance for record in records]
    places += [record.training.provenance for record in records if record.training]
    for fact in ("device_name", "processor", "threads"):
        found = {str(place[fact]) for place in places if place.get(fact)}
        if len(found) > 1:
            yield f"{fact.replace('_', ' ')} ({', '.join(sorted(found))})"
    if len({_canonical(record.model.hyperparameters) for record in records}) > 1:
        yield "hyper-parameters"
    if len({_canonical(record.model.depends_on) for record in records if record.model.depends_on}) > 1:
        yield "the model's source"


def _summary(values: Sequence[tuple[Record, Value]], across: str) -> MeanWithError:
    if across == "examples":
        return _over_examples([value for _, value in values])
    groups: dict[Any, list[float]] = {}
    for record, value in values:
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
