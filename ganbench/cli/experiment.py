"""What run-all and evaluate have in common: plan, run what is not stored, collect the records."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from ganbench.experiment.plan import Cell, ExperimentRequest, plan_cells
from ganbench.records.record import Place, Record
from ganbench.records.store import Store

__all__ = ["Outcome", "run_experiment"]


@dataclass(frozen=True)
class Outcome:
    """Cells and their records, in the order of the plan, and the places of those that were run now."""

    cells: list[Cell]
    records: list[Record]
    new: frozenset[Place]
    store: Store

    @property
    def exit_code(self) -> int:
        """1 if some cell failed."""
        return int(any(record.status == "failed" for record in self.records))


def run_experiment(request: ExperimentRequest, results: Path, *, device: str, jobs: int | None, quiet: bool) -> Outcome:
    """Plan an experiment, say what is going to happen, run the cells that are not stored.

    Args:
        request: What is asked for.
        results: The results folder.
        device: The device, or "auto".
        jobs: Processes; None for the protocol's choice.
        quiet: Nothing on stderr.
    """
    store = Store(results)
    store.prepare()
    with store.exclusively():
        cells = plan_cells(request)
        stored = [record for cell in cells if (record := cell.stored_record(store))]
        places = {record.place for record in stored}
        pending = [cell for cell in cells if cell.place not in places]
        if not quiet:
            print(describe_plan(request, cells, pending), file=sys.stderr)
        ran = _run(request, pending, store, device=device, jobs=jobs, quiet=quiet)
    records = {record.place: record for record in stored + ran}
    new = frozenset(cell.place for cell in pending)
    return Outcome(cells, [records[cell.place] for cell in cells], new, store)


def _run(
    request: ExperimentRequest, pending: list[Cell], store: Store, *, device: str, jobs: int | None, quiet: bool
) -> list[Record]:
    if not pending:
        return []  # nothing to run: torch is not even imported
    from ganbench.cli.progress import showing_progress
    from ganbench.experiment.run import run_cells, run_cells_in_parallel
    from ganbench.runtime.device import resolve_device, usable_cores

    resolved = resolve_device(device)
    if jobs is None:
        jobs = usable_cores() if request.protocol.process_per_core and resolved == "cpu" else 1
    with showing_progress(len(pending), quiet=quiet, shown=request.protocol.bandwidth_shown) as progress:
        if jobs > 1:
            return list(run_cells_in_parallel(pending, request, store, resolved, jobs, progress))
        return list(run_cells(pending, store, resolved, progress))


def describe_plan(request: ExperimentRequest, cells: list[Cell], pending: list[Cell]) -> str:
    """The plan in words: how many cells, how many stored, how long the rest may take."""
    lines = [
        f"{request.protocol.title}: {len(cells)} cells, {len(cells) - len(pending)} stored, {len(pending)} to run."
    ]
    counts: dict[tuple[str, str], int] = {}
    for cell in pending:
        counts[cell.plan.name, cell.model.spec] = counts.get((cell.plan.name, cell.model.spec), 0) + 1
    lines += [f"  {dataset}: {spec} x {n}" for (dataset, spec), n in counts.items()]
    if pending:
        lines.append(f"Estimated time on two CPU cores: {_estimate(request, pending)}.")
    for problem in dict.fromkeys(cell.problem for cell in cells if cell.problem):
        lines.append(f"Cannot be run: {problem}")
    return "\n".join(lines)


def _estimate(request: ExperimentRequest, pending: list[Cell]) -> str:
    """From the protocol's reference times; trainings that folds share count once."""
    table = request.protocol.seconds_per_cell
    trainings = {cell.train_key: cell for cell in pending if cell.split is not None}.values()
    known = [table.get(c.plan.name, {}).get(c.model.name) for c in trainings if not c.model.settings]
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
