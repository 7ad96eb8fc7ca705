"""The errors that a user can cause and mend.

A message says what was wrong, the value that was met, what is accepted, and what to do next. The command line prints
the message of a `UserError` and nothing else; every other exception is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

_ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")  # kinds of characters

__all__ = [
    "DataError",
    "MissingDataError",
    "ModelError",
    "SampleError",
    "StoreError",
    "UnknownNameError",
    "UsageError",
    "UserError",
    "WriteError",
    "printable",
    "text_of",
]


def printable(text: str) -> str:
    """A text without what acts on a terminal: control characters but line breaks and tabs, and marks of direction.

    >>> printable("a" + chr(27) + "[2Jb") == "a" + chr(92) + "x1b[2Jb"
    True
    """
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in _ACTING else ascii(c)[1:-1] for c in text)


def text_of(error: BaseException) -> str:
    """The text of an exception, also of one whose text cannot be made."""
    try:
        return str(error)
    except Exception as another:  # noqa: BLE001 - an exception of somebody else's may fail in any way
        return f"its text cannot be made ({type(another).__name__})"


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


class WriteError(StoreError):
    """A file of a results folder that cannot be written: the disk is full, or permission has gone. It ends a run."""
