"""The floors of the house: what may import what, and how large things may grow."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HARNESS, MODELS = ROOT / "ganbench", ROOT / "baselines" / "ganbench_models"

# room -> floor; a module imports only from its own room and from lower floors
FLOORS = {
    "choices": 0,
    "errors": 0,
    "hyperparameters": 0,
    "model": 0,
    "schema": 0,
    "files": 1,
    "runtime": 1,
    "modelling": 2,
    "datasets": 2,
    "metrics": 2,
    "protocols": 2,
    "registry": 3,
    "records": 3,
    "components": 4,
    "evaluation": 4,
    "experiment": 5,
    "conformance": 5,
    "reports": 6,
    "cli": 7,
}
PUBLIC_MODULES = ("ganbench", "ganbench.metrics", "ganbench.modelling")


def modules(root: Path) -> list[Path]:
    return sorted(root.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """All modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(dotted: str) -> str:
    return dotted.split(".")[1] if "." in dotted else ""


@pytest.mark.parametrize("path", modules(HARNESS), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downwards(path):
    own = path.relative_to(HARNESS).parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    for name in imported(path):
        if name.startswith("ganbench.") and room(name) in FLOORS and room(name) != own:
            assert FLOORS[room(name)] < FLOORS[own], f"{own} imports {name}"


def test_every_room_has_a_floor():
    rooms = {path.relative_to(HARNESS).parts[0].removesuffix(".py") for path in modules(HARNESS)}
    assert rooms - {"__init__", "__main__"} == set(FLOORS)


def test_the_harness_does_not_know_the_models():
    for path in modules(HARNESS):
        offending = [name for name in imported(path) if name.split(".")[0] == "ganbench_models"]
        assert not offending, f"{path.name} imports {offending}"


def public_names() -> set[str]:
    return {f"{module}.{name}" for module in PUBLIC_MODULES for name in importlib.import_module(module).__all__}


def test_models_use_only_public_names():
    public = public_names()
    for path in modules(MODELS):
        foreign = {name for name in imported(path) if name.split(".")[0] == "ganbench"} - public
        assert not foreign, f"{path.name} imports {foreign}, which is not public"


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_public_names_can_be_imported(module):
    imported_module = importlib.import_module(module)
    for name in imported_module.__all__:
        assert getattr(imported_module, name) is not None


def test_rooms_are_few():
    """A room is a package right below one of the two roots; a folder in it (readers, figures, ...) is part of it."""
    rooms = {
        path.parent.relative_to(root).parts[0]
        for root in (HARNESS, MODELS)
        for path in modules(root)
        if path.parent != root
    }
    assert len(rooms) <= 20, sorted(rooms)


@pytest.mark.parametrize(
    "code", ["import ganbench", "import ganbench.cli; ganbench.cli.build_parser()", "import ganbench.metrics"]
)
def test_light_imports(code):
    heavy = "torch numpy pandas sklearn scipy torchvision tabulate tqdm"
    probe = f"{code}\nimport sys\nprint([m for m in {heavy.split()} if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_only_the_two_packages_are_importable(tmp_path):
    probe = (
        "from importlib.util import find_spec\n"
        "print([n for n in ('baselines', 'benchmarks', 'tests', 'tools', 'results') if find_spec(n)],"
        " all(find_spec(n) for n in ('ganbench', 'ganbench_models')))"
    )
    command = [sys.executable, "-I", "-c", probe]
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip() == "[] True"


@pytest.mark.parametrize("path", [*modules(HARNESS), *modules(MODELS)], ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_holds_one_idea(path):
    """Functions and asserts are ruff's to look after, which has no rule for files."""
    assert path.read_text(encoding="utf-8").count("\n") <= 500
