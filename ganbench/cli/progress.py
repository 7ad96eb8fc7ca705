"""Progress on stderr: the plan, then bars with the time left on a terminal, or lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganbench.cli.failures import missing_data
from ganbench.errors import printable

if TYPE_CHECKING:
    from ganbench import Cell, Plan, Progress, Record

__all__ = ["progress_on_stderr"]

_SECONDS_BETWEEN_LINES = 60.0


def progress_on_stderr(*, quiet: bool) -> Progress | None:
    """A listener that suits stderr; none if it is to be quiet."""
    if quiet:
        return None
    return ProgressBars() if sys.stderr.isatty() else ProgressLines()


class ProgressLines:
    """A line for every cell that is done, and now and then one for a long training."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def planned(self, plan: Plan, pending: list[Cell]) -> None:
        """Write the plan."""
        if plan.cells:
            self._say(describe_plan(plan, pending))

    def cell_started(self, cell: Cell) -> None:
        """Do nothing: its end is told."""

    def epoch_finished(self, cell: Cell, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Write a line, unless there was one lately."""
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            of_total = "" if total is None else f" of {total}"
            values = "".join(f", {name} {value}" for name, value in _first_two(metrics).items())
            self._say(f"{_name(cell)}: epoch {epoch}{of_total}{values}")

    def step_started(self, cell: Cell, step: str) -> None:
        """Do nothing: its end is told soon."""

    def cell_finished(self, record: Record) -> None:
        """Write a line of the outcome."""
        self._say(_outcome(record))

    def waiting(self, cell: Cell, holder: str) -> None:
        """Write who computes the cell."""
        self._say(f"{_name(cell)}: {holder} computes it; going on with others.")

    def finished(self) -> None:
        """Do nothing."""

    def _say(self, line: str) -> None:
        self._last = time.monotonic()
        print(printable(line), file=sys.stderr, flush=True)


class ProgressBars:
    """One bar for all cells and, below it, one for the epochs of each cell that is running."""

    def __init__(self) -> None:
        self._cells: Any = None
        self._epochs: dict[Any, Any] = {}  # by the place of the cell

    def planned(self, plan: Plan, pending: list[Cell]) -> None:
        """Write the plan and begin the bar of cells."""
        if plan.cells:
            print(printable(describe_plan(plan, pending)), file=sys.stderr, flush=True)
        if pending:
            self._cells = self._bar(total=len(pending), unit="cell", position=0)

    def cell_started(self, cell: Cell) -> None:
        """Name the cell."""
        self._cells.set_description(_name(cell))

    def epoch_finished(self, cell: Cell, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Advance the bar of epochs."""
        bar = self._epochs.get(cell.place)
        if bar is None:
            bar = self._epochs[cell.place] = self._bar(
                total=total, initial=epoch - 1, unit="epoch", desc=_name(cell), leave=False
            )
        bar.set_postfix(_first_two(metrics), refresh=False)
        bar.update(epoch - bar.n)

    def step_started(self, cell: Cell, step: str) -> None:
        """Show the step in place of the epochs."""
        self._close_epochs(cell.place)
        self._cells.set_description(_name(cell))
        self._cells.set_postfix_str(step)

    def cell_finished(self, record: Record) -> None:
        """Advance the bar of cells and write a line of the outcome."""
        self._close_epochs(record.place)
        self._cells.write(printable(_outcome(record)), file=sys.stderr)
        self._cells.update()

    def waiting(self, cell: Cell, holder: str) -> None:
        """Write who computes the cell."""
        self._cells.write(f"{_name(cell)}: {holder} computes it; going on with others.", file=sys.stderr)

    def finished(self) -> None:
        """Remove the bars."""
        for place in list(self._epochs):
            self._close_epochs(place)
        if self._cells is not None:
            self._cells.close()

    def _close_epochs(self, place: Any) -> None:
        bar = self._epochs.pop(place, None)
        if bar is not None:
            bar.close()

    def _bar(self, **settings: Any) -> Any:
        from tqdm import tqdm

        return tqdm(file=sys.stderr, dynamic_ncols=True, **settings)


def describe_plan(plan: Plan, pending: list[Cell]) -> str:
    """The plan in words: how many cells, how many stored, how long the rest may take."""
    stored = len(plan.cells) - len(pending)
    lines = [f"{plan.request.protocol.title}: {len(plan.cells)} cells, {stored} stored, {len(pending)} to run."]
    counts: dict[tuple[str, str, str], int] = {}
    for cell in pending:
        preset = cell.variant.preset if cell.variant.preset != cell.data.name else ""
        key = (cell.data.name, cell.variant.label, f" (preset {preset})" if preset else "")
        counts[key] = counts.get(key, 0) + 1
    lines += [f"  {dataset}: {spec}{preset} x {n}" for (dataset, spec, preset), n in counts.items()]
    if pending:
        lines.append(_memory(plan, pending))
        lines.append(f"Estimated time on two CPU cores: {_estimate(plan, pending)}.")
    if plan.unavailable:
        names = ", ".join(dataset.name for dataset in plan.unavailable)
        lines += [f"Not run for want of data: {names}.", missing_data(plan)]
    return "\n".join(lines)


def _memory(plan: Plan, pending: list[Cell]) -> str:
    """How many bytes samples take; and a warning where a cell's do not fit in the memory that is free."""
    largest = max(pending, key=lambda cell: cell.sample_bytes)
    total, free = sum(cell.sample_bytes for cell in pending), plan.free_bytes
    text = f"Samples: {_bytes(total)}; at most {_bytes(largest.sample_bytes)} a cell."
    if free is not None and 2 * largest.sample_bytes > free:  # as they are drawn, and as float32
        text += f" {_name(largest)} may not fit in memory, of which {_bytes(free)} are free: draw fewer samples."
    return text


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def _estimate(plan: Plan, pending: list[Cell]) -> str:
    """From the protocol's reference times; trainings that folds share count once."""
    table = plan.request.protocol.seconds_per_cell
    trainings = {cell.train_key: cell for cell in pending}.values()
    known = [table.get(c.data.name, {}).get(c.variant.label) for c in trainings]
    seconds = sum(s for s in known if s is not None)
    unknown = len(trainings) - sum(s is not None for s in known)
    text = _in_words(seconds)
    if unknown:
        return f"{text} and {unknown} trainings of unknown length" if seconds else "not known"
    return f"about {text}"


def _in_words(seconds: float) -> str:
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _name(cell: Cell) -> str:
    return printable(f"{cell.data.name} {cell.variant.label} {cell.split.name}")


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
