"""The results folder: whole files or none, damage that is named, several runs at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from made_records import make_protocol, make_record

from ganbench.errors import StoreError
from ganbench.records.record import DataRef, Place, Training
from ganbench.records.store import Busy, Store


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "results")
    store.prepare()
    return store


def _files(folder) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("a regular file")  # permissions mean nothing to root; a file as a folder does
    with pytest.raises(StoreError, match=r"cannot be written: Not a directory.*--results"):
        Store(tmp_path / "file" / "results").prepare()
    with pytest.raises(StoreError, match=r"file is no folder\. Name one by --results"):
        Store(tmp_path / "file").prepare()
    assert list(Store(tmp_path / "file").records()) == []


def test_preparation_leaves_no_file(store):
    assert _files(store.root) == []


def test_leftovers_of_killed_runs_are_removed_when_they_are_old(store):
    old, new = (store.root / "records" / "toy" / f".ganbench-unfinished-{name}" for name in ("old", "new"))
    old.parent.mkdir(parents=True)
    for path in (old, new, old.parent / "kept.json"):
        path.touch()
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    store.prepare()
    # the other might be that of a run that goes on
    assert _files(store.root) == ["records/toy/.ganbench-unfinished-new", "records/toy/kept.json"]


_HOLD = """
import sys, time
from pathlib import Path
from ganbench.records.store import Store
with Store(Path(sys.argv[1])).lock("key", wait=False):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_once_says_by_whom_and_goes_with_its_process(store):
    command = [sys.executable, "-c", _HOLD, str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(Busy, match=f"process {other.pid} on "), store.lock("key", wait=False):
                pass
            with store.lock("another key", wait=False):
                pass
        finally:
            other.kill()
    busy = pytest.raises(Busy, match=f"process {os.getpid()} on ")
    with store.lock("key", wait=False), busy, store.lock("key", wait=False):
        pass
    with store.lock("key", wait=False):
        pass


def test_a_lock_is_released_by_an_error(store):
    with pytest.raises(ZeroDivisionError), store.lock("key", wait=False):
        raise ZeroDivisionError
    with store.lock("key", wait=False):
        pass


def test_a_lock_that_cannot_be(store):
    (store.root / "locks").write_text("a file")
    refused = pytest.raises(StoreError, match=r"cannot be opened \(.*choose another folder by --results")
    with refused, store.lock("key", wait=False):
        pass


_WORK = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from made_records import make_record
from ganbench.records.store import Store
store, keys = Store(Path(sys.argv[1])), [f"fold{k}" for k in range(12)]
store.prepare()
print("ready", flush=True)
sys.stdin.readline()
for key in keys:
    with store.lock(key, wait=True):
        record = make_record(fold=key)
        if store.find_record("toy", record.place) is None:
            time.sleep(0.01)
            with open(store.root / "log", "a") as log:
                log.write(f"{key}\\n")
            store.write_record(make_record(tuple(float(k) for k in range(5000)), fold=key))
        store.write_samples("samples", __import__("numpy").ones((100, 8, 8), "float32"), None)
"""


def test_two_processes_share_a_folder_and_each_cell_is_computed_once(store):
    helpers = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", _WORK, str(store.root), helpers]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(2)
    ]
    assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
    for worker in workers:
        worker.stdin.write("go\n")
    seen = set()
    while any(worker.poll() is None for worker in workers):
        for record in store.records("toy"):  # whole, at any time
            assert len(record.score("parzen").values["mean_log_likelihood"].per_example) == 5000
            seen.add(record.fold)
        if (found := store.read_samples("samples")) is not None:
            assert found[0].sum() == 6400
    for worker in workers:
        worker.communicate()
    assert [worker.returncode for worker in workers] == [0, 0]
    assert seen
    assert sorted((store.root / "log").read_text().split()) == sorted(f"fold{k}" for k in range(12))
    assert {record.fold for record in store.records("toy")} == {f"fold{k}" for k in range(12)}
    assert not [name for name in _files(store.root) if "unfinished" in name]


def test_records_come_back_from_their_places(store):
    records = [make_record(fold=f"fold{k}", model=model) for model in ("a", "b[k=[1, 2]]") for k in (0, 1)]
    for record in records:
        store.write_record(record)
    assert list(store.records("toy")) == list(store.records()) == records
    assert store.find_record("toy", records[0].place) == records[0]
    assert store.find_record("toy", Place("d", "a", "fold2", 0)) is None
    assert store.protocols() == ["toy"]
    assert list(store.records("other")) == []
    place = store.record_path("toy", records[0].place)
    assert place.relative_to(store.root).as_posix() == "records/toy/d/a/fold0-seed0.json"
    store.write_record(make_record("it failed", model="a"))
    assert store.find_record("toy", records[0].place).status == "failed"


def test_names_of_many_bytes(store):
    records = [
        make_record(model="中" * 200, dataset="é" * 100, fold="x" * 300, protocol=name) for name in ("中" * 90, "a")
    ]
    for record in records:
        store.write_record(record)
        assert store.find_record(record.protocol, record.place) == record
    assert sorted(r.protocol for r in store.records()) == sorted(r.protocol for r in records)
    assert len(store.protocols()) == 2
    longer = make_record(model="中" * 201, dataset="é" * 100, fold="x" * 300, protocol="a")
    store.write_record(longer)
    assert len(list(store.records("a"))) == 2


def test_records_count_only_in_their_own_place(store):
    record = make_record()
    store.write_record(record)
    text = record.to_json()
    folder = store.root / "records" / "toy" / "d" / "m"
    for copy in ("copy-seed0.json", "fold0-seed1.json", "._fold0-seed0.json", "fold0-seed0 (1).json", "notes.json"):
        (folder / copy).write_text(text if copy[0] != "." else "\0")
    (folder / "backup").mkdir()
    (folder / "backup" / "fold0-seed0.json").write_text(text)
    (store.root / "records" / "notes.json").write_text("[]")
    (store.root / "records" / "empty").mkdir()
    assert list(store.records()) == [record]
    assert store.protocols() == ["toy"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", "folder", "pipe"])
def test_damaged_records(store, content):
    place = make_record().place
    path = store.record_path("toy", place)
    path.parent.mkdir(parents=True)
    if content == "folder":
        path.mkdir()
    elif content == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=r"fold0-seed0\.json is (not a record|no regular file).*Move it away"):
        store.read_record(path)
    good = make_record(fold="fold1")
    store.write_record(good)
    for records in (list(store.records("toy")), list(store.records())):
        assert [(r.place, r.status) for r in records] == [(place, "failed"), (good.place, "done")]
        assert "fold0-seed0.json is no" in records[0].reason


def test_data_that_were_not_there_are_no_outcome(store):
    missing = msgspec.structs.replace(make_record("no data", fold="all"), dataset=DataRef("d"))
    store.write_record(missing)
    failed = make_record("no memory", fold="all", model="n")
    store.write_record(failed)
    assert list(store.records()) == [failed]


def test_protocols_are_kept_beside_their_records(store):
    protocol = make_protocol(name="中" * 90)
    assert store.read_protocol(protocol.name) is None
    store.write_protocol(protocol)
    assert store.read_protocol(protocol.name) == protocol
    (path,) = (store.root / "protocols").iterdir()
    for damage in (b"", b"[]", b'{"name": "x"}'):
        path.write_bytes(damage)
        with pytest.raises(StoreError, match=r"cannot be read .*Name the protocol's own file by --protocol"):
            store.read_protocol(protocol.name)


def test_samples_come_back(store):
    samples = np.random.default_rng(1).random((3, 2), np.float32)
    training = Training(2, {"loss": 0.5}, seconds=1.0, provenance={"threads": 1})
    assert store.read_samples("key") is None
    for told in (training, None):
        store.write_samples("key", samples, told)
        again, found = store.read_samples("key")
        assert np.array_equal(again, samples)
        assert (again.dtype, found) == (samples.dtype, told)
    store.write_checkpoint("key", {})
    store.remove("key", "key")
    store.remove("key", "key")
    assert (store.read_samples("key"), store.read_checkpoint("key", "cpu")) == (None, None)


def test_samples_of_another_key(store):
    store.write_samples("key" * 10, np.ones(3, np.float32), None)
    with pytest.raises(StoreError, match=r"holds what belongs to another key.*Delete the file"):
        store.read_samples("key" * 10 + "other")


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "flipped", "header", "other"])
def test_damaged_samples(store, damage):
    store.write_samples("key", np.arange(1000, dtype=np.float32), None)
    path = store.samples_path("key")
    content, header = bytearray(path.read_bytes()), bytearray(path.read_bytes())
    content[2000] ^= 1
    header[header.index(b"PK\1\2") + 10] = 99  # a method of compression that there is not
    np.savez(store.root / "other.npz", samples=np.ones(3))
    path.write_bytes({
        "truncated": content[:-50],
        "empty": b"",
        "text": b"hello",
        "flipped": content,
        "header": header,
        "other": (store.root / "other.npz").read_bytes(),
    }[damage])  # fmt: skip
    with pytest.raises(StoreError, match=r"samples/key.npz cannot be read.*Delete the file"):
        store.read_samples("key")


def test_what_is_in_the_place_of_samples_and_checkpoints(store):
    for path, read in (
        (store.samples_path("key"), lambda: store.read_samples("key")),
        (store.checkpoint_path("key"), lambda: store.read_checkpoint("key", "cpu")),
    ):
        path.mkdir(parents=True)
        with pytest.raises(StoreError, match=r"is no regular file\. Move it away"):
            read()
        path.rmdir()
        os.mkfifo(path)
        with pytest.raises(StoreError, match=r"is no regular file\. Move it away"):
            read()


def test_a_machine_short_of_memory_is_not_told_to_delete_files(store, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    store.write_samples("key", np.ones(3, np.float32), None)
    store.write_checkpoint("key", {})
    monkeypatch.setattr(np, "load", fail)
    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(MemoryError):
        store.read_samples("key")
    with pytest.raises(MemoryError):
        store.read_checkpoint("key", "cpu")


def test_checkpoints_come_back(store):
    state = {"model": {"w": torch.arange(3.0), "list": [1, "a", None]}, "epochs": 2}
    assert store.read_checkpoint("key", "cpu") is None
    store.write_checkpoint("key", state)
    again = store.read_checkpoint("key", "cpu")
    assert torch.equal(again["model"]["w"], state["model"]["w"])
    assert (again["model"]["list"], again["epochs"]) == ([1, "a", None], 2)


@pytest.mark.parametrize("content", [b"", b"hello", "truncated"])
def test_damaged_checkpoints(store, content):
    store.write_checkpoint("key", {"model": torch.zeros(1000)})
    path = store.checkpoint_path("key")
    path.write_bytes(path.read_bytes()[:-100] if content == "truncated" else content)
    with pytest.raises(StoreError, match=r"key.pt cannot be read.*Delete it to train again"):
        store.read_checkpoint("key", "cpu")
