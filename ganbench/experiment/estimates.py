"""How long a run may take, by what earlier runs on this machine took.

The rule: a training takes what the newest like it took here, of the same model on the same data with the same
hyper-parameters but for `epochs`, by which it is scaled; sampling and every metric take what they took then. What has
no like is taken from reference times, the protocol's or, for given samples, those of metrics; others are not known.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ganbench.errors import StoreError
from ganbench.experiment.plan import Cell, Estimate
from ganbench.experiment.scoring_time import needs_no_training, seconds_of_scoring
from ganbench.files import file_name, has_file
from ganbench.records.provenance import processor_name
from ganbench.records.record import Record
from ganbench.records.store import Store

__all__ = ["estimate", "seconds_like"]

_LATEST = 6  # records of every model that are read: a learnt time needs few, and folds share one training


def estimate(units: Sequence[Sequence[Cell]], store: Store, device: str, jobs: int) -> Estimate:
    """An estimate for units of work, so many of which run at a time.

    Args:
        units: Cells that are not stored, those that share a training together.
        store: Whose records are learnt from.
        device: As it was asked for; "auto" learns from whatever device was used.
        jobs: How many run at a time; those that are known from the protocol have theirs in its times.
    """
    here = _records_of_this_machine({cell.data.identity for unit in units for cell in unit}, store, device)
    learnt, given = [], []
    for unit in units:
        seconds = seconds_like(unit, here, store)
        reference = unit[0].protocol.seconds_per_cell.get(unit[0].data.name, {}).get(unit[0].variant.label)
        if seconds is not None:
            learnt.append(seconds)
        elif reference is not None:
            given.append(reference)
        elif needs_no_training(unit[0]):
            given.append(sum(map(seconds_of_scoring, unit)))
    side_by_side = max(max(learnt, default=0.0), sum(learnt) / max(jobs, 1))
    unknown = len(units) - len(learnt) - len(given)
    return Estimate(side_by_side + sum(given), len(learnt), len(given), unknown)


def seconds_like(unit: Sequence[Cell], records: Sequence[Record], store: Store) -> float | None:
    """What a unit takes by records of this machine, the newest first; None if none is like it.

    What is drawn already is neither trained nor sampled again.
    """
    cell = unit[0]
    like = [record for record in records if _is_like(record, cell)]
    if not like:
        return None
    exact = [record for record in like if _trains_as_long(record, cell)]
    scores = len(unit) * _scoring_seconds(like, cell)
    if has_file(store.samples_path(cell.samples_key)):
        return scores
    training = _training_seconds((exact or like)[0], cell)
    drawn = next((r.timing.sample_seconds for r in like if r.timing.sample_seconds is not None), 0.0)
    return None if training is None else training + drawn + scores


def _records_of_this_machine(datasets: set[str], store: Store, device: str) -> list[Record]:
    """Records on the data sets that were trained and scored here, the newest first."""
    records = [record for record in _latest_on(datasets, store) if _is_of_here(record, device)]
    return sorted(records, key=lambda record: record.timing.started, reverse=True)


def _latest_on(datasets: set[str], store: Store) -> Iterator[Record]:
    """The latest few of every model; those that cannot be read teach nothing."""
    folders = {file_name(name) for name in datasets}
    try:
        paths = [path for path in store.record_paths() if path.parts[-3] in folders]
    except StoreError:  # the run itself says so, where it matters to it
        return
    for _, of_model in groupby(paths, key=lambda path: path.parent):
        for path in sorted(of_model, key=_modified, reverse=True)[:_LATEST]:
            with contextlib.suppress(StoreError):
                record = store.read_record(path)
                if record is not None and record.status == "done":
                    yield record


def _modified(path: Path) -> float:
    """When a file was written; long ago if another run has removed it."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _is_of_here(record: Record, device: str) -> bool:
    kind = device.partition(":")[0]
    made = [record.provenance, *([record.training.provenance] if record.training else [])]
    return all(
        provenance.get("processor") == processor_name()
        and kind in ("auto", str(provenance.get("device")).partition(":")[0])
        for provenance in made
    )


def _is_like(record: Record, cell: Cell) -> bool:
    """Whether it is of the same work but for the number of epochs."""
    threads = cell.protocol.threads
    return (
        record.dataset.identity == cell.data.identity
        and record.model.name == cell.model_ref.name
        and record.training is not None
        and record.training.epochs > 0
        and (not threads or record.training.provenance.get("threads") == threads)
        and _but_for_epochs(record.model.hyperparameters) == _but_for_epochs(cell.model_ref.hyperparameters)
    )


def _but_for_epochs(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hyperparameters.items() if name != "epochs"}


def _trains_as_long(record: Record, cell: Cell) -> bool:
    stopped = record.training is not None and bool(record.training.stopped)
    return not stopped and record.model.hyperparameters == cell.model_ref.hyperparameters


def _scoring_seconds(like: Sequence[Record], cell: Cell) -> float:
    """What the metrics of a cell take; nothing for those that were never measured."""
    known: dict[str, float] = {}
    for record in reversed(like):
        known |= record.timing.score_seconds
    return sum(known.get(metric.label, 0.0) for metric in cell.metrics)


def _training_seconds(record: Record, cell: Cell) -> float | None:
    """What it took, or as much for each epoch."""
    training = record.training
    if training is None or _trains_as_long(record, cell):
        return training.seconds if training else None
    epochs = cell.model_ref.hyperparameters.get("epochs")
    total = sum(epochs) if isinstance(epochs, list | tuple) else epochs  # of layers or stages
    return training.seconds / training.epochs * total if isinstance(total, int | float) else None
