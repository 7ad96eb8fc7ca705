"""Training under the harness: checkpoints, resumption, progress. The model only yields epochs."""

from __future__ import annotations

import math
import reprlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ganbench.errors import ModelError, StoreError
from ganbench.experiment.calling import calling
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Progress
from ganbench.experiment.selection import EpochSelection
from ganbench.metrics.metric import Curve
from ganbench.records.provenance import collect_provenance
from ganbench.records.record import Training
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
    """A model after training, and what the record says of it."""

    model: Any
    training: Training


def train_model(cell: Cell, store: Store, conditions: Conditions, progress: Progress) -> TrainedModel:
    """Train the model of a cell, or go on from its checkpoint, or take it from a complete one.

    Where the protocol says so, the model comes back as it was at the epoch that was best on validation data.

    Raises:
        ModelError: The model cannot be built, or training diverges.
        StoreError: A checkpoint cannot be read or written, or does not fit the model.
    """
    import torch

    if not isinstance(cell.model, ModelSource | ModelObject):
        raise ModelError(f"{cell.variant.label!r} are samples; there is nothing to train.")
    device = conditions.device
    with calling(repr(cell.variant.label), may_seed=True):
        model = cell.model.build(cell.dataset.event_shape, device, cell.variant.hyperparameters)
    generator = torch_generator(cell.seed_for("train"), device)
    state = store.read_checkpoint(cell.train_key, device)
    if state is None:
        state = _fresh_state(device)
    else:
        _restore(model, generator, state, cell, store)
    selection = _selection(cell, device, state)
    if not (state["complete"] or (selection is not None and selection.patience_is_over)):
        train = torch.from_numpy(cell.split.train.copy()).to(device)
        with calling_user_code(), unchanged_surroundings(train, cell.split.train) as examine:
            training = _Training(cell, model, generator, state, selection, store, progress, examine)
            training.run(train, conditions.training_ends())
            state = training.state
    if selection is not None and selection.best is not None:
        model.load_state_dict(selection.best)
    return TrainedModel(model, _as_recorded(state, selection))


def _fresh_state(device: str) -> dict[str, Any]:
    provenance = collect_provenance(device)
    return {"epochs": 0, "metrics": {}, "curves": {}, "seconds": 0.0, "complete": False, "provenance": provenance}


def _selection(cell: Cell, device: str, state: dict[str, Any]) -> EpochSelection | None:
    """The selection of the best epoch, if the protocol asks for one, as far as it has come."""
    import torch

    rule = cell.selection
    if rule is None:
        return None
    n, valid = cell.protocol.n_samples, torch.tensor(cell.selection_examples, device=device)

    def draw(model: Any, epoch: int) -> torch.Tensor:
        return model.sample(n, generator=torch_generator(cell.seed_for(f"selection at epoch {epoch}"), device))

    return EpochSelection(rule, valid, draw, state.get("selection"))


def _as_recorded(state: dict[str, Any], selection: EpochSelection | None) -> Training:
    curves = {
        name: Curve("epoch", name, tuple(map(float, epochs)), tuple(values))
        for name, (epochs, values) in state.get("curves", {}).items()
    }
    stopped = "" if state["complete"] else "time limit"
    if selection is not None:
        curves["selection"] = selection.curve()
        stopped = "" if selection.patience_is_over else stopped
    return Training(
        epochs=state["epochs"],
        metrics=dict(state["metrics"]),
        curves=curves,
        selected_epoch=None if selection is None else selection.best_epoch,
        stopped=stopped,
        seconds=state["seconds"],
        provenance=dict(state["provenance"]),
    )


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


@dataclass
class _Training:
    """A training under way: `state` is what its checkpoints hold besides the model and the generator."""

    cell: Cell
    model: Any
    generator: Any
    state: dict[str, Any]
    selection: EpochSelection | None
    store: Store
    progress: Progress
    examine: Callable[[], None]

    def run(self, train: Any, until: float) -> None:
        """Exhaust `model.fit`, or stop at the time given, saving from time to time and at the end.

        Before anything is saved, `examine` must find nothing wrong.
        """
        total = getattr(self.model, "total_epochs", None)
        self._begun = saved = time.monotonic()
        self._before = self.state["seconds"]
        complete = True
        for metrics in _epochs(self.model, train, self.generator, self.cell):
            epoch = self.state["epochs"] + 1
            self._take(_checked(metrics, self.cell, epoch), epoch)
            self.progress.epoch_finished(self.cell, epoch, total, self.state["metrics"])
            if self.selection is not None:
                self.selection.look(self.model, epoch, last=epoch == total)
            if (self.selection is not None and self.selection.patience_is_over) or time.monotonic() >= until:
                complete = epoch == total
                break
            if time.monotonic() - saved >= CHECKPOINT_SECONDS:
                self._save(complete=False)
                saved = time.monotonic()
        self._save(complete=complete)

    def _take(self, metrics: dict[str, float], epoch: int) -> None:
        curves = self.state.setdefault("curves", {})
        for name, value in metrics.items():
            epochs, values = curves.setdefault(name, ([], []))
            epochs.append(epoch)
            values.append(value)
        self.state["epochs"], self.state["metrics"] = epoch, metrics

    def _save(self, *, complete: bool) -> None:
        self.state |= {"seconds": self._before + time.monotonic() - self._begun, "complete": complete}
        if self.selection is not None:
            self.state["selection"] = self.selection.state()
        self.examine()
        content = {
            **self.state,
            "format": CHECKPOINT_FORMAT,
            "model": storable_state(self.model.state_dict()),
            "generator": self.generator.get_state(),
        }
        self.store.write_checkpoint(self.cell.train_key, content)


def _epochs(model: Any, train: Any, generator: Any, cell: Cell) -> Iterator[Mapping[str, float]]:
    import torch

    given = {
        need: None if data is None else torch.tensor(data, device=train.device)
        for need, data in cell.reference_data.items()
    }
    epochs = model.fit(train, **given, generator=generator)
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
    values = {str(name): _number(name, value, cell, epoch) for name, value in metrics.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise ModelError(
                f"{cell.variant.label!r} diverged: {name} is {value} after epoch {epoch}. Lower its learning rate."
            )
    return values


def _number(name: Any, value: Any, cell: Cell, epoch: int) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # the last by tensors that hold no one number
        raise ModelError(
            f"{cell.variant.label!r}: fit yielded {name!r}: {reprlib.repr(value)} after epoch {epoch}, which is no "
            f"number ({error}). Yield floats, as in `yield {{'loss': 0.1}}`."
        ) from error
