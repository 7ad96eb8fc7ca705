"""How long a plan of 10,000 cells takes, and collecting their records, with the memory; nothing is trained.

The records are those of one cell of digits, written in the place of every other with the keys that it would have.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

_MODELS, _SEEDS = [f"gsn[epochs={epochs}]" for epochs in range(1, 21)], 100  # on five folds
_MEASURE = """
import json, resource, sys, time
import ganbench
from ganbench.experiment.plan import Request, make_plan
begun = time.perf_counter()
if sys.argv[1] == "plan":
    protocol = ganbench.load_protocol("digits")
    cells = make_plan(Request(protocol, models=tuple({models}), seeds=tuple(range({seeds})))).cells
    for cell in cells:
        cell.place, cell.train_key
    number = len(cells)
else:
    run = ganbench.run("digits", models={models}, seeds={seeds}, results="many")
    number = len(run.records) - len(run.new)
assert number == 10_000, number
seconds = time.perf_counter() - begun
if sys.platform == "linux":  # where getrusage counts what the parent had
    with open("/proc/self/status") as file:
        peak = 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, peak]))
"""


def _measured(what: str) -> tuple[float, int]:
    code = _MEASURE.format(models=_MODELS, seeds=_SEEDS)
    done = subprocess.run([sys.executable, "-c", code, what], check=True, capture_output=True, text=True)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


class ManyCells:
    """Numbers to stay below: 5 s and 500 MB for the plan, 30 s for the records."""

    timeout = 1200

    def setup_cache(self):
        import msgspec

        import ganbench
        from ganbench.experiment.plan import Request, make_plan
        from ganbench.records.store import Store

        (record,) = ganbench.run("digits", models="gsn[epochs=1]", results=None, jobs=0).records[:1]
        store = Store(Path("many"))
        store.prepare()
        request = Request(ganbench.load_protocol("digits"), models=tuple(_MODELS), seeds=tuple(range(_SEEDS)))
        for cell in make_plan(request).cells:
            sha256 = hashlib.sha256(repr(cell.place).encode()).hexdigest()
            samples = msgspec.structs.replace(record.samples, sha256=sha256, key=cell.samples_key)
            metrics = cell.metrics_of(samples)
            scores = [
                msgspec.structs.replace(score, key=cell.score_key(metric, samples))
                for score, metric in zip(record.scores, metrics, strict=True)
            ]
            place = {"dataset": cell.data, "model": cell.model_ref, "fold": cell.split.name, "seed": cell.seed}
            changed = msgspec.structs.replace(record, samples=samples, scores=tuple(scores), **place)
            path = store.record_path(changed.protocol, changed.place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(changed.to_json(), encoding="utf-8")

    setup_cache.timeout = 1200

    def track_seconds_of_plan(self):
        return _measured("plan")[0]

    track_seconds_of_plan.unit = "s"

    def track_bytes_of_plan(self):
        return _measured("plan")[1]

    track_bytes_of_plan.unit = "bytes"

    def track_seconds_of_collecting(self):
        return _measured("collect")[0]

    track_seconds_of_collecting.unit = "s"
