"""Progress bars on stderr, with the time left; silent when stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ganbench.experiment.plan import Cell
from ganbench.records.record import Record

__all__ = ["ProgressBars"]


class ProgressBars:
    """One bar for all cells and, inside it, one for the epochs of the cell that is running.

    Args:
        total: Number of cells that will run.
        quiet: Show nothing, whatever stderr is.
        shown: "grid" or "refined": the bandwidth of the values that are shown.
    """

    def __init__(self, total: int, *, quiet: bool, shown: str) -> None:
        self._off = quiet or not sys.stderr.isatty()
        self._shown = shown
        self._cells = self._bar(total=total, unit="cell", position=0)
        self._epochs: Any = None

    def cell_started(self, cell: Cell) -> None:
        """Name the cell."""
        self._cells.set_description(f"{cell.plan.name} {cell.model.spec} {cell.fold}")

    def epoch_finished(self, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Advance the bar of epochs."""
        if self._epochs is None:
            self._epochs = self._bar(total=total, initial=epoch - 1, unit="epoch", position=1, leave=False)
        self._epochs.set_postfix({name: f"{value:.4g}" for name, value in list(metrics.items())[:2]}, refresh=False)
        self._epochs.update(epoch - self._epochs.n)

    def step_started(self, step: str) -> None:
        """Show the step in place of the epochs."""
        self._close_epochs()
        self._cells.set_postfix_str(step)

    def cell_finished(self, record: Record) -> None:
        """Advance the bar of cells and write a line of the outcome."""
        self._close_epochs()
        self._cells.write(_outcome(record, self._shown), file=sys.stderr) if not self._off else None
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

        return tqdm(file=sys.stderr, disable=self._off, dynamic_ncols=True, **settings)


def _outcome(record: Record, shown: str) -> str:
    head = f"{record.dataset} {record.model_spec} {record.fold} seed {record.seed}:"
    if record.status == "failed":
        return f"{head} failed: {record.reason}"
    if not record.likelihood:
        return f"{head} {record.n_samples} samples"
    score = record.likelihood.get(shown) or record.likelihood["grid"]
    value = f"{score['mean_log_likelihood']:.1f} ± {score['standard_error']:.1f}"
    return f"{head} {value} nats at bandwidth {score['bandwidth']:.3f}"
