"""A plan in words: how many cells, how many stored, how long the rest may take, which data are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.cli.failures import missing_data
from ganbench.errors import printable

if TYPE_CHECKING:
    from ganbench import Cell, Plan

__all__ = ["cell_name", "describe_plan", "in_words"]


def describe_plan(plan: Plan, pending: list[Cell]) -> str:
    """The plan in words."""
    stored = len(plan.cells) - len(pending)
    title = plan.request.protocol.title_on({cell.place.dataset for cell in plan.cells})
    cells = "1 cell" if len(plan.cells) == 1 else f"{len(plan.cells)} cells"
    lines = [f"{title}: {cells}, {stored} stored, {len(pending)} to run."]
    counts: dict[tuple[str, str, str], int] = {}
    for cell in pending:
        preset = cell.variant.preset if cell.variant.preset != cell.data.name else ""
        key = (cell.data.name, cell.variant.label, f" (preset {preset})" if preset else "")
        counts[key] = counts.get(key, 0) + 1
    lines += [f"  {dataset}: {spec}{preset} x {n}" for (dataset, spec, preset), n in counts.items()]
    if pending:
        lines.append(_memory(plan, pending))
        lines.append(f"Estimated time: {_time(plan)}.")
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
        text += f" {cell_name(largest)} may not fit in memory, of which {_bytes(free)} are free: draw fewer samples."
    return text


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def _time(plan: Plan) -> str:
    """How long, where that is known from, and what is not known."""
    seconds, learnt, given, unknown = plan.estimate
    if not learnt and not given:
        return "not known before the first epoch"
    sources = []
    if learnt:
        sources.append("by earlier runs on this machine")
    if given:
        sources.append("by reference times of two CPU cores")
    trainings = "1 training is" if unknown == 1 else f"{unknown} trainings are"
    others = f"; {trainings} not known before the first epoch" if unknown else ""
    return f"about {in_words(seconds)}, {' and '.join(sources)}{others}"


def in_words(seconds: float) -> str:
    """A duration, roughly: "20 s", "5 min", "3 h"."""
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"


def cell_name(cell: Cell) -> str:
    """Data set, model, fold, and the seed where it is not the first."""
    seed = f" seed {cell.seed}" if cell.seed else ""
    return printable(f"{cell.data.name} {cell.variant.label} {cell.split.name}{seed}")
