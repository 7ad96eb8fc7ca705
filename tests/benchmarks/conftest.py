"""Makes `benchmarks`, which is not installed, importable; the repository's root on the path would hide what is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "benchmarks"

spec = importlib.util.spec_from_file_location(
    "benchmarks", PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
)
sys.modules["benchmarks"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["benchmarks"])
