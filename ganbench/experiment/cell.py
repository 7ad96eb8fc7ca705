"""One cell, from training to record."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ganbench.errors import StoreError, UserError, text_of
from ganbench.evaluation import Evaluation
from ganbench.experiment.calling import calling
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.exact import exact_score
from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Progress
from ganbench.experiment.sampling import Drawn, draw_samples, given_samples
from ganbench.experiment.training import train_model
from ganbench.records.provenance import collect_provenance
from ganbench.records.record import Record, SamplesRef, Score, Timing, Training
from ganbench.records.store import Store
from ganbench.registry.metrics import MetricSource
from ganbench.registry.samples import SampleArray, SampleFile
from ganbench.registry.user_files import user_error_place

__all__ = ["failed_record", "run_cell"]

_LONGEST_REASON, _LONGEST_TRACEBACK = 1000, 10_000  # characters


@dataclass
class _Outcome:
    """What has come out of a cell so far; a failure leaves what there is."""

    samples: SamplesRef | None = None
    scores: list[Score] = field(default_factory=list)
    training: Training | None = None
    train_seconds: float | None = None
    sample_seconds: float | None = None
    score_seconds: dict[str, float] = field(default_factory=dict)


def run_cell(cell: Cell, store: Store, conditions: Conditions, progress: Progress) -> Record:
    """Train, sample and score what is not stored; a failure becomes a record with its reason.

    Raises:
        StoreError: A stored file cannot be read or written, which is no fault of the cell's.
    """
    started, outcome, problem = _now(), _Outcome(), ("", "")
    try:
        _measure(cell, store, conditions, progress, outcome)
    except StoreError:
        raise
    except UserError as error:
        problem = text_of(error) or type(error).__name__, ""
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a failure of any kind is a row, with its traceback
        problem = _reason(error), traceback.format_exc()
    return _record(cell, conditions.device, started, outcome, problem)


def failed_record(cell: Cell, device: str, reason: str, traceback: str = "") -> Record:
    """The record of a cell that could not be run."""
    return _record(cell, device, _now(), _Outcome(), (reason, traceback))


def _record(cell: Cell, device: str, started: str, outcome: _Outcome, problem: tuple[str, str]) -> Record:
    reason, traceback_ = map(_cut, problem, (_LONGEST_REASON, _LONGEST_TRACEBACK))
    return Record(
        protocol=cell.protocol.name,
        dataset=cell.data,
        model=cell.model_ref,
        fold=cell.split.name,
        seed=cell.seed,
        status="failed" if reason else "done",
        reason=reason,
        traceback=traceback_,
        samples=outcome.samples,
        scores=tuple(outcome.scores),
        training=outcome.training,
        timing=Timing(started, outcome.train_seconds, outcome.sample_seconds, outcome.score_seconds),
        provenance=collect_provenance(device),
    )


def _cut(text: str, longest: int) -> str:
    """A text of which a record holds no more than the beginning and the end, and no half characters."""
    text = text.encode(errors="replace").decode()
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} [... {len(text) - 2 * half} characters ...] {text[-half:]}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _reason(error: BaseException) -> str:
    place = user_error_place(error)
    return f"{type(error).__name__}: {text_of(error)}" + (f" ({place})" if place else "")


def _measure(cell: Cell, store: Store, conditions: Conditions, progress: Progress, outcome: _Outcome) -> None:
    stored = store.find_record(cell.protocol.name, cell.place)
    drawn, key, model = _samples(cell, store, conditions, progress, outcome, stored)
    outcome.samples = drawn.reference(key)
    if stored is not None and stored.samples is not None and stored.training is not None:
        outcome.training = outcome.training or stored.training
        if stored.training.stopped and stored.samples.key not in ("", key):  # those of a training that has gone on
            store.remove_samples(stored.samples.key)
    known = {score.key: score for score in cell.reusable_scores(stored, outcome.samples)}
    others = cell.scores_of_other_metrics(stored, outcome.samples)
    evaluation = Evaluation(
        drawn.samples, outcome.samples.sha256, cell.split, conditions.device, cell.seed, drawn.chains
    )
    try:
        for metric in cell.metrics_of(outcome.samples):
            score = known.get(cell.score_key(metric, outcome.samples))
            outcome.scores.append(score or _score(cell, metric, evaluation, progress, outcome))
        exact = cell.exact_key(outcome.samples)
        if exact and exact not in known:
            model = model or train_model(cell, store, conditions, progress).model  # from its checkpoint
            known[exact] = exact_score(cell, model, outcome.samples, conditions.device)
        outcome.scores += [known[exact]] if exact else []
    finally:
        outcome.scores += others


def _score(cell: Cell, metric: MetricSource, evaluation: Evaluation, progress: Progress, outcome: _Outcome) -> Score:
    progress.step_started(cell, f"score by {metric.label}")
    begun = time.monotonic()
    with calling(f"The metric {metric.label!r}"):
        score = evaluation.score(metric)
    outcome.score_seconds[metric.label] = time.monotonic() - begun
    return score


def _check_same(stored: Record | None, samples: SamplesRef, store: Store) -> None:
    """Refuse samples of the stored record's key that are not those that it was made of."""
    known = stored.samples if stored is not None else None
    if known is not None and known.key == samples.key and known.sha256 != samples.sha256:
        raise StoreError(
            f"{store.samples_path(samples.key)} holds other numbers than the record was made of. Run with --fresh to "
            "make both again."
        )


def _samples(
    cell: Cell, store: Store, conditions: Conditions, progress: Progress, outcome: _Outcome, stored: Record | None
) -> tuple[Drawn, str, Any]:
    """The samples of a cell, from the store, from their file or from a model; the key of their file; and the model."""
    if isinstance(cell.model, SampleFile | SampleArray):
        return given_samples(cell, cell.model), cell.samples_key, None
    found = store.read_samples(cell.samples_key)
    if found is not None:
        samples, outcome.training = found
        drawn = Drawn(samples, store.read_chains(cell.samples_key))
        _check_same(stored, drawn.reference(cell.samples_key), store)
        return drawn, cell.samples_key, None
    trained = train_model(cell, store, conditions, progress)
    outcome.training, outcome.train_seconds = trained.training, trained.training.seconds
    key = cell.samples_key_after(trained.training.epochs) if trained.training.stopped else cell.samples_key
    progress.step_started(cell, "sample")
    begun = time.monotonic()
    with calling(repr(cell.variant.label)):
        drawn = draw_samples(cell, trained.model, conditions.device, progress)
    outcome.sample_seconds = time.monotonic() - begun
    if drawn.chains is not None:
        store.write_chains(key, drawn.chains)
    store.write_samples(key, drawn.samples, outcome.training)
    return drawn, key, trained.model
