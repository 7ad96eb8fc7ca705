"""Progress on stderr: bars with the time left on a terminal, lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Progress, Silence
from ganbench.records.record import Record

__all__ = ["showing_progress"]

_SECONDS_BETWEEN_LINES = 60.0


@contextmanager
def showing_progress(total: int, *, quiet: bool, shown: str) -> Iterator[Progress]:
    """A listener that suits stderr; its bars, if it has any, are removed at the end.

    Args:
        total: Number of cells that will run.
        quiet: Show nothing, whatever stderr is.
        shown: "grid" or "refined": the bandwidth of the values that are shown.
    """
    if quiet:
        yield Silence()
    elif not sys.stderr.isatty():
        yield ProgressLines(shown)
    else:
        bars = ProgressBars(total, shown)
        try:
            yield bars
        finally:
            bars.close()


class ProgressLines:
    """A line for every cell that is done, and now and then one for a long training.

    Args:
        shown: See `showing_progress`.
    """

    def __init__(self, shown: str) -> None:
        self._shown, self._cell, self._last = shown, "", time.monotonic()

    def cell_started(self, cell: Cell) -> None:
        """Remember the name of the cell."""
        self._cell = _name(cell)

    def epoch_finished(self, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Write a line, unless there was one lately."""
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            of_total = "" if total is None else f" of {total}"
            values = "".join(f", {name} {value}" for name, value in _first_two(metrics).items())
            self._say(f"{self._cell}: epoch {epoch}{of_total}{values}")

    def step_started(self, step: str) -> None:
        """Do nothing: its end is told soon."""

    def cell_finished(self, record: Record) -> None:
        """Write a line of the outcome."""
        self._say(_outcome(record, self._shown))

    def _say(self, line: str) -> None:
        self._last = time.monotonic()
        print(line, file=sys.stderr, flush=True)


class ProgressBars:
    """One bar for all cells and, inside it, one for the epochs of the cell that is running.

    Args:
        total: See `showing_progress`.
        shown: See `showing_progress`.
    """

    def __init__(self, total: int, shown: str) -> None:
        self._shown = shown
        self._cells = self._bar(total=total, unit="cell", position=0)
        self._epochs: Any = None

    def cell_started(self, cell: Cell) -> None:
        """Name the cell."""
        self._cells.set_description(_name(cell))

    def epoch_finished(self, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Advance the bar of epochs."""
        if self._epochs is None:
            self._epochs = self._bar(total=total, initial=epoch - 1, unit="epoch", position=1, leave=False)
        self._epochs.set_postfix(_first_two(metrics), refresh=False)
        self._epochs.update(epoch - self._epochs.n)

    def step_started(self, step: str) -> None:
        """Show the step in place of the epochs."""
        self._close_epochs()
        self._cells.set_postfix_str(step)

    def cell_finished(self, record: Record) -> None:
        """Advance the bar of cells and write a line of the outcome."""
        self._close_epochs()
        self._cells.write(_outcome(record, self._shown), file=sys.stderr)
        self._cells.update()

    def close(self) -> None:
        """Remove the bars."""
        self._close_epochs()
        self._cells.close()

    def _close_epochs(self) -> None:
        if self._epochs is not None:
            self._epochs.close()
            self._epochs = None

    def _bar(self, **settings: Any) -> Any:
        from tqdm import tqdm

        return tqdm(file=sys.stderr, dynamic_ncols=True, **settings)


def _name(cell: Cell) -> str:
    return f"{cell.plan.name} {cell.model.spec} {cell.fold}"


def _first_two(metrics: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{value:.4g}" for name, value in list(metrics.items())[:2]}


def _outcome(record: Record, shown: str) -> str:
    head = f"{record.dataset} {record.model_spec} {record.fold} seed {record.seed}:"
    if record.status == "failed":
        return f"{head} failed: {record.reason}"
    if not record.likelihood:
        return f"{head} {record.n_samples} samples"
    score = record.likelihood.get(shown) or record.likelihood["grid"]
    value = f"{score['mean_log_likelihood']:.1f} ± {score['standard_error']:.1f}"
    return f"{head} {value} nats at bandwidth {score['bandwidth']:.3f}"
