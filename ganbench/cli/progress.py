"""Progress on stderr: the plan, then what every running cell does, as bars on a terminal or as lines in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ganbench.cli.plan_text import cell_name, describe_plan, in_words
from ganbench.errors import printable

if TYPE_CHECKING:
    from ganbench import Cell, Plan, Progress, Record

__all__ = ["progress_on_stderr"]

_SECONDS_BETWEEN_LINES = 60.0
_SECONDS_BETWEEN_TICKS = 1.0
_SECONDS_TO_START = 20.0  # at most, with all imports: what a first epoch took is known only if it is longer


def progress_on_stderr(*, quiet: bool) -> Progress | None:
    """A listener that suits stderr; none if it is to be quiet."""
    if quiet:
        return None
    return ProgressBars() if sys.stderr.isatty() else ProgressLines()


class _Clock:
    """Calls something again and again, in a thread of its own, from `start` to `stop`."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick, self._over = tick, threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to tick."""
        self._over.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is called any more when this returns."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_TICKS):
            self._tick()


@dataclass
class _Work:
    """What one cell does: it trains, then other steps."""

    name: str
    step: str = ""
    since: float = field(default_factory=time.monotonic)
    first_epoch: int = 0
    first_heard: float = 0.0
    is_told: bool = False
    epoch: int = 0
    total: int | None = None
    values: str = ""

    def hear_epoch(self, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """An epoch is done."""
        if not self.first_epoch:
            self.first_epoch, self.first_heard = epoch, time.monotonic()
        self.epoch, self.total = epoch, total
        self.values = "".join(f", {name} {value}" for name, value in _first_two(metrics).items())

    def begin(self, step: str) -> None:
        """Training is over; the same step, further on, goes on since when it began."""
        if self.step.partition(",")[0] != step.partition(",")[0]:
            self.since = time.monotonic()
        self.step = step

    @property
    def seconds_left(self) -> float | None:
        """Of the training, by the epochs since the first; by that one alone if it took longer than to start."""
        if self.step or not self.epoch or self.total is None:
            return None
        if self.epoch > self.first_epoch:
            each = (time.monotonic() - self.first_heard) / (self.epoch - self.first_epoch)
            return (self.total - self.epoch) * each
        first = self.first_heard - self.since
        return (self.total - self.epoch) * first if first >= _SECONDS_TO_START else None

    def line(self) -> str:
        """What it does, in words."""
        passed = in_words(time.monotonic() - self.since)
        if self.step or not self.epoch:
            return f"{self.name}: {self.step or 'first epoch'}, for {passed}"
        of_total = "" if self.total is None else f" of {self.total}"
        left = "" if not self.seconds_left else f", about {in_words(self.seconds_left)} left"
        return f"{self.name}: epoch {self.epoch}{of_total}{self.values}{left}"


class ProgressLines:
    """A line for every cell that is done and, every minute, for each that is running."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._lock = threading.RLock()
        self._works: dict[Any, _Work] = {}  # by the place of the cell
        self._done, self._of = 0, 0
        self._clock = _Clock(self._tell_if_due)

    def planned(self, plan: Plan, pending: list[Cell]) -> None:
        """Write the plan."""
        if plan.cells:
            self._say(describe_plan(plan, pending))
        if pending:
            self._of = len(pending)
            self._clock.start()

    def cell_started(self, cell: Cell) -> None:
        """Remember it."""
        with self._lock:
            self._works[cell.place] = _Work(cell_name(cell))

    def epoch_finished(self, cell: Cell, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Write a line if there was none lately, or if this is what tells that the training will take long."""
        with self._lock:
            work = self._work(cell)
            work.hear_epoch(epoch, total, metrics)
            if not work.is_told and work.seconds_left is not None:
                work.is_told = True
                if work.seconds_left > _SECONDS_BETWEEN_LINES:
                    self._say(work.line())
        self._tell_if_due()

    def step_started(self, cell: Cell, step: str) -> None:
        """Remember it."""
        with self._lock:
            self._work(cell).begin(step)

    def cell_finished(self, record: Record) -> None:
        """Write a line of the outcome."""
        with self._lock:
            self._works.pop(record.place, None)
            self._done += 1
            self._say(_outcome(record))

    def waiting(self, cell: Cell, holder: str) -> None:
        """Write who computes the cell."""
        self._say(f"{cell_name(cell)}: {holder} computes it; going on with others.")

    def finished(self) -> None:
        """Tell no more."""
        self._clock.stop()

    def _work(self, cell: Cell) -> _Work:
        return self._works.setdefault(cell.place, _Work(cell_name(cell)))

    def _tell_if_due(self) -> None:
        with self._lock:
            if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
                lines = [work.line() for work in self._works.values()]
                self._say("\n".join([f"{self._done} of {self._of} cells are done.", *lines]))

    def _say(self, text: str) -> None:
        with self._lock:
            self._last = time.monotonic()
            print(printable(text), file=sys.stderr, flush=True)


class ProgressBars:
    """One bar for all cells and, below it, one for each that is running, whose clocks tick."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._cells: Any = None
        self._bars: dict[Any, Any] = {}  # by the place of the cell
        self._clock = _Clock(self._refresh)

    def planned(self, plan: Plan, pending: list[Cell]) -> None:
        """Write the plan and begin the bar of cells."""
        if plan.cells:
            print(printable(describe_plan(plan, pending)), file=sys.stderr, flush=True)
        if pending:
            self._cells = self._bar(total=len(pending), unit="cell", position=0, desc="cells")
            self._clock.start()

    def cell_started(self, cell: Cell) -> None:
        """Show the cell, whose first epoch may take long."""
        self._show_step(cell, "first epoch")

    def epoch_finished(self, cell: Cell, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Advance the bar of epochs."""
        with self._lock:
            bar = self._bars.get(cell.place)
            if bar is None or bar.unit != "epoch":
                self._close(cell.place)
                bar = self._bar(total=total, initial=epoch - 1, unit="epoch", desc=cell_name(cell), leave=False)
                self._bars[cell.place] = bar
            bar.set_postfix(_first_two(metrics), refresh=False)
            bar.update(epoch - bar.n)

    def step_started(self, cell: Cell, step: str) -> None:
        """Show the step in place of the epochs."""
        self._show_step(cell, step)

    def cell_finished(self, record: Record) -> None:
        """Advance the bar of cells and write a line of the outcome."""
        with self._lock:
            self._close(record.place)
            self._cells.write(printable(_outcome(record)), file=sys.stderr)
            self._cells.update()

    def waiting(self, cell: Cell, holder: str) -> None:
        """Write who computes the cell."""
        with self._lock:
            self._cells.write(f"{cell_name(cell)}: {holder} computes it; going on with others.", file=sys.stderr)

    def finished(self) -> None:
        """Remove the bars."""
        self._clock.stop()
        for place in list(self._bars):
            self._close(place)
        if self._cells is not None:
            self._cells.close()

    def _show_step(self, cell: Cell, step: str) -> None:
        """A line with a clock; the same step, further on, goes on."""
        with self._lock:
            bar = self._bars.get(cell.place)
            what = step.partition(",")[0]
            if bar is None or bar.unit != what:
                self._close(cell.place)
                bar = self._bar(unit=what, bar_format="{desc} [{elapsed}]", desc=cell_name(cell), leave=False)
                self._bars[cell.place] = bar
            bar.set_description_str(printable(f"{cell_name(cell)}: {step}"))

    def _refresh(self) -> None:
        with self._lock:
            for bar in (self._cells, *self._bars.values()):
                bar.refresh()

    def _close(self, place: Any) -> None:
        bar = self._bars.pop(place, None)
        if bar is not None:
            bar.close()

    def _bar(self, **settings: Any) -> Any:
        from tqdm import tqdm

        return tqdm(file=sys.stderr, dynamic_ncols=True, **settings)


def _first_two(metrics: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{value:.4g}" for name, value in list(metrics.items())[:2]}


def _outcome(record: Record) -> str:
    findings = record.samples.findings if record.samples else ()
    return "\n".join([_headline(record), *(f"  {finding.severity}: {finding.text}." for finding in findings)])


def _headline(record: Record) -> str:
    head = f"{record.dataset.name} {record.model.spec} {record.fold} seed {record.seed}:"
    if record.status == "failed":
        return f"{head} failed: {record.reason}"
    if not record.scores:
        return f"{head} {record.samples.n if record.samples else 0} samples"
    score = record.scores[0]
    value = score.values[score.headline]
    number = f"{value.value:.4g}" if value.standard_error is None else f"{value.value:.1f} ± {value.standard_error:.1f}"
    return f"{head} {score.headline.replace('_', ' ')} {number} {value.unit}".rstrip()
