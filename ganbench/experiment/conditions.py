"""Under which conditions cells are run: the device, what is stored, and how long they may take."""

from __future__ import annotations

import time
from dataclasses import dataclass

__all__ = ["Conditions", "TrainingClock"]

LEAST_PATIENCE = 60.0
"""Seconds that a training has to end its epoch in when its time is over."""


@dataclass(frozen=True)
class Conditions:
    """What is the same for all cells of a run.

    Attributes:
        device: The device, as `ganbench.runtime.device.resolve_device` returns it.
        fresh: Whether everything is computed again, whatever is stored.
        cell_seconds: How long a cell may train in this run; None for as long as it takes.
        run_until: When no training goes on and no cell is begun any more, by `time.monotonic`; None for never.
    """

    device: str = "cpu"
    fresh: bool = False
    cell_seconds: float | None = None
    run_until: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether no cell is begun any more."""
        return self.run_until is not None and time.monotonic() >= self.run_until

    def training_ends(self) -> float:
        """When a training that begins now must stop, by `time.monotonic`; infinity for never."""
        own = float("inf") if self.cell_seconds is None else time.monotonic() + self.cell_seconds
        return min(own, float("inf") if self.run_until is None else self.run_until)


class TrainingClock:
    """Whether a training that runs elsewhere goes on after its time, by what is heard of it.

    It may take for the epoch that it is in twice as long as its longest one, and at least `LEAST_PATIENCE`.

    Args:
        conditions: They say how long it may take.
    """

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._ends, self._heard, self._longest = float("inf"), 0.0, 0.0

    def hear(self, event: str) -> None:
        """An event of `Progress` has come from there."""
        now = time.monotonic()
        if event == "cell_started":
            self._ends, self._longest = self._conditions.training_ends(), 0.0
        elif event == "step_started":
            self._ends = float("inf")  # it is trained
        else:
            self._longest = max(self._longest, now - self._heard)
        self._heard = now

    def is_late(self) -> bool:
        """Whether its time is over, and no epoch has ended for longer than one may take."""
        patience = max(LEAST_PATIENCE, 2 * self._longest)
        return time.monotonic() >= max(self._ends, self._heard) + patience
