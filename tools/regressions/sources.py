"""The two trees of sources that are compared: which commit is the base, and both laid out alike in a folder."""

from __future__ import annotations

import compileall
import io
import shutil
import subprocess
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ganbench.errors import UsageError

__all__ = ["Base", "copy_tree", "extract_commit", "find_base"]

_SOURCES = ("ganbench", "baselines", "pyproject.toml")
_UPSTREAMS = ("origin/main", "main")


@dataclass(frozen=True)
class Base:
    """A commit, and in words why it is the base."""

    commit: str
    reason: str

    def __str__(self) -> str:
        return f"{self.commit[:10]} ({self.reason})"


def find_base(root: Path, revision: str | None) -> Base:
    """The commit to compare with.

    If none is named, it is what a user would call "before my changes": on a branch the commit where it left
    `origin/main` (or `main`); elsewhere HEAD if sources have changed since, and otherwise the commit before HEAD.

    Raises:
        UsageError: `root` is no git checkout, or there is no such commit.
    """
    head = _require(root, "HEAD", "HEAD")
    if revision is not None:
        return Base(_require(root, revision, f"--base {revision}"), revision)
    for upstream in _UPSTREAMS:
        fork = _git(root, "merge-base", "HEAD", upstream).stdout.decode().strip()
        if fork and fork != head:
            return Base(fork, f"where this branch left {upstream}")
    if _git(root, "status", "--porcelain", "--", *_SOURCES).stdout:
        return Base(head, "HEAD, before the changes that are not committed")
    return Base(_require(root, "HEAD~1", "HEAD~1, the commit before HEAD,"), "the commit before HEAD")


def extract_commit(root: Path, commit: str, folder: Path) -> None:
    """Lay out the sources of a commit.

    Raises:
        UsageError: The commit does not have them.
    """
    archive = _git(root, "archive", "--format=zip", commit, *_SOURCES)
    if archive.returncode:
        raise UsageError(
            f"The sources of {commit[:10]} cannot be read: {_complaint(archive)}. A base has "
            f"{', '.join(_SOURCES)}; name another by --base."
        )
    with zipfile.ZipFile(io.BytesIO(archive.stdout)) as sources:
        sources.extractall(folder)
    _install(folder)


def copy_tree(tree: Path, folder: Path) -> None:
    """Lay out the sources of a folder as they are now, so that they may be edited while they are measured.

    Raises:
        UsageError: The folder does not have them.
    """
    for name in _SOURCES:
        source = tree / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy(source, folder)
        else:
            raise UsageError(f"{tree} has no {name}. Name a checkout of this repository, which has {_SOURCES}.")
    _install(folder)


def _install(folder: Path) -> None:
    """What an installation does: compile, or only one side would spend time on it; and write down the entry points.

    A commit's own entry points name its own modules, and the first metadata on the path count.
    """
    compileall.compile_dir(folder, quiet=2)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = folder / f"{project['name']}-{project['version']}.dist-info"
    metadata.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(head, encoding="utf-8")
    lines = [
        line
        for group, points in project.get("entry-points", {}).items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


def _require(root: Path, revision: str, named: str) -> str:
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode == 0:
        return found.stdout.decode().strip()
    inside = _git(root, "rev-parse", "--is-shallow-repository")
    if inside.returncode:
        raise UsageError(
            f"{root} cannot be read as a git checkout: {_complaint(inside)}. "
            "Run this in a clone of the repository, or name a folder of sources by --base-tree DIR."
        )
    if inside.stdout.decode().strip() == "true":
        advice = "This clone is shallow: run `git fetch --unshallow` first (fetch-depth: 0 in continuous integration)"
    else:
        advice = "Name a commit, branch or tag that `git log` shows; `git fetch` gets those of others"
    raise UsageError(f"{named} is no commit of this repository. {advice}, or give --base-tree DIR.")


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise UsageError("git is not installed. Install it, or name a folder of sources by --base-tree DIR.") from error


def _complaint(process: subprocess.CompletedProcess[bytes]) -> str:
    return process.stderr.decode(errors="replace").strip().rstrip(".")
