"""Where data are looked for, and what is said when they are not there."""

from __future__ import annotations

import contextlib
import http.client
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ganbench.errors import DataError

__all__ = ["VARIABLE", "data_root", "downloading", "find_file", "first_existing", "read_bytes"]

VARIABLE = "GANBENCH_DATA"


def data_root(root: str | Path | None = None) -> Path:
    """The folder of the data: `root`, else the environment variable GANBENCH_DATA, else `~/.cache/ganbench`."""
    return Path(root or os.environ.get(VARIABLE) or "~/.cache/ganbench").expanduser()


def first_existing(candidates: Sequence[Path]) -> Path | None:
    """The first of the paths that is a file, or None."""
    return next((path for path in candidates if path.is_file()), None)


def find_file(dataset: str, candidates: Sequence[Path], remedy: str) -> Path:
    """The first of `candidates` that is a file.

    Raises:
        DataError: None is; the text lists the paths, the state of GANBENCH_DATA and the remedy.
    """
    found = first_existing(candidates)
    if found is None:
        places = " or ".join(str(path) for path in candidates)
        raise DataError(f"The data of {dataset!r} are missing: looked for {places}. {_variable_state()} {remedy}")
    return found


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        DataError: The system refuses to read it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error


def _variable_state() -> str:
    value = os.environ.get(VARIABLE)
    state = f"is {value!r}" if value else "is not set (the default is ~/.cache/ganbench)"
    return f"The environment variable {VARIABLE}, which names the folder of the data, {state}."


@contextlib.contextmanager
def downloading(dataset: str, root: Path) -> Iterator[None]:
    """Run a download: its chatter goes to stderr, its failures become a `DataError` with the cause."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (OSError, RuntimeError, EOFError, http.client.HTTPException) as error:
        cause = f"{type(error).__name__}: {error}"
        raise DataError(f"The download of {dataset!r} to {root} failed. {cause}") from error
