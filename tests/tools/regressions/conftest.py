"""Small trees of sources: they import in no time, and their kernels take a quarter of a millisecond."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = """
[project]
name = "ganbench"
version = "1.2"

[project.entry-points."ganbench.models"]
toy = "ganbench.kernels:MODEL"
"""
KERNELS = """
def parzen():
    return sum(range(20_000))


def neighbors():
    return sum(range(20_000))
"""


def write_sources(folder: Path, more: str = "") -> Path:
    """A tree of sources, with more code in its module of kernels."""
    (folder / "ganbench").mkdir(parents=True)
    (folder / "baselines" / "models").mkdir(parents=True)
    for package in ("ganbench", "baselines/models"):
        (folder / package / "__init__.py").touch()
    (folder / "ganbench" / "kernels.py").write_text(KERNELS + more, encoding="utf-8")
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    return folder


@pytest.fixture
def tree(tmp_path) -> Path:
    """The sources as they were."""
    return write_sources(tmp_path / "before")


@pytest.fixture
def changed(tmp_path):
    """Makes sources with more code."""
    return lambda more: write_sources(tmp_path / "after", more)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Runs git in a new repository of two commits on main."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # a hook that runs the tests sets them
        monkeypatch.delenv(variable, raising=False)
    return Checkout(tmp_path / "checkout")


class Checkout:
    def __init__(self, root: Path) -> None:
        self.root = write_sources(root)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit("first")
        self.commit("second")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(self.root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, text: str) -> str:
        self.edit(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")

    def edit(self, text: str) -> None:
        (self.root / "ganbench" / "module.py").write_text(f"TEXT = {text!r}\n", encoding="utf-8")
