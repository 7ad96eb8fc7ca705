"""Cells in several processes, and several runs in one folder: the same numbers, each cell once, nobody left behind."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import msgspec
import numpy as np
import pytest
from filelock import FileLock
from serial_runs import run_serially, without_times

from ganbench.experiment import executors
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.executors import Processes, Serial, units_of
from ganbench.experiment.plan import make_plan
from ganbench.experiment.progress import Silence
from ganbench.records.store import Store


def _in_processes(request, store, progress=None, jobs=2, **how):
    cells = make_plan(request).cells
    return {r.place: r for r in Processes(jobs)(units_of(cells), store, Conditions(**how), progress or Silence())}


def test_two_jobs_give_the_same_numbers(request_toys, store, tmp_path, rulers):
    models = ["PixelwiseGaussian", "RaisesInSample", "uniform"]
    request = request_toys(*models, seeds=2, threads=1, more_metrics=[f"{rulers}:Spread"])
    alone = run_serially(request, Store(tmp_path / "alone"))
    together = _in_processes(request, store)
    assert len(together) == len(alone) == len(list(store.records())) == 6
    for record in alone:
        expected, found = without_times(record), without_times(together[record.place])
        for content in (expected, found):
            content.pop("traceback", None)  # through other frames
        assert found == expected


def test_workers_import_what_is_installed(tmp_path, toys, toy_images):
    """A folder `ganbench` in the working directory is not ours."""
    (tmp_path / "ganbench").mkdir()
    (tmp_path / "ganbench" / "__init__.py").write_text("raise RuntimeError('another ganbench was imported')")
    models = [f"{toys}:uniform", f"{toys}:PixelwiseGaussian"]
    script = tmp_path / "scripts" / "run.py"
    script.parent.mkdir()
    script.write_text(
        "import ganbench\n"
        f"run = ganbench.run(models={models!r}, datasets=[{toy_images!r}], jobs=2)\n"
        "print([record.reason for record in run.records], [record.status for record in run.records])"
    )
    command = [sys.executable, str(script)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.stdout == "['', ''] ['done', 'done']\n", ran.stderr
    assert "another" not in ran.stderr


class Listener(Silence):
    def __init__(self):
        self.heard = []

    def cell_started(self, cell):
        self.heard.append(("started", cell.model.name))

    def epoch_finished(self, cell, epoch, total, metrics):
        assert (total, list(metrics)) == (4, ["deviation"])
        self.heard.append((epoch, cell.model.name))

    def step_started(self, cell, step):
        self.heard.append((step, cell.model.name))

    def cell_finished(self, record):
        self.heard.append(("finished", record.model.name))


def test_progress_comes_from_other_processes(request_toys, store):
    listener = Listener()
    _in_processes(request_toys("PixelwiseGaussian[epochs=4,seconds=0.25]", "uniform"), store, listener)
    name = "PixelwiseGaussian"
    mine = [event for event, model in listener.heard if model == name]
    assert mine == ["started", 1, 2, 3, 4, "sample", *mine[6:8], "finished"]
    assert [step.partition("[")[0] for step in mine[6:8]] == ["score by parzen", "score by nearest_neighbors"]


def test_a_process_that_is_ended_from_outside_fails_its_cell_only(request_toys, store):
    found = _in_processes(request_toys("EndsItsProcess", "PixelwiseGaussian", "uniform", seeds=2), store)
    outcomes = {(place.model.partition("@")[0], place.seed): record for place, record in found.items()}
    assert len(outcomes) == 6
    for (model, _), record in outcomes.items():
        assert record.status == ("failed" if model.endswith("EndsItsProcess") else "done")
    reason = outcomes["models.py:EndsItsProcess", 0].reason
    assert "was ended from outside (SIGKILL)" in reason
    assert "run the same command again, with fewer --jobs" in reason
    assert len(list(store.records())) == 6


def test_a_syntax_error_that_is_saved_meanwhile_fails_its_cells_only(request_toys, store, tmp_path, toys):
    (tmp_path / "mine.py").write_text(Path(toys).read_text(encoding="utf-8"))
    cells = make_plan(request_toys(f"{tmp_path}/mine.py:PixelwiseGaussian", "uniform", seeds=2)).cells
    (tmp_path / "mine.py").write_text("class PixelwiseGaussian(:")
    found = list(Processes(2)(units_of(cells), store, Conditions(), Silence()))
    assert sorted((r.model.name, r.status) for r in found) == [
        ("PixelwiseGaussian", "failed"), ("PixelwiseGaussian", "failed"), ("uniform", "done"), ("uniform", "done")
    ]  # fmt: skip
    assert all("SyntaxError" in r.reason for r in found if r.status == "failed")


def test_data_that_change_meanwhile_are_not_scored_under_the_old_key(request_toys, store, toy_images):
    cells = make_plan(request_toys("PixelwiseGaussian", "uniform")).cells
    np.savez(toy_images, np.random.default_rng(5).random((30, 3, 3), np.float32))
    found = list(Processes(2)(units_of(cells), store, Conditions(), Silence()))
    assert [(r.status, r.samples) for r in found] == [("failed", None)] * 2
    assert all("changed while the run went on. Run the same command again." in r.reason for r in found)


def test_the_longest_come_first(request_toys, store):
    request = request_toys("uniform", "PixelwiseGaussian", "PixelwiseGaussian[epochs=2]")
    cells = make_plan(request).cells
    table = {cells[0].data.name: {cells[0].model_ref.spec: 1.0, cells[1].model_ref.spec: 5.0}}  # the third: not known
    protocol = msgspec.structs.replace(request.protocol, seconds_per_cell=table)
    units = [[dataclasses.replace(cell, protocol=protocol)] for cell in cells]
    found = Processes(1)(units, store, Conditions(), Silence())
    assert [record.place for record in found] == [cells[2].place, cells[1].place, cells[0].place]


_RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
import ganbench, ganbench.experiment.training as t
t.CHECKPOINT_SECONDS = 0.0
ganbench.run(sys.argv[1], results=sys.argv[2], jobs=int(sys.argv[3]), seeds=int(sys.argv[4]))
"""
_COUNTED = """

class Counted(PixelwiseGaussian):
    def fit(self, train, *, generator):
        with open({log!r}, "a") as file:
            file.write("x")
        yield from super().fit(train, generator=generator)
"""


@pytest.fixture
def start(tmp_path):
    """Starts runs in processes of their own, from a script without `if __name__ == "__main__"`; ends what is left."""
    started = []
    (tmp_path / "script.py").write_text(_RUN)

    def call(protocol, results, jobs=1, seeds=1):
        command = [sys.executable, str(tmp_path / "script.py"), protocol, str(results), str(jobs), str(seeds)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        run = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True)
        started.append(run)
        return run

    yield call
    for run in started:
        for pid in [run.pid] * (run.poll() is None) + _session(run.pid):
            os.kill(pid, signal.SIGKILL)
        run.communicate()


@pytest.fixture
def counted(tmp_path, toys):
    """A model that counts its trainings in a file: its spec, and the file."""
    log = tmp_path / "trainings"
    text = Path(toys).read_text(encoding="utf-8") + _COUNTED.format(log=str(log))
    (tmp_path / "counted.py").write_text(text, encoding="utf-8")
    return f"{tmp_path}/counted.py:Counted[epochs=4,seconds=0.2]", log


def test_runs_side_by_side_compute_each_cell_once(start, toy_protocol, counted, tmp_path):
    spec, log = counted
    protocol = toy_protocol(models=[spec], threads=1)
    runs = [start(protocol, tmp_path / "results", jobs, seeds=4) for jobs in (1, 1, 2)]
    errors = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], errors
    assert log.read_text() == "xxxx"
    assert [record.status for record in Store(tmp_path / "results").records("toy")] == ["done"] * 4


def test_another_run_is_waited_for_and_named_and_what_it_computed_is_taken(request_toys, store, epochs):
    request = request_toys("PixelwiseGaussian", "uniform")
    first, second = make_plan(request).cells
    heard, release = [], threading.Event()

    class Hears(Listener):
        def waiting(self, cell, holder):
            heard.append((cell.place, holder))
            release.set()

    def hold():
        with store.lock(first.train_key, wait=False):
            started.set()
            release.wait(30)

    started = threading.Event()
    other = threading.Thread(target=hold)
    other.start()
    started.wait(30)
    listener = Hears()
    records = list(Serial()(units_of((first, second)), store, Conditions(), listener))
    other.join()
    assert [record.place for record in records] == [second.place, first.place]  # the other one is not waited for
    assert heard == [(first.place, heard[0][1])]
    assert f"process {os.getpid()} on " in heard[0][1]


def test_a_holder_that_is_killed_lets_go(start, toy_protocol, counted, tmp_path):
    protocol = toy_protocol(models=[counted[0].replace("epochs=4", "epochs=400")], threads=1)
    results = tmp_path / "results"
    run = start(protocol, results, jobs=0)
    assert _within(60, lambda: list(results.glob("checkpoints/*.pt")))
    (lock,) = results.glob("locks/*.lock")
    assert f"process {run.pid} on " in lock.with_suffix(".holder").read_text()
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    with FileLock(lock, timeout=5):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked by a server on Linux only")
def test_a_server_of_processes_that_is_killed_is_replaced(monkeypatch):
    """Killed when it has taken the order: what is read of it then is the end of its answer."""
    read, killed = forkserver.read_signed, []

    def read_of_the_dead(descriptor):
        if not killed:
            killed.append(forkserver._forkserver._forkserver_pid)
            os.kill(killed[0], signal.SIGKILL)
            raise EOFError("unexpected EOF")
        return read(descriptor)

    Processes.prepare()
    monkeypatch.setattr(forkserver, "read_signed", read_of_the_dead)
    worker = executors._Worker()
    assert forkserver._forkserver._forkserver_pid != killed[0]
    executors._end([worker])


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="counts processes in /proc")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(start, toy_protocol, toys, tmp_path, ending):
    models = [f"{toys}:PixelwiseGaussian[epochs=2,seconds=60,spread={s}]" for s in (0.1, 0.2)]
    run = start(toy_protocol(models=models), tmp_path / "results", jobs=2)
    assert _within(60, lambda: len(list((tmp_path / "results").glob("locks/*.holder"))) == 2)
    assert len(_session(run.pid)) > 2
    if ending == signal.SIGINT:  # a terminal sends it to all, and only the parent is to act
        assert _within(10, lambda: _is_settled(run.pid))  # provenance asks git, which comes and goes
        before = _session(run.pid)
        for pid in before:
            os.kill(pid, signal.SIGINT)
        time.sleep(1)
        assert _session(run.pid) == before
    os.kill(run.pid, ending)
    run.wait(timeout=30)
    assert _within(10, lambda: not _session(run.pid))
    if ending == signal.SIGINT:
        assert run.stderr.read().count("Traceback") == 1  # the parent's own


def _within(seconds: float, condition) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _is_settled(leader: int) -> bool:
    before = _session(leader)
    time.sleep(0.5)
    return _session(leader) == before


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


def test_cells_are_spread_over_devices(request_toys, store):
    """Two names of the processor stand for two GPUs."""
    cells = make_plan(request_toys("PixelwiseGaussian[seconds=0.5]", seeds=4)).cells
    found = list(Processes(2, ("cpu", "cpu:0"))(units_of(cells), store, Conditions(), Silence()))
    assert [record.status for record in found] == ["done"] * 4
    assert {record.provenance["device"] for record in found} == {"cpu", "cpu:0"}
    assert [record.samples for record in found if record.seed == 0] == [
        run_serially(request_toys("PixelwiseGaussian[seconds=0.5]"), Store(store.root / "alone"))[0].samples
    ]
