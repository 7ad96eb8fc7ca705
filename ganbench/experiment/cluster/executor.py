"""Running cells as jobs: what no job has is submitted, and then this process only collects.

It may be ended and started again at any moment: jobs that wait or run are found by the journal and not submitted twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import msgspec

from ganbench.experiment.cell import failed_record
from ganbench.experiment.cluster.events import EventReader
from ganbench.experiment.cluster.groups import group_units
from ganbench.experiment.cluster.job import make_job
from ganbench.experiment.cluster.journal import Journal, Submission, cell_key
from ganbench.experiment.cluster.schedulers import Scheduler, SchedulerError
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.executors import Unit, forget
from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Progress
from ganbench.protocols import ClusterSettings
from ganbench.records.record import Place, Record
from ganbench.records.store import Store
from ganbench.runtime.device import usable_cores

__all__ = ["Cluster"]

_PATIENCE = 600.0  # seconds for which a scheduler may not answer


class Cluster:
    """An executor that submits units as jobs and yields the records that they write.

    Args:
        scheduler: Where they are submitted.
        settings: What each job asks for.
        jobs: Jobs at a time; the settings' array width by default, the number of cores on this machine.
    """

    def __init__(self, scheduler: Scheduler, settings: ClusterSettings, jobs: int | None = None) -> None:
        self._scheduler, self._jobs = scheduler, jobs
        self._settings = settings

    def __call__(
        self, units: Sequence[Unit], store: Store, conditions: Conditions, progress: Progress
    ) -> Iterator[Record]:
        """Submit and collect.

        Raises:
            SchedulerError: The scheduler refuses a job, or has not answered for ten minutes.
            StoreError: The journal or a record cannot be read or written.
        """
        store = Store(store.root.absolute())
        journal = Journal(store.root)
        with store.lock("jobs", wait=True):
            running = self._running(journal)
            new = self._not_in(running, units, progress)
            if new:
                running.append(self._submit(new, store, journal, conditions))
        cells = {cell_key(cell): cell for unit in units for cell in unit}
        watched = [_Watched(s, i, cells) for s in running for i in range(len(s.cells)) if cells.keys() & {*s.cells[i]}]
        early = True
        try:
            yield from self._collect(watched, store, progress)
            early = False
        except (KeyboardInterrupt, SchedulerError) as error:
            if self._scheduler.name == "slurm":
                error.add_note(f"The jobs go on; their names are {', '.join(s.folder.name for s in running)}.")
            raise
        finally:
            self._scheduler.close(early=early)
        self._running(journal)  # tidies up

    def _running(self, journal: Journal) -> list[Submission]:
        """The submissions of which a job waits or runs; what is left of others is removed."""
        submissions = journal.submissions(self._scheduler.name)
        if not submissions:
            return []
        alive = {folder: True for folder, _ in self._scheduler.alive({s.folder: s.ids for s in submissions})}
        journal.tidy(submissions, alive)
        return [submission for submission in submissions if submission.folder in alive]

    def _not_in(self, running: Sequence[Submission], units: Sequence[Unit], progress: Progress) -> list[Unit]:
        """The units of which no job that waits or runs has all cells."""
        alive = self._scheduler.alive({s.folder: s.ids for s in running}) if running else set()
        holders = {
            key: f"job {submission.ids[index] if submission.ids else submission.folder.name}"
            for submission in running
            for index, keys in enumerate(submission.cells)
            if (submission.folder, index) in alive
            for key in keys
        }
        new = []
        for unit in units:
            if all(cell_key(cell) in holders for cell in unit):
                progress.waiting(unit[0], holders[cell_key(unit[0])])
            else:
                new.append(unit)
        return new

    def _submit(self, units: Sequence[Unit], store: Store, journal: Journal, conditions: Conditions) -> Submission:
        if conditions.fresh:
            for unit in units:
                forget(unit, store)  # here and not in the job, which may be started more than once
        settings = self._settings_for(units)
        groups = group_units(units, 60 * settings.minutes_per_job, settings.max_jobs)
        keys = [tuple(cell_key(cell) for unit in group for cell in unit) for group in groups]
        submission = journal.new(self._scheduler.name, keys)
        submission.write()
        threads = units[0][0].protocol.threads
        workers = max(1, settings.cpus // threads) if threads and not settings.gpus else 1
        kept = Conditions(conditions.device, cell_seconds=conditions.cell_seconds)
        jobs = [make_job(group, store, kept, submission.events(i), workers) for i, group in enumerate(groups)]
        try:
            ids = self._scheduler.submit(jobs, submission.folder, settings)
        except SchedulerError:
            (submission.folder / "jobs.json").unlink()
            raise
        submission = Submission(submission.folder, submission.executor, submission.cells, tuple(ids))
        submission.write()
        return submission

    def _settings_for(self, units: Sequence[Unit]) -> ClusterSettings:
        if self._scheduler.name == "local":  # all jobs start at once
            wanted = {"max_jobs": self._jobs or usable_cores(), "minutes_per_job": 0.0}
        else:
            wanted = {"array_width": self._jobs or self._settings.array_width}
        return msgspec.structs.replace(self._settings, **wanted)

    def _collect(self, watched: list[_Watched], store: Store, progress: Progress) -> Iterator[Record]:
        """Yield the records of cells as jobs tell of them; what a job leaves when it ends has failed."""
        answered = looked = time.monotonic()
        while watched:
            for job in watched:
                yield from job.listen(store, progress)
            watched = [job for job in watched if job.cells]
            if watched and time.monotonic() - looked >= self._settings.poll:
                looked = time.monotonic()
                try:
                    alive = self._scheduler.alive({job.submission.folder: job.submission.ids for job in watched})
                    answered = looked
                except SchedulerError:
                    if looked - answered > _PATIENCE:
                        raise
                    continue
                for job in watched:
                    yield from job.close(store, progress, alive=(job.submission.folder, job.index) in alive)
            if watched:
                time.sleep(min(self._settings.poll, 1.0))


class _Watched:
    """A job that waits or runs, and its cells that have no record yet."""

    def __init__(self, submission: Submission, index: int, cells: dict[str, Cell]) -> None:
        self.submission, self.index = submission, index
        mine = (cells[key] for key in submission.cells[index] if key in cells)
        self.cells: dict[Place, Cell] = {cell.place: cell for cell in mine}
        self._events = EventReader(submission.events(index))
        self._missed, self._reason = 0, ""

    def listen(self, store: Store, progress: Progress) -> Iterator[Record]:
        """What the job has told of since."""
        for event, place, content in self._events.new():
            if event == "job_failed":
                self._reason = content[0]
                continue
            cell = self.cells.get(Place(*place))
            if cell is None:
                continue
            if event == "cell_finished":
                yield self._finish(cell, store, progress, content[0])
            else:
                getattr(progress, event)(cell, *content)

    def close(self, store: Store, progress: Progress, *, alive: bool) -> Iterator[Record]:
        """If the job was found ended twice (one that is queued again may be between), its cells have failed."""
        self._missed = 0 if alive else self._missed + 1
        if self._missed < 2:
            return
        yield from self.listen(store, progress)
        log = self.submission.log(self.index)
        reason = self._reason or "The job ended before this cell was finished; was it cancelled, is memory short?"
        for cell in list(self.cells.values()):
            yield self._finish(cell, store, progress, f"{reason} Its log: {log}")

    def _finish(self, cell: Cell, store: Store, progress: Progress, reason: str) -> Record:
        del self.cells[cell.place]
        record = store.find_record(cell.protocol.name, cell.place)
        if record is None or not (cell.is_answered_by(record) or record.reason == reason):
            record = failed_record(cell, "cpu", reason or "Its record is gone from the results folder. Run again.")
            store.write_record(record)
        progress.cell_finished(record)
        return record
