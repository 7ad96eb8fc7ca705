"""The errors that a user can cause and mend.

A message says what was wrong, the value that was met, what is accepted, and what to do next. The command line prints
the message of a `UserError` and nothing else; every other exception is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DataError",
    "MissingDataError",
    "ModelError",
    "SampleError",
    "StoreError",
    "UnknownNameError",
    "UsageError",
    "UserError",
]


class UserError(Exception):
    """Something that the user can put right; its text is all that the command line prints."""


class UsageError(UserError):
    """The arguments do not fit together (exit code 2)."""


class UnknownNameError(UsageError):
    """A name that nothing answers to, with the nearest names that would.

    Args:
        kind: What was named, as a singular noun: "model", "dataset", "protocol".
        name: The name as the user wrote it.
        known: All names that are accepted.
        hint: What else would be accepted, as a sentence.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        parts = [f"Unknown {kind} {name!r}."]
        if nearest:
            parts.append(f"Did you mean {' or '.join(repr(n) for n in nearest)}?")
        parts.append(f"Known: {', '.join(names) if names else '(none)'}.")
        if hint:
            parts.append(hint)
        super().__init__(" ".join(parts))


class DataError(UserError):
    """Data that is missing, truncated, of the wrong shape or out of range."""


class MissingDataError(DataError):
    """A named data set whose files are not here, or could not be fetched."""


class ModelError(UserError):
    """A model that cannot be loaded or breaks the contract of `ganbench.model`."""


class SampleError(ModelError):
    """Samples that cannot be scored: wrong shape, wrong range, or not finite."""


class StoreError(UserError):
    """A results folder that cannot be read or written."""
