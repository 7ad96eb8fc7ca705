"""Fixtures of all tests: real data where they are, generators, one thread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets; the test is skipped where there is none."""
    folder = os.environ.get("GANBENCH_DATA")
    if not folder:
        pytest.skip("GANBENCH_DATA is not set: no real data here")
    if not Path(folder).is_dir():
        pytest.skip(f"GANBENCH_DATA names {folder}, which is no folder")
    return Path(folder)
