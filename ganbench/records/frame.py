"""Records as a pandas frame: one row for each value that a table prints."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganbench.choices import Bandwidth
from ganbench.errors import StoreError, UsageError
from ganbench.metrics.metric import Finding
from ganbench.protocols import DatasetPlan, Protocol, Published
from ganbench.records.ladder import ABOVE_TRAINING_IMAGES, exceeds
from ganbench.records.record import EXACT, Record, Score
from ganbench.records.row import Row, to_frame
from ganbench.records.summary import error_part, spread, summarize, summarize_findings

if TYPE_CHECKING:
    import pandas

__all__ = [
    "PARZEN",
    "PARZEN_QUANTITIES",
    "is_shown",
    "published_fields",
    "score_frame",
    "score_rows",
    "why_incomparable",
    "without_repeats",
]

PARZEN, _LIKELIHOOD, _GRID = "parzen", "mean_log_likelihood", "grid_"
PARZEN_QUANTITIES = (_LIKELIHOOD, _GRID + _LIKELIHOOD)
"""Published values are of this metric, and stand beside these of its quantities."""


def score_frame(records: Iterable[Record], protocol: Protocol, **view: Any) -> pandas.DataFrame:
    """`score_rows` as a pandas frame; the columns are those of `Row`."""
    return to_frame(score_rows(records, protocol, **view))


def score_rows(
    records: Iterable[Record],
    protocol: Protocol,
    *,
    models: Collection[str] = (),
    datasets: Collection[str] = (),
    metrics: Sequence[str] = (),
    bandwidth: Bandwidth | None = None,
    every_value: bool = False,
    ladder: bool = True,
) -> list[Row]:
    """One row per data set, model, metric, quantity and kind of standard error.

    The kinds, for a quantity that is a mean over test examples (others have the first row with their own error):

    - *examples*: the first fold; a test example's value is averaged over seeds first;
    - *folds*: the fold means, averaged over seeds first;
    - *seeds* (where there are several): the means of whole runs, with n - 1 in the variance, and how far another
      training may lie from their mean.

    Args:
        records: All records of the protocol: what is not shown tells how many folds there are, and the first one.
        protocol: The protocol.
        models: Names, specs or identities of the models that are shown; all by default.
        datasets: Names or identities of the data sets that are shown; all by default.
        metrics: Names of metrics to show besides those of the protocol's table.
        bandwidth: "grid" shows the Parzen estimate at the optimum of the coarse grid, "refined" that of the second
            search; by default the refined one where there is one.
        every_value: All quantities of each metric, not the first only.
        ladder: Whether references are shown that are not among `models`.

    Raises:
        UsageError: A refined bandwidth is asked for and was not searched for.
        StoreError: Records are of another protocol, or those of one data set come from different settings of a metric,
            or from different data.
    """
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
        shown = [record for record in of_dataset if is_shown(record, models, datasets, ladder=ladder)]
        real = [r for r in of_dataset if r.model.reference and r.model.spec == protocol.ladder.real_data]
        folds = sorted({record.fold for record in of_dataset}, key=lambda name: (len(name), name))
        plan = protocol.plan_of(identity) or DatasetPlan(name=identity)
        for column in _columns(shown, protocol, plan, metrics):
            rows.extend(_rows(shown, column, _View(protocol, plan, tuple(folds), bandwidth, every_value, tuple(real))))
    return rows


@dataclass(frozen=True)
class _View:
    """What is asked for, and what is known of the data set."""

    protocol: Protocol
    plan: DatasetPlan
    folds: tuple[str, ...]
    bandwidth: Bandwidth | None
    every_value: bool
    real: tuple[Record, ...]

    def quantities(self, scores: Sequence[Score]) -> list[str]:
        """Which values of a metric are shown."""
        if not scores:
            return [""]
        headline, names = scores[0].headline, dict.fromkeys(name for score in scores for name in score.values)
        if scores[0].metric == PARZEN and self.bandwidth and _GRID + headline not in names:
            if self.bandwidth == "refined":
                raise UsageError("No refined bandwidth was searched for; only that of the grid can be shown.")
        elif scores[0].metric == PARZEN and self.bandwidth == "grid":
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


def is_shown(record: Record, models: Collection[str], datasets: Collection[str], *, ladder: bool = True) -> bool:
    """Whether a record is of one of the models and of one of the data sets; of any, where none are named.

    With `ladder` a reference is shown whatever models are named; without, where it is named.
    """
    model, data = record.model, record.dataset
    named = bool({model.name, model.spec, model.identity} & set(models))
    of_model = named or (ladder if model.reference else not models)
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
    if PARZEN in chosen and EXACT in known:
        chosen.insert(chosen.index(PARZEN) + 1, EXACT)
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
    _check_comparable(scored)
    scores = [score for _, score in scored]
    for group in _groups(records, view.protocol):
        if column.metric == EXACT and not any(column.find(record) for record in group.records):
            continue  # it has no density
        kinds = [*view.plan.standard_error_across, *(["seeds"] if group.seeds > 1 else [])]
        for quantity in view.quantities(scores):
            typical = next((score.values[quantity] for score in scores if quantity in score.values), None)
            for kind in kinds:
                across = typical.across if typical and not typical.per_example and kind == "examples" else kind
                row = _row(group, column, quantity, kind, view)._replace(standard_error_across=across)
                yield row._replace(
                    findings=(*row.findings, *_above_training_images(row, group, column, quantity, view))
                )


def _above_training_images(row: Row, group: _Group, column: _Column, quantity: str, view: _View) -> Iterator[Finding]:
    """Whether the likelihood of a model exceeds that of training images in place of its samples."""
    if row.reference or column.metric != PARZEN or quantity not in PARZEN_QUANTITIES:
        return
    model, real = (
        [(r, score) for r in records if (score := column.find(r)) is not None and quantity in score.values]
        for records in (group.records, view.real)
    )
    across, within = row.standard_error_across, view.protocol.judgement.within
    if exceeds(model, real, quantity, across=across, first_fold=view.folds[0], within=within):
        yield ABOVE_TRAINING_IMAGES


def _groups(records: Sequence[Record], protocol: Protocol) -> list[_Group]:
    """By model, titled by their specs, with a mark where several share one or the protocol has a model called so."""
    groups = _grouped(records, lambda record: record.model.identity)
    specs = [group[0].model.spec for group in groups.values()]
    taken = {name.partition("[")[0] for name in (*protocol.models, *protocol.titles)}
    marked = {spec for spec in specs if specs.count(spec) > 1 or spec.partition("[")[0] in taken}
    return [
        _Group(tuple(without_repeats(group)), identity if group[0].model.spec in marked else group[0].model.spec)
        for identity, group in groups.items()
    ]


def without_repeats(records: Sequence[Record]) -> Iterator[Record]:
    """Leave out further seeds of the same samples, as of a file: they are no repetition of anything."""
    seen: set[tuple[str, str]] = set()
    for record in sorted(records, key=lambda record: record.seed):
        samples = (record.fold, record.samples.sha256 if record.samples else "")
        if not samples[1] or samples not in seen:
            yield record
        seen.add(samples)


def why_incomparable(first: tuple[Record, Score], second: tuple[Record, Score]) -> str:
    """In what two scores of one metric differ, of the rules that they were made by and of the data; or nothing."""
    (record, score), (other, reference) = second, first
    # older records do not name all settings
    common = score.settings.keys() & reference.settings.keys()
    if score.version != reference.version:
        return f"versions of the metric {score.metric!r}"
    if any(_canonical(score.settings[key]) != _canonical(reference.settings[key]) for key in common):
        return f"settings of the metric {score.metric!r}"
    return "versions of the data" if record.dataset.checksum != other.dataset.checksum else ""


def _check_comparable(scored: Sequence[tuple[Record, Score]]) -> None:
    """Refuse to put numbers side by side that were made by different rules or on different data."""
    for record, score in scored[1:]:
        what = why_incomparable(scored[0], (record, score))
        if what:
            raise StoreError(
                f"Records of {record.dataset.identity!r} come from different {what} ({scored[0][0].model.spec} and "
                f"{record.model.spec}); they are not put into one table. Run the older ones again, or name the models "
                "by --models."
            )


def _row(group: _Group, column: _Column, quantity: str, across: str, view: _View) -> Row:
    cells = [record for record in group.records if across != "examples" or record.fold == view.folds[0]]
    scored = [(r, score) for r in cells if (score := column.find(r)) is not None and quantity in score.values]
    expected = group.seeds * (1 if across == "examples" else len(view.folds))
    status, reason = _status(cells, [record for record, _ in scored], expected, group.seeds)
    published = _published(group.records[0], column.metric, quantity, view.protocol)
    first = group.records[0]
    row = Row(
        first.protocol, first.dataset.identity, group.title, column.title, quantity, seeds=group.seeds, status=status,
        reason=reason, reference=first.model.reference, fold=_one_fold(across, view.folds), **published,
    )  # fmt: skip
    used = _whole_runs(scored) if across == "seeds" else scored
    if not used:
        return row._replace(status="failed", reason=reason or "there is no whole run")
    values = [(record, score.values[quantity]) for record, score in used]
    summary = summarize(values, across)
    tested = sum({record.fold: len(value.per_example) for record, value in values}.values())
    error_samples = error_part(used, quantity, "samples")
    spread_of_seeds: dict[str, Any] = (
        spread(values, error_samples, view.protocol.judgement.level) if across == "seeds" else {}
    )
    return row._replace(
        error_samples=error_samples,
        error_validation=error_part(used, quantity, "validation examples"),
        warnings=summarize_findings([_of_samples(record, score) for record, score in used]),
        value=summary.mean,
        unit=values[0][1].unit,
        standard_error=summary.standard_error_unbiased if across == "seeds" else summary.standard_error,
        standard_error_unbiased=summary.standard_error_unbiased,
        n_test=tested or None,
        n_samples=max((record.samples.n for record, _ in used if record.samples), default=None),
        seeds=len({record.seed for record, _ in used}),
        findings=summarize_findings([score.findings for _, score in used]),
        settings=_canonical(used[0][1].settings),
        mixed=tuple(_mixed([record for record, _ in used])),
        **spread_of_seeds,
    )


def _one_fold(across: str, folds: Sequence[str]) -> str:
    """The fold that a value is of, where there are others."""
    return folds[0] if across == "examples" and len(folds) > 1 else ""


def _of_samples(record: Record, score: Score) -> list[Finding]:
    """Warnings of other metrics and of what was made of samples from elsewhere; and what is to be said of the data."""
    findings = list(record.samples.findings) if record.samples else []
    others = [other for other in record.scores if other.metric != score.metric]
    findings += [finding for other in others for finding in other.findings if finding.about == "samples"]
    return [*(finding for finding in findings if finding.severity == "warning"), *record.dataset.findings]


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


def _published(record: Record, metric: str, quantity: str, protocol: Protocol) -> dict[str, Any]:
    """The published value of the Parzen log-likelihood, for installed models.

    A user's file, class or data may well be called what a published one is called; theirs have marks.
    """
    name = record.model.spec.partition("[")[0].strip()
    published = None if record.model.mark else protocol.find_published(name, record.dataset.identity)
    if published is None or metric != PARZEN or quantity not in ("", *PARZEN_QUANTITIES):
        return {}
    return published_fields(published)


def published_fields(published: Published) -> dict[str, Any]:
    """What a row has of a published value."""
    error = published.standard_error
    return {
        "published_mean": published.mean,
        "published_standard_error": math.nan if error is None else error,
        "protocol_differences": published.differences,
        "source": ", ".join(
            part for part in (published.source, published.address, "from memory" * published.recalled) if part
        ),
    }


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
