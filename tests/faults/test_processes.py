"""Processes that are killed, crash or hang, streams that are closed or full: the rest goes on, and nothing is lost."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults_runs import command, ended, numbers, run

from ganbench.experiment import conditions, training
from ganbench.records.store import Store

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for processes in /proc"),
]


@pytest.fixture(autouse=True)
def _checkpoints_at_every_epoch(monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)


@pytest.fixture
def tiny(toy_protocol, toys):
    """A protocol of three models that train for a quarter of a second each."""
    models = [f"{toys}:PixelwiseGaussian[epochs=10,seconds=0.025,spread={s}]" for s in (0.5, 1.0, 2.0)]
    return toy_protocol(models=models, threads=1)


@pytest.fixture
def crashes() -> str:
    return str(Path(__file__).parents[1] / "data" / "crashes.py")


def _children(pid: int) -> list[int]:
    """All processes below one, but those that have ended."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_children(child)]
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _left(pids: list[int], within: float) -> list[int]:
    """Those of some processes that have not ended after that time."""
    until = time.monotonic() + within
    while (left := [pid for pid in pids if _alive(pid)]) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def _kill_once(protocol, results, jobs, ending, seconds, chance, *, worker: bool) -> bool:
    """Whether a run, or one of its workers, took the signal as it should, and left nobody behind."""
    pid = command(protocol, results, jobs)
    time.sleep(seconds)
    below = _children(pid) if _alive(pid) else []
    victim = chance.choice(below) if worker and below else pid
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, ending)
    if victim != pid:
        return ended(pid, 60) in (0, 1)  # 1: a cell failed
    code = ended(pid, 10)
    left = _left(below, 3)
    expected = (0, -ending) if ending == signal.SIGKILL else (0, 128 + ending)
    return code in expected and not left


def _kills(protocol, folder, tally, number, jobs, *, worker=False):
    begun = time.monotonic()
    assert ended(command(protocol, folder / "expected", jobs)) == 0
    duration = time.monotonic() - begun
    expected, chance, kills = numbers(folder / "expected"), random.Random(jobs), itertools.count()
    assert len(expected) == 3
    for ending in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        who = "a worker" if worker else f"the run, {f'with {jobs} workers' if jobs else 'in one process'}"
        counter = tally(f"{ending.name} to {who}")
        for _ in range(number):
            results = folder / f"killed-{next(kills)}"
            clean = True
            for _ in range(2):  # a run is killed twice before it may finish
                seconds = duration * chance.uniform(0.1, 0.8)
                clean &= _kill_once(protocol, results, jobs, ending, seconds, chance, worker=worker)
            code = ended(command(protocol, results))
            counter.add(clean and code == 0 and numbers(results) == expected)
            shutil.rmtree(results)


@pytest.mark.faults
def test_a_few_kills(tiny, tmp_path, tally):
    _kills(tiny, tmp_path, tally, 1, 0)


@pytest.mark.faults
def test_kills_of_a_run_in_one_process(tiny, tmp_path, tally):
    _kills(tiny, tmp_path, tally, 12, 0)


@pytest.mark.faults
def test_kills_of_a_run_with_workers(tiny, tmp_path, tally):
    _kills(tiny, tmp_path, tally, 6, 2)


@pytest.mark.faults
def test_kills_of_workers(tiny, tmp_path, tally):
    _kills(tiny, tmp_path, tally, 3, 2, worker=True)


def test_models_that_end_their_process_cost_their_cells(toy_protocol, toys, crashes, tmp_path, tally, monkeypatch):
    monkeypatch.setattr(conditions, "LEAST_PATIENCE", 0.5)
    bad = {
        "Segfaults": "crashed (SIGSEGV)",
        "Exits": "ended the process that ran it (exit code 0)",
        "IsKilled": "ended from outside (SIGKILL)",
        "TakesTooMuch": "allocate",
        "Hangs": "did not stop when its time was over",
        "HasNoText": "its text cannot be made (ValueError)",
        "TalksTooMuch": "characters ...]",
    }
    protocol = toy_protocol(models=[*(f"{crashes}:{name}" for name in bad), f"{toys}:PixelwiseGaussian"], threads=1)
    outcome = run(protocol, tmp_path / "results", jobs=1, cell_time_limit=1.0)
    assert len(outcome.records) == len(bad) + 1
    for record in outcome.records:
        counter = tally(f"a model that {record.model.name}")
        if record.model.name in bad:
            counter.add(record.status == "failed" and bad[record.model.name] in record.reason)
            assert len(record.reason) < 2000
        else:
            counter.add(record.status == "done")
    assert sorted(record.status for record in Store(tmp_path / "results").records()) == ["done", *["failed"] * len(bad)]


def test_a_run_is_interrupted_though_its_models_are_deaf(toy_protocol, crashes, tmp_path, tally):
    protocol = toy_protocol(models=[f"{crashes}:Hangs[spread={s}]" for s in (1.0, 2.0, 3.0)], threads=1)
    for ending in (signal.SIGINT, signal.SIGTERM):
        pid = command(protocol, tmp_path / ending.name, 2)
        until = time.monotonic() + 120
        while len(list((tmp_path / ending.name).glob("locks/*.holder"))) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        workers, begun = _children(pid), time.monotonic()
        os.kill(pid, ending)
        time.sleep(0.1)
        os.kill(pid, ending)  # once more
        code = ended(pid, 20)
        seconds, left = time.monotonic() - begun, _left(workers, 2)
        tally(f"{ending.name}, twice, while models hang").add(code == 128 + ending and seconds < 5 and not left)
        assert (code, left) == (128 + ending, []), seconds
        assert len(list((tmp_path / ending.name).glob("locks/*.holder"))) == 2  # no other was begun


_ALL_WAYS = list(itertools.product(("open", "closed", "full", "ascii"), repeat=2))


_REDIRECTIONS = {"open": "{0}>/dev/null", "closed": "{0}>&-", "full": "{0}>/dev/full", "ascii": "{0}>/dev/null"}


def _run_with_streams(out: str, err: str, protocol: str, results: Path) -> int:
    """The exit code of the program, started by a shell with such streams."""
    options = ["--jobs", "0", "--protocol", protocol, "--results", str(results)]
    streams = f"{_REDIRECTIONS[out].format(1)} {_REDIRECTIONS[err].format(2)}"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    if "ascii" in (out, err):
        environment["PYTHONIOENCODING"] = "ascii"
    return subprocess.run(
        ["sh", "-c", f"exec {shlex.join([sys.executable, '-m', 'ganbench', 'run-all', *options])} {streams}"],
        env=environment,
    ).returncode


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "ways", [[("open", "full"), ("closed", "closed")], pytest.param(_ALL_WAYS, marks=pytest.mark.faults, id="all")]
)
def test_streams_that_are_closed_full_or_ascii(toy_protocol, toys, tmp_path, tally, ways):
    tiny = toy_protocol(models=[f"{toys}:PixelwiseGaussian"], threads=1)
    for out, err in ways:
        results = tmp_path / f"{out}-{err}"
        code = _run_with_streams(out, err, tiny, results)
        tally("stdout and stderr: open, closed, full, ASCII").add(
            code == (1 if out == "full" else 0) and len(list(Store(results).records())) == 1
        )


@pytest.mark.faults
@pytest.mark.parametrize("together", range(2, 9))
def test_runs_at_once(tiny, tmp_path, tally, together):
    assert ended(command(tiny, tmp_path / "expected")) == 0
    runs = [command(tiny, tmp_path / "results") for _ in range(together)]
    codes = [ended(pid) for pid in runs]
    tally(f"{together} runs at once").add(
        codes == [0] * together and numbers(tmp_path / "results") == numbers(tmp_path / "expected")
    )
