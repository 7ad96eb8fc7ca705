"""What a file declares to hold, before any of it is read, and how much of it may be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.errors import DataError

__all__ = ["BFLOAT16", "MAX_BYTES", "Choose", "Member", "check_size", "pick", "printable"]

MAX_BYTES = 4 * 2**30
"""How many bytes the arrays of one file may take in memory, unless the caller says otherwise."""

BFLOAT16 = np.dtype("V2")
"""How NumPy reads two bytes that it has no type for, which the field's tools write."""

_MAX_SHOWN = 200


@dataclass(frozen=True)
class Member:
    """An array of a file, by its header.

    Attributes:
        shape: Its shape.
        dtype: Its type; None for what is no array.
        other: What it is where it is no array of real numbers.
    """

    shape: tuple[int, ...] = ()
    dtype: np.dtype | None = None
    other: str = "no array"

    @property
    def is_numeric(self) -> bool:
        """Whether it holds real numbers."""
        return self.dtype is not None and (self.dtype.kind in "biuf" or self.dtype == BFLOAT16)

    @property
    def is_whole(self) -> bool:
        """Whether it holds integers."""
        return self.dtype is not None and self.dtype.kind in "iu"

    @property
    def nbytes(self) -> int:
        """Its size in memory."""
        return math.prod(self.shape) * (self.dtype.itemsize if self.dtype is not None else 0)

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        return self.other if self.dtype is None else f"dtype {self.dtype}"


Choose = Callable[[Mapping[str, Member]], Iterable[str]]


def pick(members: Mapping[str, Member], choose: Choose, path: Path, max_bytes: int) -> list[str]:
    """The names that `choose` picks, once their size is known to be within the limit.

    Raises:
        DataError: It is not.
    """
    names = list(choose(members))
    check_size(sum(members[name].nbytes for name in names), path, max_bytes)
    return names


def check_size(n_bytes: int, path: Path, max_bytes: int) -> None:
    """Refuse what declares to be larger than the limit.

    Raises:
        DataError: It does.
    """
    if n_bytes > max_bytes:
        raise DataError(
            f"{path} declares {_gigabytes(n_bytes)} of data, more than the limit of {_gigabytes(max_bytes)}. If "
            "that is true, give a part of them, or read them in Python with a higher limit, "
            "ganbench.datasets.read_array_file(path, max_bytes=...), and pass the array."
        )


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.3g} GiB"


def printable(text: object) -> str:
    """A text that comes out of a file, fit for a message: on one line, without control characters, not endless."""
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
    return plain if len(plain) <= _MAX_SHOWN else f"{plain[:_MAX_SHOWN]}..."
