"""Files that are written whole or not at all, and their names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganbench.errors import StoreError
from ganbench.files import content_key, file_name, file_sha256, has_file, read_bytes, write_atomically


def _files(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_file_that_appears_at_the_moment_is_not_there_yet_and_no_error(tmp_path, monkeypatch):
    path, stat = tmp_path / "samples.npz", Path.stat
    looks = []

    def first_too_early(self, **arguments):
        looks.append(self)
        if len(looks) == 1:
            raise FileNotFoundError(self)
        return stat(self, **arguments)

    path.write_bytes(b"x")
    monkeypatch.setattr(Path, "stat", first_too_early)
    assert not has_file(path)
    assert has_file(path)


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


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert _files(tmp_path) == []


def test_what_is_in_the_place_of_a_file(tmp_path):
    folder, pipe, gone = tmp_path / "folder", tmp_path / "pipe", tmp_path / "gone"
    folder.mkdir()
    os.mkfifo(pipe)  # reading it would wait for ever
    for path in (folder, pipe):
        for read in (has_file, read_bytes):
            with pytest.raises(StoreError, match=f"{path.name} is no regular file. Move it away"):
                read(path)
    with pytest.raises(StoreError, match=r"folder cannot be written: .*--results"):
        write_atomically(folder, b"content")
    write_atomically(pipe, b"content")
    assert read_bytes(pipe) == b"content"
    assert (has_file(gone), read_bytes(gone)) == (False, None)
    assert (has_file(pipe / "below"), read_bytes(pipe / "below")) == (False, None)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(StoreError, match="cannot be read: File name too long"):
        read_bytes(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    "name", ["dbn[k=1,a=[1, 2]]", "a/b.py:M", "../x", "..", "a b", "x" * 300, "", "é" * 90, "中" * 200, "x.", "\udcff"]
)
def test_file_names_are_safe(name, tmp_path):
    safe = file_name(name)
    assert os.sep not in safe
    assert safe == safe.strip(".")
    assert len(f"{safe}-seed0.json".encode()) < 150
    write_atomically(tmp_path / f"{safe}.json", b"content")
    assert _files(tmp_path) == [f"{safe}.json"]


def test_file_names_do_not_run_together():
    names = ["a/b", "a_b", "a//b", "./a/b", "x" * 200, "x" * 201, "中" * 83, "中" * 84, "dbn", "dbn[k=1]", "dbn[k=1 ]"]
    assert len({file_name(name) for name in names}) == len(names)
    assert file_name("gsn[walkbacks=4,preset=cifar10-fc]") == "gsn[walkbacks=4,preset=cifar10-fc]"


def test_keys_of_content(tmp_path):
    assert content_key({"b": [1, 2.0], "a": "é"}) == content_key({"a": "é", "b": [1, 2.0]})
    assert len({content_key(content) for content in ({}, [], "", None, 0, [1, 2], [2, 1])}) == 7
    with pytest.raises(ValueError, match="JSON"):
        content_key(float("nan"))
    (tmp_path / "file").write_bytes(b"abc")
    # FIPS 180-4, the example of one block
    assert file_sha256(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
