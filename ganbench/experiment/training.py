"""Training under the harness: checkpoints, resumption, progress. The model only yields epochs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ganbench.errors import ModelError, StoreError
from ganbench.experiment.calling import calling
from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Progress
from ganbench.records.provenance import collect_provenance
from ganbench.records.store import Store
from ganbench.registry.models import ModelObject, ModelSource
from ganbench.registry.user_files import calling_user_code
from ganbench.runtime.seeding import torch_generator
from ganbench.runtime.state import storable_state
from ganbench.runtime.surroundings import unchanged_surroundings

__all__ = ["TrainedModel", "train_model"]

CHECKPOINT_FORMAT = 1
CHECKPOINT_SECONDS = 5.0
"""Least time between two checkpoints. An interrupted run repeats what came after the last one, to the same bits."""


@dataclass(frozen=True)
class TrainedModel:
    """A model after training, and how it came about.

    Attributes:
        model: The model.
        epochs: Number of epochs.
        metrics: The metrics of the last epoch.
        seconds: Time spent in training, over all runs that took part.
        provenance: Of the run that began the training.
    """

    model: Any
    epochs: int
    metrics: Mapping[str, float]
    seconds: float
    provenance: Mapping[str, Any]


def train_model(cell: Cell, store: Store, device: str, progress: Progress) -> TrainedModel:
    """Train the model of a cell, or go on from its checkpoint, or take it from a complete one.

    Raises:
        ModelError: The model cannot be built, or training diverges.
        StoreError: A checkpoint cannot be read or written, or does not fit the model.
    """
    import torch

    if not isinstance(cell.model, ModelSource | ModelObject):
        raise ModelError(f"{cell.variant.label!r} are samples; there is nothing to train.")
    with calling(repr(cell.variant.label), may_seed=True):
        model = cell.model.build(cell.dataset.event_shape, device, cell.variant.hyperparameters)
    generator = torch_generator(cell.seed_for("train"), device)
    state = store.read_checkpoint(cell.train_key, device)
    if state is None:
        state = _fresh_state(device)
    else:
        _restore(model, generator, state, cell, store)
    if not state["complete"]:
        train = torch.from_numpy(cell.split.train.copy()).to(device)
        with calling_user_code(), unchanged_surroundings(train, cell.split.train) as examine:
            state = _run_epochs(model, train, generator, state, cell, store, progress, examine)
    return TrainedModel(model, state["epochs"], state["metrics"], state["seconds"], state["provenance"])


def _fresh_state(device: str) -> dict[str, Any]:
    provenance = collect_provenance(device)
    return {"epochs": 0, "metrics": {}, "seconds": 0.0, "complete": False, "provenance": provenance}


def _restore(model: Any, generator: Any, state: dict[str, Any], cell: Cell, store: Store) -> None:
    try:
        if state["format"] != CHECKPOINT_FORMAT:
            raise ValueError(f"it has format {state['format']}, expected {CHECKPOINT_FORMAT}")
        model.load_state_dict(state["model"])
        generator.set_state(state["generator"].cpu())
    except Exception as error:
        path = store.checkpoint_path(cell.train_key)
        raise StoreError(
            f"The checkpoint {path} does not fit {cell.variant.label!r} ({type(error).__name__}: {error}). "
            "Delete it to train again from the start."
        ) from error


def _run_epochs(
    model: Any,
    train: Any,
    generator: Any,
    state: dict[str, Any],
    cell: Cell,
    store: Store,
    progress: Progress,
    examine: Callable[[], None],
) -> dict[str, Any]:
    """Exhaust `model.fit`, saving from time to time and at the end, once `examine` finds nothing wrong."""
    total = getattr(model, "total_epochs", None)
    begun = saved = time.monotonic()
    before = state["seconds"]
    for metrics in _epochs(model, train, generator, cell):
        state = {**state, "epochs": state["epochs"] + 1, "metrics": _checked(metrics, cell, state["epochs"] + 1)}
        progress.epoch_finished(cell, state["epochs"], total, state["metrics"])
        if time.monotonic() - saved >= CHECKPOINT_SECONDS:
            state["seconds"] = before + time.monotonic() - begun
            examine()
            _save(model, generator, state, cell, store)
            saved = time.monotonic()
    state = {**state, "seconds": before + time.monotonic() - begun, "complete": True}
    examine()
    _save(model, generator, state, cell, store)
    return state


def _epochs(model: Any, train: Any, generator: Any, cell: Cell) -> Iterator[Mapping[str, float]]:
    epochs = model.fit(train, generator=generator)
    if not isinstance(epochs, Iterator):
        raise ModelError(
            f"{cell.variant.label!r}: fit returned {type(epochs).__name__}; it must be a generator that yields the "
            "metrics of every epoch, as in `yield {'loss': 0.1}`."
        )
    return epochs


def _checked(metrics: Mapping[str, float], cell: Cell, epoch: int) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        raise ModelError(
            f"{cell.variant.label!r}: fit yielded {type(metrics).__name__} after epoch {epoch}; expected a mapping of "
            "named numbers, as in `yield {'loss': 0.1}`."
        )
    values = {str(name): float(value) for name, value in metrics.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise ModelError(
                f"{cell.variant.label!r} diverged: {name} is {value} after epoch {epoch}. Lower its learning rate."
            )
    return values


def _save(model: Any, generator: Any, state: dict[str, Any], cell: Cell, store: Store) -> None:
    model_state = storable_state(model.state_dict())
    content = {**state, "format": CHECKPOINT_FORMAT, "model": model_state, "generator": generator.get_state()}
    store.write_checkpoint(cell.train_key, content)
