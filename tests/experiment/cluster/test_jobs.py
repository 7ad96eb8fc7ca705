"""Cells as jobs: the same numbers, each submitted once, failures as rows; here and on a Slurm of one node."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from serial_runs import run_serially, without_times

import ganbench
from ganbench.errors import UsageError
from ganbench.experiment.cluster.choice import Choice
from ganbench.experiment.cluster.events import EventReader, EventWriter
from ganbench.experiment.cluster.executor import Cluster
from ganbench.experiment.cluster.groups import group_units
from ganbench.experiment.cluster.journal import Journal, cell_key
from ganbench.experiment.cluster.schedulers import Local, Slurm
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.executors import units_of
from ganbench.experiment.plan import make_plan
from ganbench.experiment.progress import Silence
from ganbench.protocols import ClusterSettings, load_protocol
from ganbench.records.store import Store

pytest.importorskip("submitit", reason="submitit is not installed")

QUICK = ClusterSettings(poll=0.2, minutes_per_job=0, memory=0.4, max_jobs=4)


def comparable(record) -> dict:
    content = without_times(record)
    for key in ("provenance", "traceback", "digest"):
        content.pop(key, None)
    (content.get("training") or {}).pop("provenance", None)
    return content


def run_as_jobs(request, store, scheduler, settings=QUICK, jobs=2, progress=None, **how):
    cells = make_plan(request).cells
    cluster = Cluster(scheduler, settings, jobs)
    return {r.place: r for r in cluster(units_of(cells), store, Conditions(**how), progress or Silence())}


class Hears(Silence):
    def __init__(self):
        self.heard, self.waited_for = [], []

    def cell_finished(self, record):
        self.heard.append(record.model.name)

    def waiting(self, cell, holder):
        self.waited_for.append((cell.place, holder))


@pytest.fixture(params=["local", pytest.param("slurm", marks=pytest.mark.slurm)])
def scheduler(request):
    """Where jobs run."""
    if request.param == "slurm":
        request.getfixturevalue("slurm")
        return Slurm
    return Local


@pytest.mark.slow
def test_jobs_give_the_same_numbers_and_failures_are_rows(scheduler, request_toys, store, tmp_path):
    request = request_toys("PixelwiseGaussian[epochs=3]", "RaisesInSample", "uniform", seeds=2, threads=1)
    alone = run_serially(request, Store(tmp_path / "alone"))
    listener = Hears()
    found = run_as_jobs(request, store, scheduler(), progress=listener)
    assert len(found) == len(alone) == len(listener.heard) == 6
    failed = [record.reason for record in found.values() if record.status == "failed"]
    assert [reason.partition(" (")[0] for reason in failed] == ["RuntimeError: no samples today"] * 2
    for record in alone:
        assert comparable(found[record.place]) == comparable(record)
    again = {r.place: r for r in store.records("toy")}
    assert {place: comparable(r) for place, r in again.items()} == {p: comparable(r) for p, r in found.items()}


@pytest.mark.slow
def test_a_job_that_is_ended_is_a_row_with_its_log_and_the_others_go_on(scheduler, request_toys, store):
    request = request_toys("PixelwiseGaussian[epochs=2,seconds=120]", "uniform")
    cells = make_plan(request).cells
    its = scheduler()
    cluster = Cluster(its, QUICK, 2)
    records = cluster(units_of(cells), store, Conditions(), Silence())
    assert next(records).model.name == "uniform"
    (submission,) = Journal(store.root).submissions(its.name)
    index = next(i for i, keys in enumerate(submission.cells) if cell_key(cells[0]) in keys)
    if its.name == "slurm":
        subprocess.run(["scancel", submission.ids[index]], check=True)
    else:
        os.kill(int(submission.ids[index]), signal.SIGINT)
    (record,) = records
    assert record.status == "failed"
    assert f"Its log: {submission.log(index)}" in record.reason
    assert submission.log(index).is_file()
    assert store.find_record("toy", cells[0].place).reason == record.reason


_FRONT = """
import sys
import ganbench
from ganbench.protocols import ClusterSettings
settings = ClusterSettings(poll=0.2, minutes_per_job=0, memory=0.4, max_jobs=4)
ganbench.run(sys.argv[1], results=sys.argv[2], executor=sys.argv[3], executor_settings=settings, jobs=2, seeds=3)
"""
_COUNTED = """

class Counted(PixelwiseGaussian):
    def fit(self, train, *, generator):
        with open({log!r}, "a") as file:
            file.write("x")
        yield from super().fit(train, generator=generator)
"""


@pytest.mark.slow
def test_a_front_that_is_killed_and_opened_again_submits_nothing_twice(
    scheduler, toy_protocol, toys, tmp_path, monkeypatch
):
    log, results = tmp_path / "trainings", tmp_path / "results"
    text = Path(toys).read_text(encoding="utf-8") + _COUNTED.format(log=str(log))
    (tmp_path / "counted.py").write_text(text, encoding="utf-8")
    protocol = toy_protocol(models=[f"{tmp_path}/counted.py:Counted[epochs=8,seconds=0.5]"], threads=1)
    name = scheduler().name
    front = subprocess.Popen([sys.executable, "-c", _FRONT, protocol, str(results), name], start_new_session=True)
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    front.kill()
    front.wait()
    assert len(Journal(results).submissions(name)) == 1
    listener = Hears()
    run = ganbench.run(
        protocol, results=results, executor=name, executor_settings=QUICK, jobs=2, seeds=3, progress=listener
    )
    assert run.succeeded
    assert len(run.records) == 3
    assert listener.waited_for
    assert all(holder.startswith("job ") for _, holder in listener.waited_for)
    assert log.read_text() == "xxx"  # each cell was trained by one job


def _starts(events: Path) -> int:
    """How often a job has begun: each time it writes an empty line."""
    lines = events.read_bytes().split(b"\n")[:-1] if events.exists() else []
    return lines.count(b"")


@pytest.mark.slurm
@pytest.mark.slow
def test_twenty_preemptions_change_no_bit(slurm, request_toys, store, tmp_path):
    models = [f"PixelwiseGaussian[epochs=150,seconds={{}},spread={s}]" for s in (0.5, 1.0, 2.0, 4.0)]
    request = request_toys(*(model.format(0.3) for model in models), threads=1)
    quick = request_toys(*(model.format(0.0) for model in models), threads=1)  # the same numbers, in no time
    alone = run_serially(quick, Store(tmp_path / "alone"))
    chance, moved, last = random.Random(4), [], set()

    class Preempts(Slurm):
        """One look in two at the jobs is followed by a preemption of one that has begun its work."""

        def alive(self, submissions):
            (submission,) = Journal(store.root).submissions("slurm")
            at_work = [
                index
                for index in range(len(submission.ids))
                if _starts(submission.events(index)) > moved.count(index) and (submission.folder, index) in last
            ]
            if at_work and len(moved) < 20 and chance.random() < 1 / 2:
                index = chance.choice(at_work)
                job = submission.ids[index]
                how = ["scancel", "--signal=USR2", job] if len(moved) % 2 else ["scontrol", "requeue", job]
                if subprocess.run(how, capture_output=True, check=False).returncode == 0:  # else it has just ended
                    moved.append(index)
            last.clear()
            last.update(super().alive(submissions))
            return set(last)

    found = run_as_jobs(request, store, Preempts(), msgspec.structs.replace(QUICK, poll=1.0))
    assert len(moved) == 20
    in_order = [found[cell.place] for cell in make_plan(request).cells]
    assert [r.samples.sha256 for r in in_order] == [r.samples.sha256 for r in alone]
    assert [r.scores for r in in_order] == [r.scores for r in alone]
    assert [r.training.curves for r in in_order] == [r.training.curves for r in alone]


def test_units_are_put_together_by_cost(request_toys):
    cells = make_plan(request_toys("PixelwiseGaussian", seeds=8)).cells
    units = units_of(cells)
    assert [len(job) for job in group_units(units, 60.0, 500)] == [1] * 8  # whose time is not known
    assert [len(job) for job in group_units(units, 60.0, 3)] == [3, 3, 2]
    table = {cells[0].data.name: {cells[0].model_ref.spec: 60.0}}
    protocol = msgspec.structs.replace(cells[0].protocol, seconds_per_cell=table)
    timed = [[dataclasses.replace(cell, protocol=protocol) for cell in unit] for unit in units]
    for seconds, expected in [(60, [1] * 8), (120, [2] * 4), (200, [3, 3, 2]), (1e6, [8]), (0, [1] * 8)]:
        jobs = group_units(timed, seconds, 500)
        assert [len(job) for job in jobs] == expected
        assert sorted(unit[0].place for job in jobs for unit in job) == sorted(cell.place for cell in cells)


def test_events_survive_a_line_that_was_cut(tmp_path, request_toys):
    path = tmp_path / "events.jsonl"
    cell = make_plan(request_toys("uniform")).cells[0]
    reader = EventReader(path)
    assert list(reader.new()) == []
    EventWriter(path).step_started(cell, "sample")
    assert list(reader.new()) == [("step_started", list(cell.place), ("sample",))]
    with open(path, "ab") as file:
        file.write(b'["step_star')
    assert list(reader.new()) == []
    writer = EventWriter(path)
    writer.cell_started(cell)
    assert [event for event, _, _ in reader.new()] == ["cell_started"]
    assert list(reader.new()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"executor": "slrm"}, r"Unknown executor 'slrm'. Did you mean 'slurm'\?"),
        ({"executor_settings": ClusterSettings()}, "Add --executor slurm or local"),
        ({"executor": "local", "time_limit": 5.0}, "--cell-time-limit"),
        ({"executor": "local", "results": None}, "Name one by --results"),
        ({"executor": "local", "models": [lambda n, generator: None]}, "in memory only"),
        ({"executor": "local", "device": "cuda"}, "Set gpus = 1"),
        ({"executor": "local", "device": "mps"}, "Accepted: auto, cpu, cuda"),
    ],
)
def test_what_does_not_go_with_jobs_is_refused(toy_protocol, tmp_path, arguments, message):
    with pytest.raises(UsageError, match=message):
        ganbench.run(toy_protocol(), **{"results": tmp_path / "results", **arguments})
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("partion = 'x'", r"unknown key 'partion'; accepted: partition, .*Did you mean 'partition'\?"),
        ("gpus = 1.5", "gpus is 1.5; accepted: a whole number from 0 to 64"),
        ("gpus = -1", "gpus is -1; accepted: a whole number from 0 to 64|gpus: "),
        ("time = 1\nwarning = 60", "warning is 60 seconds; accepted: less than time, 1 minutes"),
        ("time = ", "cannot be read"),
    ],
)
def test_settings_are_strict(tmp_path, text, message):
    path = tmp_path / "cluster.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        Choice("slurm", path)


def test_settings_change_no_key(toy_protocol, toys, tmp_path):
    keys = []
    for settings in ({}, {"slurm": {"partition": "long", "gpus": 2}}):
        protocol = load_protocol(toy_protocol(**settings))
        cells = make_plan(ganbench.experiment.plan.Request(protocol)).cells
        keys.append([(c.train_key, c.samples_key, cell_key(c), [m.key for m in c.metrics]) for c in cells])
        run = ganbench.run(protocol, results=tmp_path / "results", jobs=0)
    assert protocol.slurm.partition == "long"
    assert keys[0] == keys[1]
    assert not run.new
    assert Store(tmp_path / "results").read_protocol("toy").slurm is None
