"""Executors: where and in which order cells are run.

Cells that share a training are one unit of work and are run under one lock, so that any number of runs may work in one
results folder: each cell is computed once. Units that another run holds are left for the end.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for_any
from types import ModuleType
from typing import Any, Literal, Protocol

from ganbench.errors import UserError
from ganbench.experiment.cell import failed_record, run_cell
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Progress, Silence
from ganbench.records.record import Record
from ganbench.records.store import Busy, Store
from ganbench.runtime.device import limited_threads

__all__ = ["Executor", "Processes", "Serial", "Unit", "estimated_seconds", "forget", "run_unit", "units_of"]

Unit = Sequence[Cell]
"""Cells that share a training."""

_START = "forkserver" if sys.platform == "linux" else "spawn"
"""A server that has imported torch forks the processes, which spares them the import; not safe on other systems."""

_NOT_BEGUN = "The time of the run was over before it began. Run the same command again."

_SECONDS_BETWEEN_EPOCHS = 0.2  # of which another process tells


class Executor(Protocol):
    """Runs units of work and yields the record of every cell, in any order."""

    def __call__(
        self, units: Sequence[Unit], store: Store, conditions: Conditions, progress: Progress
    ) -> Iterator[Record]:
        """Run the units."""
        ...


def units_of(cells: Sequence[Cell]) -> list[Unit]:
    """Group cells by their training, in the order of the plan."""
    units: dict[str, list[Cell]] = {}
    for cell in cells:
        units.setdefault(cell.train_key, []).append(cell)
    return list(units.values())


def forget(unit: Unit, store: Store) -> None:
    """Remove all that is stored of the cells of a unit."""
    for cell in unit:
        store.remove(cell.train_key, cell.samples_key)
        store.record_path(cell.protocol.name, cell.place).unlink(missing_ok=True)


def run_unit(unit: Unit, store: Store, conditions: Conditions, progress: Progress, *, wait: bool) -> Iterator[Record]:
    """Run the cells of a unit that are still not stored once its lock is held.

    A cell whose turn comes when the time of the run is over gets a record that is not stored.

    Raises:
        Busy: Another run holds the lock, and `wait` is false.
    """
    with store.lock(unit[0].train_key, wait=wait):
        if conditions.fresh:
            forget(unit, store)
        for cell in unit:
            record = store.find_record(cell.protocol.name, cell.place)
            if record is None or not cell.is_answered_by(record):
                if conditions.is_over:
                    record = record or failed_record(cell, conditions.device, _NOT_BEGUN)
                else:
                    progress.cell_started(cell)
                    with limited_threads(cell.protocol.threads):
                        record = run_cell(cell, store, conditions, progress)
                    store.write_record(record)
            progress.cell_finished(record)
            yield record


class Serial:
    """One unit after the other, in this process."""

    def __call__(
        self, units: Sequence[Unit], store: Store, conditions: Conditions, progress: Progress
    ) -> Iterator[Record]:
        """Run the units."""
        for wait in (False, True):
            busy: list[Unit] = []
            for unit in units:
                try:
                    yield from run_unit(unit, store, conditions, progress, wait=wait)
                except Busy as held:
                    progress.waiting(unit[0], str(held))
                    busy.append(unit)
            units = busy


class Processes:
    """Several units at a time, each in one of so many processes; the longest first, so that all end at about one time.

    A process that ends before its time fails the unit that it was running, and another takes its place. Ctrl-C reaches
    this process alone, which ends the others.

    Args:
        jobs: Number of processes.
        devices: Over which they are spread, where the conditions of the run name more than one.
    """

    def __init__(self, jobs: int, devices: Sequence[str] = ()) -> None:
        self._jobs = jobs
        self._devices = [devices[index % len(devices)] for index in range(jobs)] if devices else []

    @staticmethod
    def prepare() -> None:
        """Begin with the imports that the processes have in common, while this one has other things to do."""
        if _START == "forkserver":
            from multiprocessing.forkserver import ensure_running

            multiprocessing.get_context(_START).set_forkserver_preload(["torch", __name__])
            with _without_main(), _without_working_directory():
                ensure_running()

    def __call__(
        self, units: Sequence[Unit], store: Store, conditions: Conditions, progress: Progress
    ) -> Iterator[Record]:
        """Run the units."""
        longest_first = sorted(units, key=estimated_seconds, reverse=True)
        queue = [(unit, False) for unit in longest_first]  # and whether to wait for its lock
        idle: list[_Worker] = []
        free = list(self._devices)
        running: dict[Any, _Worker] = {}
        try:
            while queue or running:
                while queue and len(running) < self._jobs:
                    worker = idle.pop() if idle else _Worker(free.pop(0) if free else "")
                    worker.start(*queue.pop(0), store, conditions)
                    running[worker.connection] = worker
                for connection in wait_for_any(list(running)):
                    worker = running[connection]
                    yield from worker.listen(store, worker.device or conditions.device, progress)
                    if worker.state != "running":
                        del running[connection]
                        queue += [(worker.unit, True)] if worker.state == "refused" else []
                        idle += [worker] if worker.state != "dead" else []
                        free += [worker.device] if worker.state == "dead" and worker.device else []
        finally:
            for worker in [*idle, *running.values()]:
                worker.end()


class _Worker:
    """A process, seen from here: it is sent units and sends back what happens to them.

    Args:
        device: Where it computes; empty for what the conditions of the run say.
    """

    def __init__(self, device: str = "") -> None:
        self.device = device
        context: Any = multiprocessing.get_context(_START)
        self.connection, there = context.Pipe()
        self._process = context.Process(target=_work, args=(there,))
        with _without_main():
            self._process.start()
        there.close()
        self.unit: Unit = ()
        self.state: Literal["running", "idle", "refused", "dead"] = "idle"
        self._cells: dict[Any, Cell] = {}

    def start(self, unit: Unit, hold: bool, store: Store, conditions: Conditions) -> None:
        """Send a unit."""
        self.unit, self.state = unit, "running"
        conditions = replace(conditions, device=self.device or conditions.device)
        self._cells = {cell.place: cell for cell in unit}  # those that have no record yet
        with contextlib.suppress(BrokenPipeError):  # it is dead, as `listen` will find
            self.connection.send((unit, hold, store, conditions))

    def listen(self, store: Store, device: str, progress: Progress) -> Iterator[Record]:
        """Take the next message; the records that it brings."""
        try:
            kind, *content = self.connection.recv()
        except (EOFError, OSError):
            self.state = "dead"
            self.connection.close()
            self._process.join()
            kind, content = "failed", [_death(self._process.exitcode)]
        if kind == "progress":
            event, place, arguments = content
            getattr(progress, event)(self._cells[place], *arguments)
            return
        if kind == "record":
            del self._cells[content[0].place]
            progress.cell_finished(content[0])
            yield content[0]
            return
        if kind == "busy":
            progress.waiting(self.unit[0], content[0])
        elif kind == "failed":
            for cell in self._cells.values():
                record = failed_record(cell, device, *content)
                store.write_record(record)
                progress.cell_finished(record)
                yield record
        if self.state != "dead":
            self.state = "refused" if kind == "busy" else "idle"

    def end(self) -> None:
        """End the process, whatever it does: files are written whole, and training goes on from its checkpoint."""
        self._process.kill()  # in jobs of a cluster it does not hear SIGTERM
        self._process.join()
        self.connection.close()


def estimated_seconds(unit: Unit) -> float:
    """What a unit takes by the protocol's estimate; infinitely long if there is none."""
    cell = unit[0]
    return cell.protocol.seconds_per_cell.get(cell.data.name, {}).get(cell.model_ref.spec, float("inf"))


def _death(exit_code: int | None) -> str:
    by_signal = exit_code is not None and exit_code < 0
    how = signal.Signals(-exit_code).name if by_signal else f"exit code {exit_code}"  # type: ignore[operator]
    return (
        f"The process that ran it was ended from outside ({how}); is memory short? What is finished is stored: run the "
        "same command again, with fewer --jobs."
    )


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes that are started within do not import the user's script, which would run it again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _without_working_directory() -> Iterator[None]:
    """Pythons that are started within do not import from the working directory, which may hold another `ganbench`."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _work(connection: Connection) -> None:
    """In a worker: run units until it is ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            unit, hold, store, conditions = connection.recv()
            for record in run_unit(unit, store, conditions, _Reporter(connection), wait=hold):
                connection.send(("record", record))
            connection.send(("done",))
        except EOFError:
            return
        except Busy as held:
            connection.send(("busy", str(held)))
        except UserError as error:
            connection.send(("failed", str(error)))
        except Exception as error:  # noqa: BLE001 - a defect of ours fails its cells, with its traceback
            connection.send(("failed", f"{type(error).__name__}: {error}", traceback.format_exc()))


def _end_with_parent() -> None:
    """When the parent is killed, lest orphans go on beside the run that is started next."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class _Reporter(Silence):
    """In a worker: sends what a listener in the parent is to hear, epochs only now and then."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._last = connection, 0.0

    def cell_started(self, cell: Cell) -> None:
        self._send("cell_started", cell)

    def epoch_finished(self, cell: Cell, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_EPOCHS:
            self._last = time.monotonic()
            self._send("epoch_finished", cell, epoch, total, dict(metrics))

    def step_started(self, cell: Cell, step: str) -> None:
        self._send("step_started", cell, step)

    def _send(self, event: str, cell: Cell, *arguments: Any) -> None:
        self._connection.send(("progress", event, cell.place, arguments))
