"""A Slurm of this machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import one_node_slurm
import pytest


@pytest.fixture(scope="module")
def slurm():
    """A Slurm of one node with two slots; the test is skipped, with the reason, where there can be none."""
    reason = one_node_slurm.missing()
    if reason:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, one_node_slurm.one_node_slurm(Path(folder)) as added:
        before = {name: os.environ.get(name) for name in added}
        os.environ.update(added)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
