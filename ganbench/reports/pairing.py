"""From the records of models to values of the same test examples, side by side; or the reason why they are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganbench.errors import StoreError, UsageError
from ganbench.records.frame import why_incomparable, without_repeats
from ganbench.records.record import Record, Score

__all__ = ["Candidate", "Measured", "Quantity", "matched_quantities"]


class Candidate(NamedTuple):
    """A model to compare: what it is called, and its records."""

    label: str
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Measured:
    """A model's values.

    Attributes:
        label: Of the model.
        per_example: `[n]`, of every test example, trainings averaged, fold after fold.
        runs: `[trainings]`, the mean over test examples from every seed that has all folds.
        folds: `[folds]`, the mean of every fold.
        is_trained: Whether the samples come from a training; nothing is known of others.
        has_fold_trainings: Whether every fold has a training of its own.
    """

    label: str
    per_example: np.ndarray
    runs: np.ndarray
    folds: np.ndarray
    is_trained: bool
    has_fold_trainings: bool


@dataclass(frozen=True)
class Quantity:
    """One value of a metric on one data set, for all models that have it.

    Attributes:
        dataset: Identity of the data set.
        metric: Name of the metric.
        name: Which of its values.
        unit: Its unit.
        is_headline: Whether it is the value whose direction the metric states.
        models: At least two.
        notes: What was left out, and why.
    """

    dataset: str
    metric: str
    name: str
    unit: str
    is_headline: bool
    models: tuple[Measured, ...]
    notes: tuple[str, ...] = ()


class _Cell(NamedTuple):
    """A score in its record."""

    record: Record
    score: Score


def matched_quantities(
    candidates: Sequence[Candidate], metrics: Sequence[str] = (), *, every_value: bool = False
) -> list[Quantity]:
    """All quantities with values of single test examples that at least two models have.

    Args:
        candidates: The models.
        metrics: Only these metrics, by name; all by default.
        every_value: All such values of a metric, not its first only.

    Raises:
        StoreError: Records differ in protocol, data, test examples, number of samples, or the metric's version or
            settings; or no two models have a data set in common.
        UsageError: A metric is asked for that nobody has, or that has no values of single test examples.
    """
    _check_protocol(candidates)
    found: list[Quantity] = []
    for dataset in dict.fromkeys(record.dataset.identity for c in candidates for record in c.records):
        here = [_on(candidate, dataset) for candidate in candidates]
        here = [candidate for candidate in here if candidate.records]
        if len(here) > 1:
            _check_data(here)
            found += _quantities_on(dataset, here, metrics, every_value)
    if not found:
        raise _nothing_to_compare(candidates, metrics)
    return found


def _on(candidate: Candidate, dataset: str) -> Candidate:
    """A candidate with its finished records on one data set."""
    records = (r for r in candidate.records if r.dataset.identity == dataset and r.scores)
    return candidate._replace(records=tuple(without_repeats(list(records))))


def _check_protocol(candidates: Sequence[Candidate]) -> None:
    protocols = {record.protocol: c.label for c in candidates for record in c.records}
    if len(protocols) > 1:
        named = " and ".join(f"{protocol!r} ({label})" for protocol, label in protocols.items())
        raise StoreError(f"Records of different protocols are not compared: {named}. Run both by one.")


def _check_data(candidates: Sequence[Candidate]) -> None:
    """Refuse what was made from other data, or from another number of samples."""
    first, reference = candidates[0].label, candidates[0].records[0]
    for label, record in ((c.label, record) for c in candidates for record in c.records):
        pair = f"of {first} and of {label} on {record.dataset.name}"
        if record.dataset.checksum != reference.dataset.checksum:
            checksums = f"{reference.dataset.checksum[:8]} and {record.dataset.checksum[:8]}"
            raise StoreError(f"The records {pair} come from different data (checksums {checksums}). Run one again.")
        if record.dataset.findings != reference.dataset.findings:
            raise StoreError(f"The records {pair} treat examples that stand in two parts differently. Run one again.")
        n, n_reference = (r.samples.n if r.samples else 0 for r in (record, reference))
        if n != n_reference:
            raise StoreError(
                f"The records {pair} are of {n_reference} and {n} samples, on whose number scores depend. "
                "Score as many samples of each."
            )


def _quantities_on(
    dataset: str, candidates: Sequence[Candidate], metrics: Sequence[str], every_value: bool
) -> Iterator[Quantity]:
    known = dict.fromkeys(score.metric for c in candidates for record in c.records for score in record.scores)
    for metric in metrics or known:
        cells = {c.label: _cells(c, metric) for c in candidates}
        cells = {label: of_model for label, of_model in cells.items() if of_model}
        if len(cells) < 2:
            continue
        without = tuple(f"{c.label} has no {metric} on {dataset}." for c in candidates if c.label not in cells)
        _check_scores(cells)
        scores = [cell.score for of_model in cells.values() for cell in of_model]
        headline = scores[0].headline
        names = dict.fromkeys(name for score in scores for name in score.values) if every_value else [headline]
        for name in names:
            if all(name in score.values and score.values[name].per_example for score in scores):
                models, notes = _measured(cells, name)
                unit = scores[0].values[name].unit
                yield Quantity(dataset, metric, name, unit, name == headline, models, (*without, *notes))


def _cells(candidate: Candidate, metric: str) -> list[_Cell]:
    return [_Cell(record, score) for record in candidate.records if (score := record.score(metric)) is not None]


def _check_scores(cells: dict[str, list[_Cell]]) -> None:
    """Refuse scores that were made by different rules."""
    (first, reference), *others = [(label, cell) for label, of_model in cells.items() for cell in of_model]
    for label, cell in others:
        what = why_incomparable(reference, cell)
        if what:
            raise StoreError(
                f"The records of {first} and of {label} on {cell.record.dataset.name} come from different {what}. "
                "Run the older ones again."
            )


def _measured(cells: dict[str, list[_Cell]], name: str) -> tuple[tuple[Measured, ...], list[str]]:
    """The models on the folds that all of them have."""
    folds_of = {label: {cell.record.fold for cell in of_model} for label, of_model in cells.items()}
    common, every = set.intersection(*folds_of.values()), set.union(*folds_of.values())
    folds = sorted(common, key=lambda fold: (len(fold), fold))
    where = next(iter(cells.values()))[0].record.dataset.name
    if not folds:
        named = "; ".join(f"{label}: {', '.join(sorted(folds))}" for label, folds in folds_of.items())
        raise StoreError(f"The records on {where} have no fold in common ({named}). Run the missing ones.")
    notes = []
    if common != every:
        notes.append(f"On {where}, compared on {', '.join(folds)} only: not all models have the other folds.")
    _check_examples(cells, folds, name)
    models = []
    for label, of_model in cells.items():
        runs = _whole_runs(of_model, folds)
        if not runs:
            raise StoreError(f"{label} has no seed with all of {', '.join(folds)} on {where}. Run the missing ones.")
        if len(runs) < len({cell.record.seed for cell in of_model}):
            notes.append(f"Seeds of {label} that lack a fold are left out.")
        models.append(_of_model(label, runs, name))
    return tuple(models), notes


def _check_examples(cells: dict[str, list[_Cell]], folds: Sequence[str], name: str) -> None:
    for fold in folds:
        sizes = {
            len(cell.score.values[name].per_example): label
            for label, of_model in cells.items()
            for cell in of_model
            if cell.record.fold == fold
        }
        if len(sizes) > 1:
            named = " and ".join(f"{size} ({label})" for size, label in sorted(sizes.items()))
            raise StoreError(f"The numbers of test examples differ in {fold}: {named}. Score them on the same ones.")


def _whole_runs(cells: Sequence[_Cell], folds: Sequence[str]) -> list[list[_Cell]]:
    """By seed, the cells of all folds in their order."""
    by_place = {(cell.record.seed, cell.record.fold): cell for cell in cells}
    seeds = sorted({cell.record.seed for cell in cells})
    return [[by_place[seed, f] for f in folds] for seed in seeds if all((seed, f) in by_place for f in folds)]


def _of_model(label: str, runs: Sequence[Sequence[_Cell]], name: str) -> Measured:
    vectors = [[np.array(cell.score.values[name].per_example) for cell in run] for run in runs]
    averaged = [np.mean(of_fold, axis=0) for of_fold in zip(*vectors, strict=True)]
    is_trained = all(cell.record.training is not None for run in runs for cell in run)
    samples = {cell.record.samples.sha256 for cell in runs[0] if cell.record.samples}
    return Measured(
        label=label,
        per_example=np.concatenate(averaged),
        runs=np.array([np.concatenate(run).mean() for run in vectors]),
        folds=np.array([fold.mean() for fold in averaged]),
        is_trained=is_trained,
        has_fold_trainings=is_trained and len(samples) == len(runs[0]),
    )


def _nothing_to_compare(candidates: Sequence[Candidate], metrics: Sequence[str]) -> StoreError | UsageError:
    finished = [(c.label, record) for c in candidates for record in c.records if record.scores]
    with_vectors = {
        score.metric for _, record in finished for score in record.scores if score.values[score.headline].per_example
    }
    wanted = [metric for metric in metrics if metric not in with_vectors]
    if wanted:
        return UsageError(
            f"{wanted[0]} cannot be compared pair by pair: no record has its values of single test examples. Metrics "
            f"that have them here: {', '.join(sorted(with_vectors)) or '(none)'}."
        )
    places: dict[str, set[str]] = {c.label: set() for c in candidates}
    for label, record in finished:
        places[label].add(record.dataset.name)
    reasons = {c.label: record.reason for c in candidates for record in c.records if record.reason}
    named = "; ".join(
        f"{label}: {', '.join(sorted(datasets)) or reasons.get(label, 'nothing')}" for label, datasets in places.items()
    )
    return StoreError(f"No two models have a data set in common ({named}). Run them on the same one.")
