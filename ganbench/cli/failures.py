"""What is said of cells that failed: why, and where their records lie."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ganbench.errors import printable

if TYPE_CHECKING:
    from ganbench import Run

__all__ = ["tell_failures"]


def tell_failures(outcome: Run, *, debug: bool) -> None:
    """On stderr, the reason of every failure and the file that has its traceback; the traceback itself if `debug`."""
    for record in outcome.records:
        if record.status != "failed":
            continue
        print(f"ganbench: {' '.join(map(str, record.place))} failed: {printable(record.reason)}", file=sys.stderr)
        if record.traceback and debug:
            print(printable(record.traceback), file=sys.stderr)
        elif record.traceback and outcome.store is not None:
            path = outcome.store.record_path(record.protocol, record.place)
            print(f"  The traceback is in {path}; --debug shows it.", file=sys.stderr)
