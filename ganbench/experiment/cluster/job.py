"""What a job runs: its cells, in processes of its own, so that the job hears signals and outlives its models."""

from __future__ import annotations

import contextlib
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganbench.errors import UserError
from ganbench.experiment.cluster.events import EventWriter
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.executors import Processes, Unit
from ganbench.records.store import Store
from ganbench.runtime.device import resolve_devices

__all__ = ["Job", "make_job"]


@dataclass(frozen=True)
class Job:
    """A call without arguments that runs units of work, as submitit takes it.

    Attributes:
        cells: The units, pickled: their data are read when the job runs, not when it is unpacked.
        store: The results folder.
        conditions: The device is resolved on the node.
        events: The file of events.
        workers: Cells at a time; at least one for each device.
        path: Where Python finds modules.
    """

    cells: bytes
    store: Store
    conditions: Conditions
    events: Path
    workers: int
    path: tuple[str, ...]

    def __call__(self) -> None:
        """Run the units; the records are in the store then.

        Raises:
            UserError: The cells cannot be read, as when their data have changed.
        """
        sys.path[:] = self.path
        events = EventWriter(self.events)
        try:
            with _deaf_processes():
                Processes.prepare()
            units: Sequence[Unit] = pickle.loads(self.cells)  # our own, from the results folder
            devices = resolve_devices(self.conditions.device)
            processes = Processes(max(self.workers, len(devices)), devices)
            for _ in processes(units, self.store, replace(self.conditions, device=devices[0]), events):
                pass
        except UserError as error:
            events.job_failed(str(error))
            raise
        except Exception as error:
            events.job_failed(f"{type(error).__name__}: {error}")
            raise

    def checkpoint(self) -> Any:
        """What is queued again when the job is preempted or out of time: the same, as all progress is in the store."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def make_job(units: Sequence[Unit], store: Store, conditions: Conditions, events: Path, workers: int) -> Job:
    """A job of units."""
    return Job(pickle.dumps(units), store, conditions, events, workers, tuple(sys.path))


@contextlib.contextmanager
def _deaf_processes() -> Iterator[None]:
    """The server of processes that is started within does not hear what Slurm sends to all processes of a job.

    The job's own process does: it requeues itself, and ends the others.
    """
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # which would let SIGTERM through again
    signals = {signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
