"""Cells in several processes: the same numbers, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future

import pytest
import torch
from serial_runs import run_serially, without_times

from ganbench.errors import StoreError
from ganbench.experiment import run
from ganbench.experiment.plan import plan_cells
from ganbench.experiment.progress import Silence
from ganbench.experiment.run import run_cells_in_parallel
from ganbench.records.store import Store


def test_two_jobs_give_the_same_numbers(request_toys, store, tmp_path):
    request = request_toys("PixelwiseGaussian", "RaisesInSample", "uniform", seeds=2)
    torch.set_num_threads(1)
    alone = run_serially(request, Store(tmp_path / "alone"))
    cells = plan_cells(request)
    together = list(run_cells_in_parallel(cells, request, store, "cpu", 2, Silence()))
    places = {record.place: without_times(record) for record in together}
    assert set(places) == {cell.place for cell in cells}
    for record in alone:
        expected, found = without_times(record), places[record.place]
        for content in (expected, found, expected["training"], found["training"]):
            content.pop("provenance", None)  # the number of threads
        assert found == expected
    assert len(list(store.records())) == 6


class _OneProcess:
    """A pool that is no pool."""

    def __init__(self, processes, **_):
        assert processes == 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future


def test_threads_do_not_depend_on_how_many_cells_are_left(request_toys, store, monkeypatch):
    # Otherwise a run that is killed before its last cell would not end like one that is not.
    seen = []
    monkeypatch.setattr(run, "ProcessPoolExecutor", _OneProcess)
    monkeypatch.setattr(run, "usable_cores", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", seen.append)
    request = request_toys("PixelwiseGaussian", "uniform")
    (record,) = run_cells_in_parallel(plan_cells(request)[1:], request, store, "cpu", 4, Silence())
    assert (record.model, seen) == ("uniform", [2])


def test_a_worker_that_is_ended_from_outside(request_toys, store):
    request = request_toys("EndsItsProcess")
    with pytest.raises(StoreError, match=r"ended from outside.*run the same command again, with fewer --jobs"):
        list(run_cells_in_parallel(plan_cells(request), request, store, "cpu", 2, Silence()))


_PARALLEL = """
import sys
from ganbench.cli import main
if __name__ == "__main__":
    main(["run-all", "--protocol", sys.argv[1], "--results", sys.argv[2], "--jobs", "2", "--quiet"])
"""


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="counts processes in /proc")
def test_workers_end_with_a_parent_that_is_killed(toy_protocol, toys, tmp_path):
    models = [f"{toys}:PixelwiseGaussian[epochs=1000,seconds=0.05,spread={s}]" for s in (0.1, 0.2)]
    script = tmp_path / "parallel.py"
    script.write_text(_PARALLEL)
    results = tmp_path / "results"
    code = "import ganbench.experiment.training as t; t.CHECKPOINT_SECONDS = 0.1\n"
    (tmp_path / "sitecustomize.py").write_text(code)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, str(script), toy_protocol(models=models), str(results)]
    parent = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        assert _within(40, lambda: len(list(results.glob("checkpoints/*.pt"))) == 2)
        assert len(_session(parent.pid)) > 2
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert _within(10, lambda: not _session(parent.pid))
    finally:
        for pid in [parent.pid] * (parent.poll() is None) + _session(parent.pid):
            os.kill(pid, signal.SIGKILL)
        parent.wait()


def _within(seconds: float, condition) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _session(leader: int) -> list[int]:
    """The processes of a session that are alive, but for its leader."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, _, _, session = file.read().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(session) == leader and int(name) != leader and state != "Z":
            found.append(int(name))
    return found
