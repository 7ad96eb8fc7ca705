"""What a job tells of its cells: lines of JSON in a file, written in the job, read by whoever collects."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ganbench.errors import StoreError
from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Silence
from ganbench.records.record import Record

__all__ = ["EventReader", "EventWriter"]

_SECONDS_BETWEEN_EPOCHS = 10.0


class EventWriter(Silence):
    """A listener that appends what it hears to a file; a job that is started again appends to the same.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._last = path, 0.0
        self._append(b"\n")  # the last line may have been cut by a kill

    def cell_started(self, cell: Cell) -> None:
        """Write it."""
        self._write("cell_started", cell.place)

    def epoch_finished(self, cell: Cell, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Write it, now and then."""
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_EPOCHS:
            self._last = time.monotonic()
            self._write("epoch_finished", cell.place, epoch, total, dict(metrics))

    def step_started(self, cell: Cell, step: str) -> None:
        """Write it."""
        self._write("step_started", cell.place, step)

    def cell_finished(self, record: Record) -> None:
        """Write the outcome; the record itself is in the store."""
        self._write("cell_finished", record.place, record.reason)

    def job_failed(self, reason: str) -> None:
        """Write why the job could not run its cells."""
        self._write("job_failed", None, reason)

    def _write(self, event: str, place: tuple[Any, ...] | None, *content: Any) -> None:
        self._append(msgspec.json.encode((event, place, content)) + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            with open(self._path, "ab", buffering=0) as file:
                file.write(line)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror or error}.") from error


class EventReader:
    """Reads a file of events from where it stopped the last time.

    Args:
        path: The file, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def new(self) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
        """The events since the last call: name, place of the cell, what else there is. Lines that are cut are left."""
        try:
            with open(self._path, "rb") as file:
                if os.fstat(file.fileno()).st_size <= self._offset:
                    return
                file.seek(self._offset)
                whole = file.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror or error}.") from error
        self._offset += len(whole) + 1 if whole else 0
        for line in filter(None, whole.split(b"\n")):
            try:
                event, place, content = msgspec.json.decode(line)
            except (ValueError, TypeError):
                continue  # a line that a kill cut short
            yield event, place, tuple(content)
