"""What is slow to read is kept in the user's cache, under the hash of the file that it was read from."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.datasets._arrays import read_arrays
from ganbench.datasets._sources import cache_root
from ganbench.datasets.base import content_checksum
from ganbench.errors import DataError
from ganbench.files import UNFINISHED, file_sha256

__all__ = ["cached_arrays"]

_LOG = logging.getLogger(__name__)
_CHECKSUM = "checksum"


def cached_arrays(
    path: Path, reader: str, names: tuple[str, ...], read: Callable[[Path], Mapping[str, np.ndarray]]
) -> Mapping[str, np.ndarray]:
    """What `read(path)` gives, from the cache where it is there whole.

    A cache that is damaged is made again; one that cannot be written is said in the log, and costs no more than time.

    Args:
        path: The file that is read. The cache is found by its content: it may move, and a changed file is read anew.
        reader: The name of the reader and its version, which changes when it gives other arrays.
        names: The names of the arrays that it gives.
        read: The reader.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        cache = cache_root() / "parsed" / f"{reader}-{file_sha256(path)[:32]}.npz"
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    if cache.is_file():
        try:
            return _read_verified(cache, names)
        except DataError as error:
            _LOG.info("%s is made again: %s", cache, error)
    arrays = read(path)
    try:
        _write(cache, {name: arrays[name] for name in names})
    except OSError as error:
        _LOG.warning("%s was read, but not kept for the next time: %s", path, error)
    return arrays


def _read_verified(cache: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    arrays = read_arrays(cache, [*names, _CHECKSUM])
    expected = arrays.pop(_CHECKSUM)
    found = content_checksum(*arrays.values())
    if str(expected) != found:
        raise DataError(f"{cache}: expected the checksum {expected}, found {found}.")
    return arrays


def _write(cache: Path, arrays: dict[str, Any]) -> None:
    """Write all or nothing: another process may be reading."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=cache.parent, prefix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays | {_CHECKSUM: np.array(content_checksum(*arrays.values()))})
        os.replace(temporary, cache)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
