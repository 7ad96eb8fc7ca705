"""The results folder: whole files or none, and damage that is named."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from ganbench.errors import StoreError
from ganbench.records.record import Record
from ganbench.records.store import Store, file_name, write_atomically


def _files(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, fail)
            with pytest.raises(StoreError, match=r"file cannot be written: No space left on device.*--results"):
                write_atomically(path, b"new")
        assert path.read_bytes() == b"old"
        assert _files(tmp_path) == ["folder/file"]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_file_is_whole_before_it_has_its_name(tmp_path, monkeypatch):
    seen = []

    def replace(source, target, *, original=os.replace):
        with open(source, "rb") as file:
            seen.append(file.read())
        assert not os.path.exists(target)
        original(source, target)

    monkeypatch.setattr(os, "replace", replace)
    write_atomically(tmp_path / "file", b"content")
    assert seen == [b"content"]


def test_a_file_with_this_content_is_left_alone(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"one")
    inode = path.stat().st_ino
    write_atomically(path, b"one")
    assert path.stat().st_ino == inode
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("a regular file")  # permissions mean nothing to root; a file as a folder does
    with pytest.raises(StoreError, match=r"cannot be written: Not a directory.*--results"):
        Store(tmp_path / "file" / "results").prepare()


def test_preparation_leaves_no_file(store):
    assert _files(store.root) == []


def test_leftovers_of_a_killed_run_are_removed_by_the_next_one_that_holds_the_folder(store):
    leftover = store.root / "records" / "toy" / ".ganbench-unfinished-abc"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    (leftover.parent / "kept.json").touch()
    store.prepare()
    assert leftover.exists()  # it might be that of a run that goes on
    with store.exclusively():
        assert _files(store.root) == [".lock", "records/toy/kept.json"]


_HOLD = """
import sys, time
from pathlib import Path
from ganbench.records.store import Store
with Store(Path(sys.argv[1])).exclusively():
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_run_at_a_time_and_a_killed_one_lets_go(store):
    command = [sys.executable, "-c", _HOLD, str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            (store.root / "records").mkdir()
            unfinished = store.root / "records" / ".ganbench-unfinished-abc"
            unfinished.touch()
            store.prepare()
            with pytest.raises(StoreError, match="Another run is using"), store.exclusively():
                pass
            assert unfinished.exists()
        finally:
            other.kill()
    with store.exclusively():
        pass


@pytest.mark.parametrize("name", ["dbn[k=1,a=[1, 2]]", "a/b.py:M", "a_b.py_M", "../x", "..", "a b", "x" * 300, ""])
def test_file_names_are_safe(name):
    safe = file_name(name)
    assert os.sep not in safe
    assert not safe.startswith(".")
    assert 0 < len(safe) < 140 or name == ""


def test_file_names_do_not_run_together():
    names = ["a/b", "a_b", "a//b", "./a/b", "x" * 200, "x" * 201, "dbn", "dbn[k=1]", "dbn[k=1 ]"]
    assert len({file_name(name) for name in names}) == len(names)
    assert file_name("gsn[walkbacks=4,preset=cifar10-fc]") == "gsn[walkbacks=4,preset=cifar10-fc]"


def test_arrays_come_back(store):
    arrays = {"samples": np.random.default_rng(1).random((3, 2), np.float32), "indices": np.arange(3)}
    assert store.read_arrays("samples", "key") is None
    store.write_arrays("samples", "key", **arrays)
    again = store.read_arrays("samples", "key")
    assert again.keys() == arrays.keys()
    assert all(
        np.array_equal(again[name], array) and again[name].dtype == array.dtype for name, array in arrays.items()
    )


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "flipped"])
def test_damaged_samples(store, damage):
    store.write_arrays("samples", "key", samples=np.arange(1000, dtype=np.float32))
    path = store.array_path("samples", "key")
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes({"truncated": content[:-50], "empty": b"", "text": b"hello", "flipped": content}[damage])
    with pytest.raises(StoreError, match=r"samples/key.npz cannot be read.*Delete the file"):
        store.read_arrays("samples", "key")


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


def test_a_fold_takes_the_place_of_missing_data(store):
    def record(fold, seed=0):
        done = {"status": "done"} if fold != "all" else {"status": "failed", "reason": "no data"}
        return Record("k", "toy", "p", "m", "m", {}, "d", "", fold, seed, **done)

    store.write_record(record("all"))
    store.write_record(record("all", seed=1))
    assert [(r.fold, r.seed) for r in store.records("toy")] == [("all", 0), ("all", 1)]
    store.write_record(record("fold0"))
    assert [(r.fold, r.seed) for r in store.records("toy")] == [("fold0", 0)]
    store.write_record(record("all"))  # the data have gone again: what was measured still counts
    assert [(r.fold, r.seed) for r in store.records("toy")] == [("fold0", 0)]


def test_damaged_records(store):
    path = store.record_path("toy", "digits", "dbn", "fold0", 0)
    assert path.relative_to(store.root).as_posix() == "records/toy/digits/dbn/fold0-seed0.json"
    assert store.read_record(path) is None
    path.parent.mkdir(parents=True)
    for content in (b"", b"{", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"fold0-seed0\.json"):
            store.read_record(path)
        with pytest.raises(StoreError, match=r"fold0-seed0\.json"):
            list(store.records("toy"))
    assert list(store.records("other")) == []
