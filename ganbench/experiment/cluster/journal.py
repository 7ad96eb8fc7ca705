"""What has been submitted from a results folder, in the folder itself: `jobs/<submission>/jobs.json`.

It is written before the jobs are submitted and again with their identifiers, so that whoever opens the folder next
finds the jobs that wait or run, at whatever moment the last one was closed.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ganbench.errors import StoreError
from ganbench.experiment.cluster.events import EventReader
from ganbench.experiment.plan import Cell
from ganbench.files import content_key, read_bytes, write_atomically
from ganbench.schema import convert, to_json

__all__ = ["Journal", "Submission", "cell_key"]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    executor: str
    cells: tuple[tuple[str, ...], ...]
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submission:
    """Jobs that were submitted together.

    Attributes:
        folder: Where their logs are; its name is that of the jobs.
        executor: The scheduler's name.
        cells: The keys of the cells of each job.
        ids: The scheduler's identifiers; none if there was no time to write them.
    """

    folder: Path
    executor: str
    cells: tuple[tuple[str, ...], ...]
    ids: tuple[str, ...] = ()

    def events(self, index: int) -> Path:
        """The file of events of a job."""
        return self.folder / f"events-{index}.jsonl"

    def log(self, index: int) -> Path:
        """What a job printed on stderr; the folder if its name is not known."""
        return self.folder / f"{self.ids[index]}_0_log.err" if self.ids else self.folder

    def write(self) -> None:
        """Write it into its folder."""
        entry = _Entry(self.executor, self.cells, self.ids)
        write_atomically(self.folder / "jobs.json", to_json(entry))


@dataclass(frozen=True)
class Journal:
    """The submissions of a results folder."""

    root: Path

    def new(self, executor: str, cells: Iterable[tuple[str, ...]]) -> Submission:
        """A submission under a name of its own."""
        name = f"ganbench-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
        return Submission(self.root / "jobs" / name, executor, tuple(cells))

    def submissions(self, executor: str) -> list[Submission]:
        """All that were made by a scheduler, the oldest first.

        Raises:
            StoreError: A file cannot be read.
        """
        found = (self._read(path) for path in sorted((self.root / "jobs").glob("*/jobs.json")))
        return [submission for submission in found if submission.executor == executor]

    def _read(self, path: Path) -> Submission:
        try:
            entry = convert(msgspec.json.decode(read_bytes(path) or b""), _Entry)
        except ValueError as error:
            raise StoreError(f"{path} cannot be read ({error}). See that no job of it runs, and delete it.") from error
        return Submission(path.parent, entry.executor, entry.cells, entry.ids)

    def tidy(self, submissions: Iterable[Submission], alive: Mapping[Path, object]) -> None:
        """Remove what is left of submissions all of whose jobs have ended and told of no failure."""
        for submission in submissions:
            if submission.folder not in alive and all(_went_well(submission, i) for i in range(len(submission.cells))):
                shutil.rmtree(submission.folder)


def _went_well(submission: Submission, index: int) -> bool:
    told = list(EventReader(submission.events(index)).new())
    finished = [content[0] for event, _, content in told if event == "cell_finished"]
    return len(finished) >= len(submission.cells[index]) and not any(finished)


def cell_key(cell: Cell) -> str:
    """What tells a cell from all others, and from itself with other metrics."""
    return content_key([cell.protocol.name, list(cell.place), cell.samples_key, [m.key for m in cell.metrics]])
