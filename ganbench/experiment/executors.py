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

from ganbench.errors import StoreError, UserError, WriteError, text_of
from ganbench.experiment.cell import failed_record, run_cell
from ganbench.experiment.conditions import Conditions, TrainingClock
from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Progress, Silence
from ganbench.files import remove_file
from ganbench.records.record import Record
from ganbench.records.store import Busy, Store
from ganbench.runtime.device import limited_threads
from ganbench.runtime.streams import unfailing_streams

__all__ = ["Executor", "Processes", "Serial", "Unit", "estimated_seconds", "forget", "run_unit", "units_of"]

Unit = Sequence[Cell]
"""Cells that share a training."""

_START = "forkserver" if sys.platform == "linux" else "spawn"
"""A server that has imported torch forks the processes, which spares them the import; not safe on other systems."""

_NOT_BEGUN = "The time of the run was over before it began. Run the same command again."

_LATE = (
    "Its training did not stop when its time was over, and its process was ended; does it hang? What it stored is used "
    "when it is run again; an epoch that takes long needs a longer limit."
)

_SECONDS_BETWEEN_EPOCHS = 0.2  # of which another process tells
_SECONDS_BETWEEN_LOOKS = 1.0  # at processes that tell nothing
_SECONDS_TO_END = 1.0
_STARTS, _SECONDS_BETWEEN_STARTS = 3, 0.2

_ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT")
_ENDED = ("idle", "refused", "dead")  # states of a process that does not run its unit any more
_STATES: dict[str, Any] = {"done": "idle", "failed": "idle", "busy": "refused", "dead": "dead"}
"""What a process does after a message."""


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
        remove_file(store.record_path(cell.protocol.name, cell.place))


def run_unit(unit: Unit, store: Store, conditions: Conditions, progress: Progress, *, wait: bool) -> Iterator[Record]:
    """Run the cells of a unit that are still not stored once its lock is held.

    A cell whose turn comes when the time of the run is over, or whose stored files cannot be read, gets a record that
    is not stored: what there is stays for another run, or for the user to look at.

    Raises:
        Busy: Another run holds the lock, and `wait` is false.
        WriteError: A file cannot be written, as on a full disk.
        StoreError: The lock cannot be opened.
    """
    with store.lock(unit[0].train_key, wait=wait):
        if conditions.fresh:
            forget(unit, store)
        for cell in unit:
            try:
                record = _stored_or_run(cell, store, conditions, progress)
            except WriteError:
                raise
            except StoreError as error:
                record = failed_record(cell, conditions.device, str(error))
            progress.cell_finished(record)
            yield record


def _stored_or_run(cell: Cell, store: Store, conditions: Conditions, progress: Progress) -> Record:
    record = store.find_record(cell.protocol.name, cell.place)
    if record is not None and cell.is_answered_by(record):
        return record
    if conditions.is_over:
        return record or failed_record(cell, conditions.device, _NOT_BEGUN)
    progress.cell_started(cell)
    with limited_threads(cell.protocol.threads):
        record = run_cell(cell, store, conditions, progress)
    store.write_record(record)
    return record


class Serial:
    """One unit after the other, in this process, which ends with a model that ends its process."""

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
                except WriteError:
                    raise
                except StoreError as error:  # its lock cannot be opened
                    for cell in unit:
                        record = failed_record(cell, conditions.device, str(error))
                        progress.cell_finished(record)
                        yield record
            units = busy


class Processes:
    """Several units at a time, each in one of so many processes; the longest first, so that all end at about one time.

    A process that ends before its time, or does not stop at it, fails the cell that it was running; another takes its
    place and goes on with the rest of the unit. Ctrl-C reaches this process alone, which ends the others.

    Args:
        jobs: Number of processes; with one, models that crash cost their cells and nothing else.
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
            with _without_main(), _without_working_directory(), _interrupted_later():
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
                    running[worker.connection] = worker
                    worker.start(*queue.pop(0), store, conditions)
                for connection in wait_for_any(list(running), _SECONDS_BETWEEN_LOOKS):
                    worker = running[connection]
                    yield from worker.listen(store, worker.device or conditions.device, progress)
                    if worker.state in _ENDED:
                        del running[connection]
                        queue += worker.left()
                        idle += [worker] if worker.state != "dead" else []
                        free += [worker.device] if worker.state == "dead" and worker.device else []
                for worker in running.values():
                    worker.end_if_late()
        finally:
            with _interrupted_later(*_ENDINGS):
                _end([*idle, *running.values()])


class _Worker:
    """A process, seen from here: it is sent units and sends back what happens to them.

    Args:
        device: Where it computes; empty for what the conditions of the run say.
    """

    def __init__(self, device: str = "") -> None:
        import torch

        self.device = device
        context: Any = multiprocessing.get_context(_START)
        self.connection, there = context.Pipe()
        self._process = context.Process(target=_work, args=(there, torch.get_num_threads()))
        with _without_main(), _interrupted_later():
            _start_process(self._process)
        there.close()
        self.unit: Unit = ()
        self.state: Literal["running", "idle", "refused", "dead"] = "idle"
        self._cells: dict[Any, Cell] = {}
        self._current: Cell | None = None
        self._clock = TrainingClock(Conditions())
        self._is_late = False

    def start(self, unit: Unit, hold: bool, store: Store, conditions: Conditions) -> None:
        """Send a unit."""
        self.unit, self.state, self._current = unit, "running", None
        conditions = replace(conditions, device=self.device or conditions.device)
        self._cells = {cell.place: cell for cell in unit}  # those that have no record yet
        self._clock = TrainingClock(conditions)
        with contextlib.suppress(BrokenPipeError):  # it is dead, as `listen` will find
            self.connection.send((unit, hold, store, conditions))

    def listen(self, store: Store, device: str, progress: Progress) -> Iterator[Record]:
        """Take the next message; the records that it brings.

        Raises:
            WriteError: The process cannot write a file.
        """
        try:
            kind, *content = self.connection.recv()
        except (EOFError, OSError):
            self.connection.close()
            self._process.join()
            kind, content = "dead", [_LATE if self._is_late else _death(self._process.exitcode)]
        if kind == "progress":
            self._hear(content[0], content[1], content[2], progress)
        elif kind == "record":
            del self._cells[content[0].place]
            progress.cell_finished(content[0])
            yield content[0]
        elif kind == "busy":
            progress.waiting(self.unit[0], content[0])
        elif kind == "unwritable":
            raise WriteError(content[0])
        elif kind in ("failed", "dead"):
            yield from self._fail(kind, content, store, device, progress)
        self.state = _STATES.get(kind, self.state)

    def _hear(self, event: str, place: Any, arguments: tuple[Any, ...], progress: Progress) -> None:
        self._current = self._cells[place]
        self._clock.hear(event)
        getattr(progress, event)(self._current, *arguments)

    def _fail(self, kind: str, content: list[str], store: Store, device: str, progress: Progress) -> Iterator[Record]:
        """A failed record of the cell that was run when the process died; or of all cells that have none."""
        of_all = kind == "failed" or self._current is None or self._current.place not in self._cells
        for cell in list(self._cells.values()) if of_all else [self._current]:
            record = failed_record(cell, device, *content)  # type: ignore[arg-type] # a cell where not of all
            del self._cells[record.place]
            store.write_record(record)
            progress.cell_finished(record)
            yield record

    def left(self) -> list[tuple[Unit, bool]]:
        """What is still to be done of its unit, and whether to wait for its lock."""
        if self.state == "refused":
            return [(self.unit, True)]
        return [(list(self._cells.values()), False)] if self.state == "dead" and self._cells else []

    def end_if_late(self) -> None:
        """End a process whose model does not stop when its time is over."""
        if self._clock.is_late():
            self._is_late = True
            self._process.kill()

    def ask_to_end(self) -> None:
        """Ask the process to end, whatever it does: files are whole, and training goes on from its checkpoint."""
        self._process.terminate()

    def end(self, until: float) -> None:
        """See that it has ended by then."""
        self._process.join(max(until - time.monotonic(), 0.0))
        self._process.kill()
        self._process.join()
        self.connection.close()


def _start_process(process: Any) -> None:
    """Start it, also where the server that forks it is ended meanwhile: another then takes the server's place."""
    for left in reversed(range(_STARTS)):
        try:
            return process.start()
        except (EOFError, ConnectionError):
            if not left:
                raise
            time.sleep(_SECONDS_BETWEEN_STARTS)
    return None


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.ask_to_end()
    until = time.monotonic() + _SECONDS_TO_END
    for worker in workers:
        worker.end(until)


def estimated_seconds(unit: Unit) -> float:
    """What a unit takes by the protocol's estimate; infinitely long if there is none."""
    cell = unit[0]
    return cell.protocol.seconds_per_cell.get(cell.data.name, {}).get(cell.model_ref.spec, float("inf"))


def _death(exit_code: int | None) -> str:
    by_signal = exit_code is not None and exit_code < 0
    how = signal.Signals(-exit_code).name if by_signal else f"exit code {exit_code}"  # type: ignore[operator]
    if how in _CRASHES:
        return f"The process that ran it crashed ({how}), in compiled code that it called. The rest went on."
    if not by_signal:
        return f"The model ended the process that ran it ({how}). The rest went on."
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


@contextlib.contextmanager
def _interrupted_later(*others: signal.Signals) -> Iterator[None]:
    """Ctrl-C, and other signals, take effect at the end; a process that is started within does not get them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *others})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(connection: Connection, threads: int) -> None:
    """In a worker: run units until it is ended."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    with unfailing_streams():
        _run_units(connection)


def _run_units(connection: Connection) -> None:
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
        except WriteError as error:
            connection.send(("unwritable", str(error)))
        except UserError as error:
            connection.send(("failed", str(error)))
        except Exception as error:  # noqa: BLE001 - a defect of ours fails its cells, with its traceback
            connection.send(("failed", f"{type(error).__name__}: {text_of(error)}", traceback.format_exc()))


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
