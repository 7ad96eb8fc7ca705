"""Under which conditions cells are run: the device, what is stored, and how long they may take."""

from __future__ import annotations

import time
from dataclasses import dataclass

__all__ = ["Conditions"]


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
