"""Standard streams that end no run: closed, full or of few characters, they lose text and nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["unfailing_streams"]


class _Unfailing:
    """A stream for messages: what cannot be written is lost."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # full, or closed
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return bool(self._stream.isatty())
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def unfailing_streams() -> Iterator[None]:
    """Open what is closed of the standard streams, so that no file takes its number, and let stderr lose what it must.

    A character that stdout has no code for is written as a question mark.
    """
    _open_descriptors()
    before = sys.stdout, sys.stderr
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as the program runs
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    stderr = open(os.devnull, "w", encoding="utf-8") if sys.stderr is None else sys.stderr  # noqa: SIM115
    sys.stderr = _Unfailing(stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        _lose_what_is_left(stderr)


def _lose_what_is_left(stderr: Any) -> None:
    """Empty the buffer of a stream that is full: Python's own flush would fail at the end, with exit code 120."""
    try:
        stderr.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):  # has no descriptor
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, stderr.fileno())
            os.close(devnull)


def _open_descriptors() -> None:
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
