"""Libraries that only some formats need."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ganbench.errors import DataError

__all__ = ["need"]


def need(library: str, path: Path) -> None:
    """Refuse a file whose reader is not installed, with the way to install it.

    Raises:
        DataError: It is not.
    """
    if importlib.util.find_spec(library) is None:
        raise DataError(
            f"{path} is read by the library {library}, which is not installed: pip install 'ganbench[formats]'."
        )
