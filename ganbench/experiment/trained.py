"""The trained model of a cell or a record, from its checkpoint."""

from __future__ import annotations

from typing import Any

from ganbench.errors import ModelError, StoreError
from ganbench.experiment.plan import Cell, Request, make_plan
from ganbench.experiment.training import CHECKPOINT_FORMAT
from ganbench.protocols import load_protocol, protocol_names
from ganbench.records.record import Record
from ganbench.records.store import Store
from ganbench.registry.models import ModelObject, ModelSource

__all__ = ["planned_again", "trained_model"]


def trained_model(what: Record | Cell, store: Store, *, data_root: str | None = None, device: str = "cpu") -> Any:
    """The model as it was when its samples were drawn: at the end of its training, or at the epoch that was selected.

    Args:
        what: A record, or the cell that it is of.
        store: The results folder with its checkpoint.
        data_root: Where data sets lie, for a record; GANBENCH_DATA or the user's cache by default.
        device: Where the model is to live.

    Raises:
        StoreError: The cell has not been run, its checkpoint is not there or is of another moment, or the present code
            would train another model.
        ModelError: They are samples from elsewhere, or the model cannot be built.
        UsageError: The record's model is not known here, as one of a file that lies in some other folder.
    """
    cell = what if isinstance(what, Cell) else _cell_of(what, store, data_root)
    label = f"{cell.variant.label} on {cell.data.name}, {cell.split.name}, seed {cell.seed}"
    if not isinstance(cell.model, ModelSource | ModelObject):
        raise ModelError(f"{label}: these are samples; there is no model of them.")
    record = what if isinstance(what, Record) else store.find_record(cell.protocol.name, cell.place)
    if record is None or record.training is None:
        raise StoreError(f"{label} has not been run.")
    path, state = store.checkpoint_path(cell.train_key), store.read_checkpoint(cell.train_key, device)
    if state is None:
        raise StoreError(f"The checkpoint of {label} is not there ({path}). Run it again with --fresh.")
    if (state["format"], state["epochs"]) != (CHECKPOINT_FORMAT, record.training.epochs):
        raise StoreError(
            f"{path} has format {state['format']} and {state['epochs']} epochs; the samples of {label} were "
            f"drawn after {record.training.epochs}. Run it again with --fresh."
        )
    model = cell.model.build(cell.dataset.event_shape, device, cell.variant.hyperparameters)
    selected = state["selection"]["best"] if cell.selection is not None else None
    model.load_state_dict(selected or state["model"])
    return model


def planned_again(
    record: Record, store: Store, data_root: str | None = None, *, model: str = "", dataset: str = ""
) -> Cell | None:
    """The cell in the place of a record, as the present code and data plan it; None if there is none any more.

    `model` and `dataset` are specs in place of the record's, which does not know the folder of a file; the file of own
    data is known where the protocol names it.

    Raises:
        StoreError: Its data are not here.
        UserError: It cannot be planned, as where the file of its model has gone.
    """
    stored = None if record.protocol in protocol_names() else store.read_protocol(record.protocol)
    protocol = stored or load_protocol(record.protocol)
    of_protocol = protocol.plan_of(record.dataset.identity)
    request = Request(
        protocol,
        models=(model or record.model.spec,),
        datasets=(dataset or (of_protocol.name if of_protocol else record.dataset.name),),
        seeds=(record.seed,),
        data_root=data_root,
    )
    plan = make_plan(request)
    for missing in plan.unavailable:
        raise StoreError(f"{missing.name} is not here. {missing.reason}")
    return next((cell for cell in plan.cells if cell.place == record.place), None)


def _cell_of(record: Record, store: Store, data_root: str | None) -> Cell:
    """The cell that would make the record again, if it would make the same samples."""
    cell = planned_again(record, store, data_root)
    epochs = record.training.epochs if record.training is not None else 0
    if (
        cell is None
        or record.samples is None
        or record.samples.key
        not in (
            cell.samples_key,
            cell.samples_key_after(epochs),
        )
    ):
        raise StoreError(
            f"The record of {' '.join(map(str, record.place))} was made by other code or on other data than are here "
            "now. Run it again."
        )
    return cell
