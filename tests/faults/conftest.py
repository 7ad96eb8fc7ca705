"""The fault injection: left out unless it is asked for by `-m faults`, and counted in a table at the end.

GANBENCH_FAULTS_TABLE names a file that the table is written to, as Markdown.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_TALLY: dict[str, list[int]] = {}


class Tally:
    """Counts what was tried of one kind of fault, and what became of it."""

    def __init__(self, fault: str) -> None:
        self.counts = _TALLY.setdefault(fault, [0, 0])

    def add(self, survived: bool) -> None:
        """One more was tried."""
        self.counts[0] += 1
        self.counts[1] += survived

    @property
    def lost(self) -> int:
        return self.counts[0] - self.counts[1]


@pytest.fixture
def tally():
    """Makes a counter for a kind of fault; the test fails in the end if anything was lost."""
    made = []

    def make(fault: str) -> Tally:
        made.append(Tally(fault))
        return made[-1]

    yield make
    assert [counter.lost for counter in made] == [0] * len(made)


def pytest_collection_modifyitems(config, items):
    if "faults" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("faults")]
        items[:] = [item for item in items if not item.get_closest_marker("faults")]
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter):
    if not _TALLY:
        return
    rows = [(fault, tried, survived, tried - survived) for fault, (tried, survived) in sorted(_TALLY.items())]
    lines = ["| fault | tried | survived | lost |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    terminalreporter.section("faults")
    terminalreporter.write_line("\n".join(lines))
    if os.environ.get("GANBENCH_FAULTS_TABLE"):
        Path(os.environ["GANBENCH_FAULTS_TABLE"]).write_text("\n".join(lines) + "\n", encoding="utf-8")
