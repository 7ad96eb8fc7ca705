"""Files: written whole or not at all, names that every system takes, and hashes of content."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Any

from ganbench.errors import StoreError, WriteError

__all__ = [
    "UNFINISHED",
    "content_key",
    "file_name",
    "file_sha256",
    "has_file",
    "names_in",
    "read_bytes",
    "remove_file",
    "write_atomically",
]

UNFINISHED = ".ganbench-unfinished-"
"""How the names of files begin that are being written."""

_LONGEST_NAME = 120  # bytes; most systems take 255, and some characters of a name are added


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a kill at any moment, finds the old one or the new one.

    A file that has this content already is left as it is.

    Raises:
        WriteError: The file cannot be written.
    """
    try:
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):  # what is wrong with the disk is what is to be told
                os.unlink(temporary)
            raise
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written: {error.strerror or error}. What is stored stays as it is: mend that and run "
            "the same command again, or choose another folder by --results."
        ) from error


def remove_file(path: Path) -> None:
    """Remove a file, if it is there.

    Raises:
        WriteError: It cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"{path} cannot be removed: {error.strerror or error}.") from error


def names_in(folder: Path) -> list[str]:
    """The names in a folder; none where there is no folder.

    Raises:
        StoreError: It cannot be listed.
    """
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"{folder} cannot be listed: {error.strerror or error}.") from error


def has_file(path: Path) -> bool:
    """Whether there is a file of this name.

    Raises:
        StoreError: It is a folder, a pipe or a device, or its folder cannot be read.
    """
    try:
        mode = path.stat().st_mode  # once: another process may write the file at any moment
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    if stat.S_ISREG(mode):
        return True
    raise StoreError(f"{path} is no regular file. Move it away and run again.")


def read_bytes(path: Path) -> bytes | None:
    """The content of a file, or None where there is none.

    Raises:
        StoreError: It cannot be read; see `has_file`.
    """
    try:
        return path.read_bytes() if has_file(path) else None
    except FileNotFoundError:  # it was there a moment ago
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error


def file_name(text: str) -> str:
    """A name as that of a file; one that has to be changed gets a hash, so that no two share a file.

    >>> file_name("adversarial[epochs=50]")
    'adversarial[epochs=50]'
    """
    name = re.sub(r"[^\w.\-=,\[\]]+", "_", text).strip(".")
    name = name.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return name if name == text else f"{name}-{content_key(text)[:8]}"


def content_key(content: Any) -> str:
    """sha256 of a JSON-like value, independent of the order of its keys.

    >>> content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of the bytes of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
