"""Executors: where and in which order cells are run.

Cells that share a training are one unit of work and are run under one lock, so that any number of runs may work in one
results folder: each cell is computed once. Units that another run holds are left for the end.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Protocol

from ganbench.errors import StoreError, UserError
from ganbench.experiment.cell import failed_record, run_cell
from ganbench.experiment.plan import Cell, Request, make_plan
from ganbench.experiment.progress import Progress, Silence
from ganbench.records.record import Place, Record
from ganbench.records.store import Busy, Store
from ganbench.runtime.device import limited_threads

__all__ = ["Executor", "Processes", "Serial", "units_of"]

Unit = list[Cell]
"""Cells that share a training."""


class Executor(Protocol):
    """Runs units of work and yields the record of every cell, in any order."""

    def __call__(self, units: Sequence[Unit], store: Store, device: str, progress: Progress) -> Iterator[Record]:
        """Run the units."""
        ...


def units_of(cells: Sequence[Cell]) -> list[Unit]:
    """Group cells by their training, in the order of the plan."""
    units: dict[str, Unit] = {}
    for cell in cells:
        units.setdefault(cell.train_key, []).append(cell)
    return list(units.values())


class Serial:
    """One unit after the other, in this process."""

    def __call__(self, units: Sequence[Unit], store: Store, device: str, progress: Progress) -> Iterator[Record]:
        """Run the units."""
        for wait in (False, True):
            left: list[Unit] = []
            for unit in units:
                try:
                    yield from run_unit(unit, store, device, progress, wait=wait)
                except Busy as busy:
                    progress.waiting(unit[0], str(busy))
                    left.append(unit)
            units = left


@dataclass(frozen=True)
class Processes:
    """Several units at a time, each in a process of its own.

    Every process plans again what it is to run, as arrays are not sent between processes; what has changed meanwhile
    fails its cells and no others.

    Args:
        request: What was asked for.
        jobs: Number of processes.
    """

    request: Request
    jobs: int

    def __call__(self, units: Sequence[Unit], store: Store, device: str, progress: Progress) -> Iterator[Record]:
        """Run the units."""
        context = multiprocessing.get_context("spawn")
        workers = min(self.jobs, len(units))
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
            try:
                for wait in (False, True):
                    futures = {self._submit(pool, unit, store, device, wait): unit for unit in units}
                    units = []
                    for future in as_completed(futures):
                        unit = futures[future]
                        try:
                            yield from _told(future.result(), progress)
                        except Busy as busy:
                            progress.waiting(unit[0], str(busy))
                            units.append(unit)
                        except UserError as error:
                            records = [failed_record(cell, device, str(error)) for cell in unit]
                            for record in records:
                                store.write_record(record)
                            yield from _told(records, progress)
            except BrokenProcessPool as error:
                raise StoreError(
                    f"One of the {workers} processes was ended from outside (is memory short?). What is finished is "
                    "stored: run the same command again, with fewer --jobs."
                ) from error
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _submit(
        self, pool: ProcessPoolExecutor, unit: Unit, store: Store, device: str, wait: bool
    ) -> Future[list[Record]]:
        keys = {cell.place: cell.samples_key for cell in unit}
        return pool.submit(_run_in_worker, self.request, keys, store, device, wait)


def run_unit(unit: Unit, store: Store, device: str, progress: Progress, *, wait: bool) -> Iterator[Record]:
    """Run the cells of a unit that are still not stored once its lock is held.

    Raises:
        Busy: Another run holds the lock, and `wait` is false.
    """
    with store.lock(unit[0].train_key, wait=wait):
        for cell in unit:
            record = store.find_record(cell.protocol.name, cell.place)
            if record is None or not cell.is_answered_by(record):
                progress.cell_started(cell)
                with limited_threads(cell.protocol.threads):
                    record = run_cell(cell, store, device, progress)
                store.write_record(record)
            progress.cell_finished(record)
            yield record


def _told(records: Sequence[Record], progress: Progress) -> Iterator[Record]:
    for record in records:
        progress.cell_finished(record)
        yield record


def _end_with_parent() -> None:
    """In a worker: end when the parent is killed, lest orphans go on beside the run that is started next."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_in_worker(request: Request, keys: dict[Place, str], store: Store, device: str, wait: bool) -> list[Record]:
    """In a worker: plan the unit again and run it, if it is still what was planned.

    Raises:
        StoreError: It is not.
    """
    unit = [cell for cell in _plan_again(request, tuple(keys)) if cell.place in keys]
    if {cell.place: cell.samples_key for cell in unit} != keys:
        raise StoreError("A source, a file or the data changed while the run went on. Run the same command again.")
    return list(run_unit(unit, store, device, Silence(), wait=wait))


def _plan_again(request: Request, places: Sequence[Place]) -> tuple[Cell, ...]:
    """The plan of the data sets that the places are on, without loading others."""
    named = {place.dataset for place in places}
    planned = request.datasets or tuple(plan.name for plan in request.protocol.datasets if plan.default)
    needed = tuple(name for name in planned if name in named) or planned
    return make_plan(replace(request, datasets=needed)).cells
