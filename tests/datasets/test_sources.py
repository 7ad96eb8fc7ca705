"""Downloads, from a server on this machine."""

from __future__ import annotations

import hashlib
import http.server

import pytest

from ganbench.datasets._sources import fetch_file
from ganbench.errors import MissingDataError

_CONTENT = bytes(range(256)) * 1_000
_HASH = f"sha256:{hashlib.sha256(_CONTENT).hexdigest()}"


@pytest.fixture
def address(served) -> str:
    folder, address = served
    (folder / "right.bin").write_bytes(_CONTENT)
    (folder / "wrong.bin").write_bytes(_CONTENT[::-1])
    return address


def test_a_file_is_fetched_under_its_own_name_and_only_once(address, served, tmp_path, capsys):
    target = tmp_path / "new" / "x.bin"
    fetch_file("x", [f"{address}right.bin"], _HASH, target)
    assert target.read_bytes() == _CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["x.bin"]
    output = capsys.readouterr()
    assert output.out == ""
    assert "100%" in output.err
    (served[0] / "right.bin").unlink()
    fetch_file("x", [f"{address}right.bin"], _HASH, target)


def test_the_next_mirror_is_tried(address, tmp_path):
    fetch_file("x", [f"{address}{name}.bin" for name in ("absent", "wrong", "right")], _HASH, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == _CONTENT


def test_another_content_is_not_kept_and_every_cause_is_told(address, tmp_path):
    urls = [f"{address}{name}.bin" for name in ("absent", "wrong")]
    with pytest.raises(MissingDataError, match=r"download of 'x'.*absent.bin: HTTPError: 404.*wrong.bin: ValueError"):
        fetch_file("x", urls, _HASH, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks_leaves_nothing(served, tmp_path, monkeypatch):
    folder, address = served
    (folder / "right.bin").write_bytes(_CONTENT)

    def copy_half(self, source, output):
        output.write(source.read()[: len(_CONTENT) // 2])

    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "copyfile", copy_half)
    with pytest.raises(MissingDataError, match="download of 'x'"):
        fetch_file("x", [f"{address}right.bin"], _HASH, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_failure_with_its_cause(address, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MissingDataError, match=r"(NotADirectory|FileExists)Error"):
        fetch_file("x", [f"{address}right.bin"], _HASH, tmp_path / "file" / "x")


def test_defects_of_ours_are_not_dressed_up_as_failed_downloads(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise AttributeError("ours")

    monkeypatch.setattr("pooch.retrieve", broken)
    with pytest.raises(AttributeError):
        fetch_file("x", ["http://127.0.0.1/"], _HASH, tmp_path / "x")
