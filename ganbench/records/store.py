"""The results folder: every file is written whole or not at all, and found again by the content it depends on.

Layout::

    records/<protocol>/<dataset>/<model>/<fold>-seed<seed>.json   one record a cell
    samples/<key>.npz                                             samples
    neighbors/<key>.npz                                           some samples and their nearest training examples
    checkpoints/<key>.pt                                          training state, in progress or complete
    tables/, sheets/                                              what reports make of the records
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.errors import StoreError
from ganbench.files import UNFINISHED, file_name, write_atomically
from ganbench.records.record import NO_FOLD, Record, read_record

__all__ = ["Store"]


_FOLDERS = ("records", "samples", "neighbors", "checkpoints", "tables", "sheets")


def _says_no_data(path: Path) -> bool:
    return path.name.startswith(f"{NO_FOLD}-seed")


@dataclass(frozen=True)
class Store:
    """A results folder."""

    root: Path

    def prepare(self) -> None:
        """Make the folder and see that files can be written to it.

        Raises:
            StoreError: They cannot.
        """
        probe = self.root / ".writable"
        write_atomically(probe, b"")
        probe.unlink(missing_ok=True)

    def _remove_leftovers(self) -> None:
        """Remove the unfinished files of killed runs; without the lock they might be those of a run that goes on."""
        for folder in _FOLDERS:
            for leftover in self.root.glob(f"{folder}/**/{UNFINISHED}*"):
                leftover.unlink(missing_ok=True)

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold the folder for one run at a time; the lock goes with the process, however it ends.

        Whatever a killed run left unfinished is removed.

        Raises:
            StoreError: Another process holds it.
        """
        try:
            import fcntl
        except ImportError:  # no advisory locks on this system
            yield
            return
        with open(self.root / ".lock", "a", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StoreError(
                    f"Another run is using {self.root}. Wait for it, or choose another --results."
                ) from error
            self._remove_leftovers()
            yield

    def record_path(self, protocol: str, dataset: str, model_spec: str, fold: str, seed: int) -> Path:
        """Where the record of a cell lies."""
        parts = (file_name(protocol), file_name(dataset), file_name(model_spec))
        return self.root.joinpath("records", *parts, f"{file_name(fold)}-seed{seed}.json")

    def write_record(self, record: Record) -> None:
        """Store a record in its place, over an earlier one of the same cell.

        The first record of a fold takes the place of the one that says that the data could not be loaded.
        """
        cell = (record.protocol, record.dataset, record.model_spec)
        write_atomically(self.record_path(*cell, record.fold, record.seed), record.to_json().encode())
        if record.fold != NO_FOLD:
            self.record_path(*cell, NO_FOLD, record.seed).unlink(missing_ok=True)

    def read_record(self, path: Path) -> Record | None:
        """The record at `path`, or None where there is none.

        Raises:
            StoreError: The file is no record.
        """
        try:
            return read_record(path.read_text(encoding="utf-8"), str(path))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{path} cannot be read: {error}.") from error

    def records(self, protocol: str | None = None) -> Iterator[Record]:
        """All records, or those of a protocol, in the order of their paths.

        What says that the data could not be loaded is left out where there are records from when they could.
        """
        folder = self.root / "records" / (file_name(protocol) if protocol else "")
        for path in sorted(folder.rglob("*.json")):
            if _says_no_data(path) and not all(map(_says_no_data, path.parent.glob("*.json"))):
                continue
            record = self.read_record(path)
            if record is not None:
                yield record

    def checkpoint_path(self, key: str) -> Path:
        """Where the training state of a key lies."""
        return self.root / "checkpoints" / f"{key[:24]}.pt"

    def write_checkpoint(self, key: str, state: dict[str, Any]) -> None:
        """Store a training state."""
        import torch

        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomically(self.checkpoint_path(key), buffer.getvalue())

    def read_checkpoint(self, key: str, device: str) -> dict[str, Any] | None:
        """The training state of a key, or None where there is none.

        Raises:
            StoreError: The file is there and cannot be read.
        """
        import torch

        path = self.checkpoint_path(key)
        if not path.exists():
            return None
        try:
            return torch.load(path, map_location=device, weights_only=True)
        except Exception as error:
            raise StoreError(
                f"The checkpoint {path} cannot be read ({type(error).__name__}). "
                "Delete it to train again from the start."
            ) from error

    def array_path(self, folder: str, key: str) -> Path:
        """Where the arrays of a key lie; the folder is "samples" or "neighbors"."""
        return self.root / folder / f"{key[:24]}.npz"

    def write_arrays(self, folder: str, key: str, **arrays: np.ndarray) -> None:
        """Store named arrays."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        write_atomically(self.array_path(folder, key), buffer.getvalue())

    def read_arrays(self, folder: str, key: str) -> dict[str, np.ndarray] | None:
        """The stored arrays of a key, or None where there are none.

        Raises:
            StoreError: The file is there and cannot be read.
        """
        path = self.array_path(folder, key)
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                return dict(archive)
        except FileNotFoundError:
            return None
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise StoreError(f"{path} cannot be read ({error}). Delete the file to make it again.") from error
