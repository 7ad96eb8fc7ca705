"""One cell, from training to record."""

from __future__ import annotations

import hashlib
import time
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ganbench.errors import ModelError, UserError
from ganbench.evaluation import Evaluation, check_samples, fitted_samples
from ganbench.experiment.calling import calling
from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Progress
from ganbench.experiment.training import TrainedModel, train_model
from ganbench.metrics.metric import Finding
from ganbench.records.provenance import collect_provenance
from ganbench.records.record import Record, SamplesRef, Score, Timing, Training
from ganbench.records.store import Store
from ganbench.registry.models import SampleArray, SampleFile
from ganbench.registry.user_files import user_error_place
from ganbench.runtime.seeding import torch_generator

__all__ = ["checked_samples", "failed_record", "given_samples", "run_cell"]


@dataclass
class _Outcome:
    """What has come out of a cell so far; a failure leaves what there is."""

    samples: SamplesRef | None = None
    conversions: tuple[Finding, ...] = ()
    scores: list[Score] = field(default_factory=list)
    training: Training | None = None
    train_seconds: float | None = None
    sample_seconds: float | None = None
    score_seconds: dict[str, float] = field(default_factory=dict)


def run_cell(cell: Cell, store: Store, device: str, progress: Progress) -> Record:
    """Train, sample and score what is not stored; a failure becomes a record with its reason."""
    started, outcome, problem = _now(), _Outcome(), ("", "")
    try:
        _measure(cell, store, device, progress, outcome)
    except UserError as error:
        problem = str(error) or type(error).__name__, ""
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a failure of any kind is a row, with its traceback
        problem = _reason(error), traceback.format_exc()
    return _record(cell, device, started, outcome, problem)


def failed_record(cell: Cell, device: str, reason: str, traceback: str = "") -> Record:
    """The record of a cell that could not be run."""
    return _record(cell, device, _now(), _Outcome(), (reason, traceback))


def _record(cell: Cell, device: str, started: str, outcome: _Outcome, problem: tuple[str, str]) -> Record:
    reason, traceback_ = problem
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _reason(error: BaseException) -> str:
    place = user_error_place(error)
    return f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")


def _measure(cell: Cell, store: Store, device: str, progress: Progress, outcome: _Outcome) -> None:
    stored = store.find_record(cell.protocol.name, cell.place)
    samples = _samples(cell, store, device, progress, outcome)
    sha256 = hashlib.sha256(samples.tobytes()).hexdigest()
    outcome.samples = SamplesRef(len(samples), sha256, cell.samples_key, outcome.conversions)
    if stored is not None and outcome.training is None:
        outcome.training = stored.training
    known = {score.key: score for score in cell.reusable_scores(stored, sha256)}
    others = cell.scores_of_other_metrics(stored, sha256)
    evaluation = Evaluation(samples, sha256, cell.split, device, cell.seed)
    try:
        for metric in cell.metrics:
            score = known.get(cell.score_key(metric, sha256))
            if score is None:
                progress.step_started(cell, metric.label)
                begun = time.monotonic()
                with calling(f"The metric {metric.label!r}"):
                    score = evaluation.score(metric)
                outcome.score_seconds[metric.label] = time.monotonic() - begun
            outcome.scores.append(score)
    finally:
        outcome.scores += others


def _samples(cell: Cell, store: Store, device: str, progress: Progress, outcome: _Outcome) -> np.ndarray:
    """The samples of a cell, from the store, from their file or from the trained model."""
    if isinstance(cell.model, SampleFile | SampleArray):
        samples, outcome.conversions = given_samples(cell, cell.model)
        return samples
    found = store.read_samples(cell.samples_key)
    if found is not None:
        samples, outcome.training = found
        return samples
    trained = train_model(cell, store, device, progress)
    outcome.training = Training(trained.epochs, dict(trained.metrics), trained.seconds, dict(trained.provenance))
    outcome.train_seconds = trained.seconds
    progress.step_started(cell, "sample")
    begun = time.monotonic()
    samples = _draw(cell, trained, device)
    outcome.sample_seconds = time.monotonic() - begun
    store.write_samples(cell.samples_key, samples, outcome.training)
    return samples


def _draw(cell: Cell, trained: TrainedModel, device: str) -> np.ndarray:
    n, label = cell.protocol.n_samples, cell.variant.label
    generator = torch_generator(cell.seed_for("sample"), device)
    with calling(repr(label)):
        samples = trained.model.sample(n, generator=generator)
    if not hasattr(samples, "detach"):
        raise ModelError(f"{label!r}: sample returned {type(samples).__name__}; expected a torch.Tensor.")
    checked = checked_samples(cell, samples)
    if len(checked) != n:
        raise ModelError(f"{label!r}: sample({n}) returned {len(checked)} samples.")
    return checked


def checked_samples(cell: Cell, samples: Any) -> np.ndarray:
    """Samples as float32 `[n, *event_shape]`.

    Raises:
        SampleError: They do not fit the data.
    """
    shape, value_range = cell.dataset.event_shape, cell.dataset.value_range
    return check_samples(samples, event_shape=shape, value_range=value_range, origin=cell.variant.label)


def given_samples(cell: Cell, model: SampleFile | SampleArray) -> tuple[np.ndarray, tuple[Finding, ...]]:
    """Samples of a file or an array as float32 `[n, *event_shape]`, and what was made of them.

    Raises:
        SampleError: They do not fit the data.
    """
    train, value_range = cell.split.train, cell.dataset.value_range
    return fitted_samples(model.read(), train, value_range, cell.variant.label, model.settings)
