"""Cells run one after the other, and records as they compare."""

from __future__ import annotations

import json

from ganbench.experiment.conditions import Conditions
from ganbench.experiment.executors import Serial, units_of
from ganbench.experiment.plan import make_plan
from ganbench.experiment.progress import Silence


def run_serially(request, store, **how):
    """The records of all cells in the order of the plan, whatever is stored."""
    cells = make_plan(request).cells
    records = {r.place: r for r in Serial()(units_of(cells), store, Conditions(**how), Silence())}
    return [records[cell.place] for cell in cells]


def without_times(record) -> dict:
    content = json.loads(record.to_json())
    content.pop("timing", None)
    content.pop("digest", None)  # of the times, too
    (content.get("training") or {}).pop("seconds", None)
    return content
