"""The terminal that results are shown on."""

from __future__ import annotations

import os
import shutil
import sys

__all__ = ["terminal_width"]


def terminal_width() -> int | None:
    """Columns of stdout's terminal, or what COLUMNS says; None where results go to a file or another program."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return max(shutil.get_terminal_size().columns, 20)
    return None
