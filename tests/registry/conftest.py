"""Distributions as if they were installed."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

_THIRD_PARTY = Path(__file__).parents[1] / "data" / "third_party"


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Makes a distribution of entry points by group, and of the text of its modules by path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    before = set(sys.modules)

    def make(name: str, entry_points: dict[str, dict[str, str]], modules: dict[str, str]) -> Path:
        information = site / f"{name}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [
            f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items())
            for group, points in entry_points.items()
        ]
        (information / "entry_points.txt").write_text("\n".join(lines))
        for path, text in modules.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text)
        return site

    yield make
    for module in set(sys.modules) - before:
        if getattr(sys.modules[module], "__file__", None) and str(site) in str(sys.modules[module].__file__):
            del sys.modules[module]


@pytest.fixture
def third_party(install) -> Path:
    """The third party's distribution, as its `pyproject.toml` says."""
    project = tomllib.loads((_THIRD_PARTY / "pyproject.toml").read_text(encoding="utf-8"))
    modules = {
        f"{name}.py": (_THIRD_PARTY / f"{name}.py").read_text(encoding="utf-8")
        for name in project["tool"]["setuptools"]["py-modules"]
    }
    return install(project["project"]["name"], project["project"]["entry-points"], modules)


@pytest.fixture
def broken(install) -> Path:
    """A distribution of a model and a metric that cannot be imported."""
    points = {"broken": "toy_broken.parts:Broken"}
    return install(
        "toy-broken",
        {"ganbench.models": points, "ganbench.metrics": {"broken_metric": "toy_broken.parts:Broken"}},
        {
            "toy_broken/__init__.py": "raise RuntimeError('this wheel is for another machine')\n",
            "toy_broken/parts.py": "class Broken: pass\n",
        },
    )
