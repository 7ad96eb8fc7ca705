"""Where a number comes from."""

from __future__ import annotations

import platform
import re
import subprocess

import pytest
import torch

from ganbench import __version__
from ganbench.records import provenance
from ganbench.records.provenance import collect_provenance


def test_versions_and_machine():
    facts = collect_provenance("cpu")
    keys = "ganbench commit python packages system processor device device_name threads"
    assert sorted(facts) == sorted(keys.split())
    assert (facts["ganbench"], facts["python"]) == (__version__, platform.python_version())
    assert (facts["device"], facts["threads"]) == ("cpu", torch.get_num_threads())
    assert facts["device_name"] == facts["processor"] != ""
    assert list(facts["packages"]) == ["numpy", "torch", "scikit-learn", "scipy", "torchvision", "numba"]
    assert all(re.match(r"\d+\.\d+", version) for name, version in facts["packages"].items() if name != "numba")
    assert facts["packages"]["numba"] == provenance.installed_version("numba")
    assert re.fullmatch(r"([0-9a-f]{40}\+?)?", facts["commit"])


def test_the_number_of_threads_is_that_of_now():
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert collect_provenance("cpu")["threads"] == threads
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout that the package seems to run from."""
    place = tmp_path / "ganbench" / "records" / "provenance.py"
    place.parent.mkdir(parents=True)
    place.write_text("x = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(place))
    return tmp_path


def _git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_the_commit_and_whether_files_differ_from_it(checkout):
    assert provenance._commit() == ""  # no checkout
    _git(checkout, "init", "-q")
    assert provenance._commit() == ""  # no commit
    _git(checkout, "add", ".")
    _git(checkout, "commit", "-q", "-m", "one")
    commit = _git(checkout, "rev-parse", "HEAD").strip()
    assert provenance._commit() == commit
    (checkout / "notes.txt").write_text("not the package's")
    assert provenance._commit() == commit
    (checkout / "ganbench" / "new.py").write_text("")
    assert provenance._commit() == commit + "+"


def test_variables_of_git_name_no_other_checkout(checkout, tmp_path, monkeypatch):
    _git(checkout, "init", "-q")
    _git(checkout, "add", ".")
    _git(checkout, "commit", "-q", "-m", "one")
    commit = _git(checkout, "rev-parse", "HEAD").strip()
    other = tmp_path / "other"
    other.mkdir()
    _git(other, "init", "-q")
    _git(other, "commit", "-q", "--allow-empty", "-m", "another")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert provenance._commit() == commit
