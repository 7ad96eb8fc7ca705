"""The trained model of a cell or a record, from its complete checkpoint."""

from __future__ import annotations

from typing import Any

from ganbench.errors import ModelError, StoreError
from ganbench.experiment.plan import Cell, Request, make_plan
from ganbench.experiment.training import CHECKPOINT_FORMAT
from ganbench.protocols import load_protocol, protocol_names
from ganbench.records.record import Record
from ganbench.records.store import Store
from ganbench.registry.models import ModelObject, ModelSource

__all__ = ["trained_model"]


def trained_model(what: Record | Cell, store: Store, *, data_root: str | None = None, device: str = "cpu") -> Any:
    """The model as it was when its samples were drawn.

    Args:
        what: A cell, or the record of one.
        store: The results folder with its checkpoint.
        data_root: Where data sets lie, for a record; GANBENCH_DATA or the user's cache by default.
        device: Where the model is to live.

    Raises:
        StoreError: There is no complete checkpoint, or the present code would train another model.
        ModelError: They are samples from elsewhere, or the model cannot be built.
        UsageError: The record's model is not known here, as one of a file that lies in some other folder.
    """
    cell = what if isinstance(what, Cell) else _cell_of(what, store, data_root)
    label = f"{cell.variant.label} on {cell.data.name}, {cell.split.name}, seed {cell.seed}"
    if not isinstance(cell.model, ModelSource | ModelObject):
        raise ModelError(f"{label}: these are samples; there is no model of them.")
    path = store.checkpoint_path(cell.train_key)
    state = store.read_checkpoint(cell.train_key, device)
    if state is None or not state["complete"]:
        found = "is not there" if state is None else f"ends after epoch {state['epochs']}"
        raise StoreError(f"The checkpoint of {label} {found} ({path}). Run it again to train the model to its end.")
    if state["format"] != CHECKPOINT_FORMAT:
        raise StoreError(f"{path} has format {state['format']}, expected {CHECKPOINT_FORMAT}. Delete it and run again.")
    model = cell.model.build(cell.dataset.event_shape, device, cell.variant.hyperparameters)
    model.load_state_dict(state["model"])
    return model


def _cell_of(record: Record, store: Store, data_root: str | None) -> Cell:
    """The cell that would make the record again, if it would make the same samples."""
    stored = None if record.protocol in protocol_names() else store.read_protocol(record.protocol)
    request = Request(
        stored or load_protocol(record.protocol),
        models=(record.model.spec,),
        datasets=(record.dataset.name,),
        seeds=(record.seed,),
        data_root=data_root,
    )
    plan = make_plan(request)
    for dataset in plan.unavailable:
        raise StoreError(f"{dataset.name} is not here. {dataset.reason}")
    cell = next((cell for cell in plan.cells if cell.place == record.place), None)
    if cell is None or record.samples is None or record.samples.key != cell.samples_key:
        raise StoreError(
            f"The record of {' '.join(map(str, record.place))} was made by other code or on other data than are here "
            "now. Run it again."
        )
    return cell
