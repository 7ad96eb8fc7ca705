"""Cells run one after the other, and records as they compare."""

from __future__ import annotations

import json

from ganbench.experiment.plan import plan_cells
from ganbench.experiment.progress import Silence
from ganbench.experiment.run import run_cells


def run_serially(request, store):
    return list(run_cells(plan_cells(request), store, "cpu", Silence()))


def without_times(record) -> dict:
    content = json.loads(record.to_json())
    del content["timing"]
    return content
