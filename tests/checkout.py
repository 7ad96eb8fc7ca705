"""Makes folders of the checkout that are not installed importable; its root on the path would hide what is.

asv_runner's `update_sys_path` does not serve: pytest cannot ask its finder.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make_importable(package: str) -> None:
    """Import a package of the checkout by its name."""
    if package in sys.modules:
        return
    folder = ROOT / package
    spec = importlib.util.spec_from_file_location(
        package, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    sys.modules[package] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[package])
