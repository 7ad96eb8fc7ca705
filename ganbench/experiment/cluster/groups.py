"""Cells put together into jobs, so that none is tiny and all take about equally long."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence

from ganbench.experiment.executors import Unit, estimated_seconds

__all__ = ["group_units"]


def group_units(units: Sequence[Unit], seconds_per_job: float, max_jobs: int) -> list[list[Unit]]:
    """Distribute units over the fewest jobs that take about so long.

    The longest units come first, each to the job that has least: the longest job is within 4/3 of the shortest that is
    possible (R. L. Graham, 1969, https://doi.org/10.1137/0117039).

    Args:
        units: Units of work; those without an estimate count as `seconds_per_job`.
        seconds_per_job: What a job should take.
        max_jobs: How many jobs there may be.

    Returns:
        At least one unit for each job.
    """
    cost = _costs(seconds_per_job)
    ordered = sorted(units, key=cost, reverse=True)
    total = sum(map(cost, ordered))
    wanted = math.ceil(total / seconds_per_job) if seconds_per_job > 0 else len(ordered)
    jobs: list[list[Unit]] = [[] for _ in range(max(1, min(wanted, max_jobs, len(ordered))))]
    loads = [(0.0, 0, index) for index in range(len(jobs))]
    for unit in ordered:
        load, count, index = heapq.heappop(loads)
        jobs[index].append(unit)
        heapq.heappush(loads, (load + cost(unit), count + 1, index))
    return jobs


def _costs(unknown: float) -> Callable[[Unit], float]:
    def cost(unit: Unit) -> float:
        seconds = estimated_seconds(unit)
        return seconds if math.isfinite(seconds) else unknown

    return cost
