"""Damage to what is stored is found, and what cannot be stored stops a run and loses nothing."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import shutil
import tempfile
import time
import zipfile

import numpy as np
import pytest
import torch
from faults_runs import numbers, run

from ganbench.errors import StoreError, UserError, WriteError
from ganbench.experiment import training
from ganbench.records import store as store_module
from ganbench.records.store import Store

_WRITES = ("mkstemp", "fdopen", "fsync", "chmod", "replace")
_PROBLEMS = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS, errno.EDQUOT)


@pytest.fixture(autouse=True)
def _quick_writes_of_every_epoch(monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no power fails here, and disks take their time


@pytest.fixture
def tiny(toy_protocol, toys):
    """A protocol of two models."""
    return toy_protocol(models=[f"{toys}:PixelwiseGaussian[epochs=2,spread={s}]" for s in (0.5, 1.0)], threads=1)


def _positions(size: int, most: int) -> list[int]:
    """Places in a file: its beginning, its end, and evenly between."""
    if size <= most:
        return list(range(size))
    third = most // 3
    return sorted({*range(third), *range(size - third, size), *np.linspace(0, size - 1, third, dtype=int).tolist()})


def _same(first, second) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    return bool(np.array_equal(first, second)) if isinstance(first, np.ndarray) else first == second


def _damaged(path, read, counter, most):
    """Flip and cut a file in turn: it is read as it was, or refused with its name."""
    content, before = path.read_bytes(), read()
    for position in _positions(len(content), most):
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8)
        for damaged in (bytes(flipped), content[:position]):
            path.write_bytes(damaged)
            try:
                survived = _same(read(), before)
            except StoreError as error:
                survived = str(path) in str(error)
            counter.add(survived)
    path.write_bytes(content)


def _damage_everything(protocol, results, tally, most):
    outcome = run(protocol, results)
    store, cell, record = Store(results), outcome.plan.cells[0], outcome.records[0]
    key = cell.samples_key
    for name, path, read in (
        ("checkpoint", store.checkpoint_path(cell.train_key), lambda: store.read_checkpoint(cell.train_key, "cpu")),
        ("samples", store.samples_path(key), lambda: store.read_samples(key)),
        ("record", store.record_path(record.protocol, record.place), lambda: store.find_record("toy", record.place)),
    ):
        _damaged(path, read, tally(f"{name}: a bit flipped, or cut short"), most)


def test_some_damage(tiny, tmp_path, tally):
    _damage_everything(tiny, tmp_path / "results", tally, 60)


@pytest.mark.faults
def test_damage_of_every_byte_class(tiny, tmp_path, tally):
    _damage_everything(tiny, tmp_path / "results", tally, 3000)


def test_files_that_changed_places_or_were_made_by_hand(tiny, tmp_path, tally):
    outcome = run(tiny, tmp_path / "results")
    store, (first, second) = Store(tmp_path / "results"), outcome.plan.cells
    counter = tally("files that changed places, samples made by hand")
    for one, other, read in (
        (store.checkpoint_path(first.train_key), store.checkpoint_path(second.train_key),
         lambda: store.read_checkpoint(first.train_key, "cpu")),
        (store.samples_path(first.samples_key), store.samples_path(second.samples_key),
         lambda: store.read_samples(first.samples_key)),
    ):  # fmt: skip
        kept = one.read_bytes()
        shutil.copy(other, one)
        with pytest.raises(StoreError, match="another key"):
            read()
        one.write_bytes(kept)
        counter.add(survived=True)
    with np.load(store.samples_path(first.samples_key)) as archive:
        arrays = dict(archive)
    np.savez(store.samples_path(first.samples_key), **{**arrays, "samples": 0.5 * arrays["samples"]})
    again = run(tiny, tmp_path / "results", metrics=["mmd"])
    assert "holds other numbers than the record was made of" in again.records[0].reason
    assert [record.status for record in again.records] == ["failed", "done"]
    counter.add(Store(tmp_path / "results").find_record("toy", first.place).status == "done")  # the old one stays


def test_checkpoints_of_earlier_versions_have_no_seal_but_checksums(tiny, tmp_path):
    store = Store(tmp_path)
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(1000.0)}, buffer)
    path = store.checkpoint_path("key")
    path.parent.mkdir()
    path.write_bytes(buffer.getvalue())
    assert torch.equal(store.read_checkpoint("key", "cpu")["a"], torch.arange(1000.0))
    with zipfile.ZipFile(path) as archive:
        info = max(archive.infolist(), key=lambda member: member.file_size)
    content = bytearray(buffer.getvalue())
    content[info.header_offset + 2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        store.read_checkpoint("key", "cpu")


def test_a_copy_of_a_record_does_not_count_and_an_edited_one_is_named(tiny, tmp_path, caplog):
    outcome = run(tiny, tmp_path)
    store = Store(tmp_path)
    path, other = (store.record_path("toy", record.place) for record in outcome.records)
    shutil.copy(path, path.with_name(f"{path.stem} (copy).json"))
    assert len(list(store.records())) == 2
    assert "(copy).json is no record of its own place and does not count" in caplog.text
    other.write_text(other.read_text().replace('"seed":0', '"seed":0 ').replace('"n":20', '"n":21'))
    statuses = {record.status: record.reason for record in store.records()}
    assert set(statuses) == {"done", "failed"}
    assert f"{other} was changed after it was written" in statuses["failed"]


def _failing(monkeypatch, name, turn, problem):
    """Let the call of this turn fail, and all that come after it."""
    module = tempfile if name == "mkstemp" else os
    call, calls = getattr(module, name), []

    def failing(*arguments, **more):
        calls.append(None)
        if len(calls) > turn:
            raise OSError(problem, os.strerror(problem))
        return call(*arguments, **more)

    monkeypatch.setattr(module, name, failing)
    return calls


def _fail_at_writes(protocol, tmp_path, monkeypatch, tally, problems, every):
    """Each call of a run fails in turn: the run ends with the reason, and the next one ends like one undisturbed."""
    run(protocol, tmp_path / "expected")
    expected = numbers(tmp_path / "expected")
    for problem in problems:
        counter = tally(f"{os.strerror(problem)}, at each write in turn".lower())
        for name in _WRITES:
            with monkeypatch.context() as patch:
                calls = _failing(patch, name, 10**9, problem)
                run(protocol, tmp_path / "counted", fresh=True)
            for turn in range(0, len(calls), every):
                folder = tmp_path / f"{problem}-{name}-{turn}"
                with monkeypatch.context() as patch:
                    _failing(patch, name, turn, problem)
                    try:
                        run(protocol, folder)
                        told = False
                    except WriteError as error:
                        told = os.strerror(problem) in str(error)
                run(protocol, folder)
                counter.add(told and numbers(folder) == expected)
                shutil.rmtree(folder)


def test_a_full_disk(tiny, tmp_path, monkeypatch, tally):
    _fail_at_writes(tiny, tmp_path, monkeypatch, tally, (errno.ENOSPC,), 6)


@pytest.mark.faults
def test_no_write_can_be_done(tiny, tmp_path, monkeypatch, tally):
    _fail_at_writes(tiny, tmp_path, monkeypatch, tally, _PROBLEMS, 1)


@pytest.mark.parametrize("problem", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_file_systems_without_locks(tiny, tmp_path, monkeypatch, tally, caplog, problem):
    def refuse(file, operation):
        raise OSError(problem, os.strerror(problem))

    monkeypatch.setattr(fcntl, "flock", refuse)
    store_module._has_locks.cache_clear()
    outcome = run(tiny, tmp_path / "results")
    tally("no locks: ENOLCK, ENOSYS, ENOTSUP").add(outcome.succeeded)
    assert caplog.text.count("is on a file system without locks") == 1


def test_a_lock_that_is_a_folder_fails_its_cells_only(tiny, tmp_path, tally):
    outcome = run(tiny, tmp_path / "expected")
    lock = tmp_path / "results" / "locks" / f"{outcome.plan.cells[0].train_key[:24]}.lock"
    lock.mkdir(parents=True)
    found = run(tiny, tmp_path / "results")
    tally("a lock that is a folder").add([record.status for record in found.records] == ["failed", "done"])
    assert str(lock) in found.records[0].reason


def test_a_folder_that_cannot_be_written_or_listed(tiny, tmp_path, monkeypatch, tally):
    counter = tally("folders that cannot be written or listed")
    run(tiny, tmp_path / "results")
    expected = numbers(tmp_path / "results")
    with monkeypatch.context() as patch:
        _failing(patch, "mkstemp", 0, errno.EROFS)
        counter.add(run(tiny, tmp_path / "results").succeeded)  # all is stored
        with pytest.raises(UserError, match="Read-only file system"):
            run(tiny, tmp_path / "other")
    with monkeypatch.context() as patch:
        _failing(patch, "listdir", 0, errno.EACCES)
        with pytest.raises(UserError, match="records cannot be listed: Permission denied"):
            list(Store(tmp_path / "results").records())
    counter.add(numbers(tmp_path / "results") == expected)


def test_slow_files_and_clocks_that_jump(tiny, tmp_path, monkeypatch, tally):
    run(tiny, tmp_path / "expected")
    expected = numbers(tmp_path / "expected")
    replace, clock, jumps = os.replace, time.time, iter(range(10**6))

    def slow(*arguments, **more):
        time.sleep(0.02)
        return replace(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", slow)
        run(tiny, tmp_path / "slow")
    tally("a file system that takes its time").add(numbers(tmp_path / "slow") == expected)
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: clock() + (-1) ** next(jumps) * 10 * 86400)
        run(tiny, tmp_path / "jumps")
    tally("a clock that jumps by days").add(numbers(tmp_path / "jumps") == expected)
