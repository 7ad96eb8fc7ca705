"""Results folders of the tests of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_records import write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A results folder made by hand."""
    return write_folder(tmp_path_factory.mktemp("html") / "results")
