"""What an experiment tells of its progress, and to whom: whoever runs it hands in a listener."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ganbench.experiment.plan import Cell, Plan
from ganbench.records.record import Record

__all__ = ["Progress", "Silence"]


class Progress(Protocol):
    """A listener. Several cells may be running at a time."""

    def planned(self, plan: Plan, pending: list[Cell]) -> None:
        """What is going to happen: of all cells, those that are not stored."""

    def cell_started(self, cell: Cell) -> None:
        """A cell is about to be trained, sampled or scored."""

    def epoch_finished(self, cell: Cell, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """`epoch` of `total` epochs (None: not known) are done; not told of each if there are many."""

    def step_started(self, cell: Cell, step: str) -> None:
        """Sampling or scoring begins."""

    def cell_finished(self, record: Record) -> None:
        """A cell has its record."""

    def waiting(self, cell: Cell, holder: str) -> None:
        """Another run computes the cell; this one waits for it."""

    def finished(self) -> None:
        """All cells are done, or the run ends."""


class Silence:
    """A listener that does nothing."""

    def planned(self, plan: Plan, pending: list[Cell]) -> None:
        """Do nothing."""

    def cell_started(self, cell: Cell) -> None:
        """Do nothing."""

    def epoch_finished(self, cell: Cell, epoch: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Do nothing."""

    def step_started(self, cell: Cell, step: str) -> None:
        """Do nothing."""

    def cell_finished(self, record: Record) -> None:
        """Do nothing."""

    def waiting(self, cell: Cell, holder: str) -> None:
        """Do nothing."""

    def finished(self) -> None:
        """Do nothing."""
