"""Taking cells out of a results folder: their records, and what nothing else there needs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench.errors import StoreError, UnknownNameError, UsageError, UserError
from ganbench.experiment.plan import Cell
from ganbench.experiment.trained import planned_again
from ganbench.files import remove_file
from ganbench.records.record import Record
from ganbench.records.store import Busy, Store

__all__ = ["Removal", "plan_removal"]


@dataclass(frozen=True)
class Removal:
    """What would be removed.

    Attributes:
        store: The results folder.
        records: Of the cells.
        files: All that would go, the records last: what is interrupted can be repeated.
        train_keys: What is locked meanwhile.
        notes: What stays and why, as sentences.
    """

    store: Store
    records: tuple[Record, ...]
    files: tuple[Path, ...]
    train_keys: tuple[str, ...]
    notes: tuple[str, ...]

    def carry_out(self) -> None:
        """Remove the files.

        Raises:
            StoreError: A run computes one of the cells, and nothing was removed; or a file cannot be removed.
        """
        with contextlib.ExitStack() as locks:
            for key in self.train_keys:
                try:
                    locks.enter_context(self.store.lock(key, wait=False))
                except Busy as held:
                    raise StoreError(
                        f"A run is computing one of these cells ({held}); nothing was removed. End it, or wait for it."
                    ) from held
            for path in self.files:
                remove_file(path)


def plan_removal(
    results: str | Path,
    models: Sequence[str],
    *,
    protocol: str | None = None,
    datasets: Collection[str] = (),
    folds: Collection[str] = (),
    seeds: Collection[int] = (),
    data_root: str | Path | None = None,
) -> Removal:
    """Look up all that is stored of some cells; nothing is removed yet.

    Samples and checkpoints that other records share, as folds do, stay.

    Args:
        results: The results folder.
        models: Specs, as tables show them; `adversarial` does not mean `adversarial[epochs=50]`. A model of a file is
            named with its folder, by which its checkpoint is found.
        protocol: Its name; may be left out where only one has records.
        datasets: Only on these; own data by their file, as models.
        folds: Only these.
        seeds: Only these.
        data_root: Where data sets lie, by which checkpoints are found.

    Raises:
        UsageError: There are no such records, or those of several protocols.
        StoreError: The folder cannot be read.
    """
    store = Store(Path(results))
    everything = list(store.records())
    of_protocol = _of_protocol(everything, protocol, results)
    chosen = {
        (record.protocol, record.place): (record, spec)
        for spec in models
        for record in _of_model(spec, of_protocol, results)
        if (not datasets or any(_names_data(name, record) for name in datasets))
        and (not folds or record.fold in folds)
        and (not seeds or record.seed in seeds)
    }
    if not chosen:
        raise UsageError(f"{results} has other data sets, folds or seeds of {', '.join(models)} only.")
    others = [record for record in everything if (record.protocol, record.place) not in chosen]
    cells = [(record, *_planned(record, spec, datasets, store, data_root)) for record, spec in chosen.values()]
    return _removal(store, cells, others)


def _names_data(spec: str, record: Record) -> bool:
    """Whether a name, an identity or the path of a file means the data of a record."""
    return record.dataset.identity == spec or record.dataset.name in (spec, Path(spec.partition("[")[0]).stem)


def _of_model(spec: str, records: Sequence[Record], results: str | Path) -> list[Record]:
    """The records of one model: by its identity, or by its spec, of a file with or without its folder."""
    head, bracket, settings = spec.partition("[")
    names = {spec, f"{Path(head).name}{bracket}{settings}"}
    found = [record for record in records if {record.model.spec, record.model.identity} & names]
    identities = sorted({record.model.identity for record in found})
    if not found:
        known = {record.model.spec for record in records}
        raise UnknownNameError("model", spec, known, f"These have records in {results}.")
    if len(identities) > 1:
        raise UsageError(f"{spec} is several models in {results}. Name one: {', '.join(identities)}.")
    return found


def _of_protocol(records: Sequence[Record], protocol: str | None, results: str | Path) -> list[Record]:
    names = sorted({record.protocol for record in records})
    if not names:
        raise UsageError(f"{results} has no records.")
    if protocol is None and len(names) > 1:
        raise UsageError(f"{results} has records of {', '.join(names)}. Name one by --protocol.")
    if protocol is not None and protocol not in names:
        raise UnknownNameError("protocol", protocol, names, f"These have records in {results}.")
    return [record for record in records if record.protocol == (protocol or names[0])]


def _removal(store: Store, chosen: Sequence[tuple[Record, Cell | None, str]], others: Sequence[Record]) -> Removal:
    """What goes with records, of each its cell or why it is not known, while others stay."""
    files: dict[Path, None] = {}
    keys: dict[str, None] = {}
    notes: dict[str, None] = {}
    needed = {record.samples.key for record in others if record.samples}
    for record, cell, note in chosen:
        label = " ".join(map(str, record.place))
        if note:
            notes[f"{label}: its checkpoint, if there is one, stays: {note}"] = None
        if record.samples and record.samples.key and record.samples.key not in needed:
            samples = store.samples_path(record.samples.key)
            files |= dict.fromkeys([samples, samples.with_suffix(".chains.npz")])
        if cell is not None:
            keys[cell.train_key] = None
            if record.training is None or all(record.training != other.training for other in others):
                files[store.checkpoint_path(cell.train_key)] = None
    for record, *_ in chosen:
        of_record = store.record_path(record.protocol, record.place)
        sheets = store.root / "sheets" / of_record.parent.relative_to(store.root / "records")
        files |= dict.fromkeys(sorted(sheets.glob("*.png")))
    files |= dict.fromkeys(store.record_path(record.protocol, record.place) for record, *_ in chosen)
    there = tuple(path for path in files if path.is_file())
    return Removal(store, tuple(record for record, *_ in chosen), there, tuple(keys), tuple(notes))


def _planned(
    record: Record, model: str, datasets: Collection[str], store: Store, data_root: str | Path | None
) -> tuple[Cell | None, str]:
    """The cell of a record, by which its checkpoint is found; or why it cannot be."""
    dataset = next((spec for spec in datasets if os.sep in spec and _names_data(spec, record)), "")
    root, model = (None if data_root is None else str(data_root)), (model if os.sep in model else "")
    try:
        cell = planned_again(record, store, root, model=model, dataset=dataset)
    except UserError as error:
        return None, str(error)
    if cell is None or (record.samples is not None and record.samples.key and not _is_of(record, cell)):
        return None, "it was made by other code or on other data than are here now."
    return cell, ""


def _is_of(record: Record, cell: Cell) -> bool:
    epochs = record.training.epochs if record.training is not None else 0
    return record.samples is not None and record.samples.key in (cell.samples_key, cell.samples_key_after(epochs))
