"""Runs `ganbench run-all` again and again in forked processes that are killed, until it finishes.

Forking after the slow imports leaves the time between two kills to the run itself. Arguments: a protocol, a folder, and
"moments" (ten seeded random moments) or "writes" (before and after every file gets its name). `undisturbed/` in the
folder comes from a run that nothing happened to, `killed/` from those that were killed. Prints one JSON line a kill.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

import ganbench.cli.run_all
import ganbench.experiment.run
import ganbench.reports.results  # noqa: F401
from ganbench.cli import main
from ganbench.experiment import training
from ganbench.records.provenance import collect_provenance

_KILLS = 10


def start(protocol: str, results: Path, before_run=None) -> int:
    """Fork a run; `before_run` is called in it."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if before_run:
        before_run()
    how = ["--quiet", "--device", "cpu", "--jobs", "0"]
    os._exit(main(["run-all", "--protocol", protocol, "--results", str(results), *how]))


def finish(pid: int) -> int:
    """The exit code of a run, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def report(results: Path) -> None:
    """What a kill left behind."""
    counts = {
        folder: len([p for p in results.glob(f"{folder}/**/*.*") if not p.name.startswith(".")])
        for folder in ("checkpoints", "samples", "records", "tables")
    }
    print(json.dumps(counts | {"unfinished": len(list(results.rglob(".ganbench-unfinished-*")))}), flush=True)


def kill_at_moments(protocol: str, results: Path, duration: float) -> None:
    """Ten kills, spread over about the time that a run takes."""
    chance = random.Random(3)
    for _ in range(_KILLS):
        pid = start(protocol, results)
        time.sleep(duration * chance.uniform(0.02, 0.16))
        os.kill(pid, signal.SIGKILL)
        if finish(pid) == -signal.SIGKILL:
            report(results)
    code = finish(start(protocol, results))
    if code:
        sys.exit(code)


def kill_at_writes(protocol: str, results: Path) -> None:
    """Kill every run at its second write, before or after it; the first tries whether the folder can be written.

    What says who holds a lock does not count: every run writes it anew. When all cells are stored nothing is tried, and
    the first write is one of a report.
    """
    for attempt in range(1000):
        code = finish(start(protocol, results, lambda before=attempt % 2 == 0: _die_at_second_write(before)))
        if code != -signal.SIGKILL:
            sys.exit(code)
        report(results)


def _die_at_second_write(before: bool) -> None:
    calls, replace = [], os.replace

    def deadly(source, target):
        if str(target).endswith(".holder"):
            return replace(source, target)
        calls.append(target)
        if len(calls) == 1 or not before:
            replace(source, target)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return None

    os.replace = deadly


if __name__ == "__main__":
    protocol, folder, way = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    training.CHECKPOINT_SECONDS = 0.0
    collect_provenance("cpu")
    begun = time.monotonic()
    if finish(start(protocol, folder / "undisturbed")):
        sys.exit("the undisturbed run failed")
    if way == "moments":
        kill_at_moments(protocol, folder / "killed", time.monotonic() - begun)
    else:
        kill_at_writes(protocol, folder / "killed")
