"""A run that is killed and started again, however often, ends like one that nothing happened to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from serial_runs import without_times

from ganbench.files import UNFINISHED
from ganbench.records.record import read_record

_SCRIPT = Path(__file__).parents[1] / "data" / "killed_runs.py"


def _killed_runs(protocol: str, folder: Path, way: str) -> list[dict[str, int]]:
    """What each kill left behind."""
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), protocol, str(folder), way],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _outcome(root: Path) -> dict[str, object]:
    """All files by name; records and samples without their times, checkpoints and the page by name only.

    Locks do not count, nor does what was being written when a run was killed: it is removed after a day.
    """
    found: dict[str, object] = {}
    for path in (p for p in root.rglob("*") if p.is_file() and not p.name.startswith(UNFINISHED)):
        name = path.relative_to(root).as_posix()
        if name.startswith("records"):
            found[name] = json.dumps(without_times(read_record(path.read_bytes(), name)))
        elif name.startswith("samples"):
            with np.load(path) as archive:
                found[name] = archive["samples"].tobytes()
        elif not name.startswith("locks"):
            found[name] = b"" if path.suffix in (".pt", ".html") else path.read_bytes()  # a page says when it was made
    return found


def _check(folder: Path) -> None:
    expected, found = _outcome(folder / "undisturbed"), _outcome(folder / "killed")
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert len([name for name in expected if name.startswith("records")]) == 3
    assert all('"status": "done"' in text for name, text in expected.items() if name.startswith("records"))


def _models(toys: str, epochs: int, seconds: float) -> list[str]:
    return [f"{toys}:PixelwiseGaussian[epochs={epochs},seconds={seconds},spread={s}]" for s in (0.5, 1.0, 2.0)]


@pytest.mark.slow
def test_killed_at_ten_random_moments(toy_protocol, toys, tmp_path):
    left = _killed_runs(toy_protocol(models=_models(toys, 20, 0.05)), tmp_path, "moments")
    assert len(left) == 10
    assert len({tuple(counts.values()) for counts in left}) >= 2  # the kills met different stages of the run
    assert any(counts["checkpoints"] > counts["samples"] for counts in left)  # some of them a training in progress
    _check(tmp_path)


@pytest.mark.slow
def test_killed_before_and_after_every_write(toy_protocol, toys, tmp_path):
    left = _killed_runs(toy_protocol(models=_models(toys, 2, 0)), tmp_path, "writes")
    # Before a file gets its name it is there as an unfinished one, which stays.
    assert [counts["unfinished"] for counts in left] == [1 + i // 2 for i in range(len(left))]
    seen = [{name for name in counts if counts[name]} - {"unfinished"} for counts in left]
    assert all(any(folder in kinds for kinds in seen) for folder in ("checkpoints", "samples", "records"))
    # Two kills for the protocol and, of each cell, three checkpoints, samples and record; then ten until tables and the
    # page are there.
    assert len(left) == 2 * (1 + 3 * (3 + 1 + 1)) + 10
    _check(tmp_path)
