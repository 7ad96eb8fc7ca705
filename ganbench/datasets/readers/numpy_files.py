"""NumPy's `.npy` and `.npz`, without pickles: only the wanted members of an archive are read."""

from __future__ import annotations

import contextlib
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ganbench.datasets.readers.member import Choose, Member, pick, printable
from ganbench.errors import DataError

__all__ = ["read"]

_NPY_MARK, _ZIP_MARK = b"\x93NUMPY", b"PK"
_MAX_MEMBERS = 10_000
_ENCRYPTED = 1  # bit of a member's flags
_PLAIN_NUMBERS = "Write plain numbers with numpy.save or numpy.savez; object arrays are not accepted."
# What NumPy, zipfile and zlib raise on damaged content; RuntimeError for a member that needs a password.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)


def read(path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    """The chosen arrays; that of a `.npy` file is named `arr_0`. See `ganbench.datasets.readers.read_chosen`."""
    with _damage_is_said(path), path.open("rb") as file:
        mark = file.read(len(_NPY_MARK))
        file.seek(0)
        if mark == _NPY_MARK:
            return _read_single(file, path, choose, max_bytes)
        if mark.startswith(_ZIP_MARK):
            with zipfile.ZipFile(file) as archive:
                return _read_archive(archive, path, choose, max_bytes)
        raise ValueError("it starts with the mark of neither kind of file")


@contextlib.contextmanager
def _damage_is_said(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        problem = printable(error) or type(error).__name__
        raise DataError(f"{path} cannot be read as NumPy data: {problem}. {_PLAIN_NUMBERS}") from error


def _read_single(file: IO[bytes], path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    member = _header(file, os.fstat(file.fileno()).st_size)
    names = pick({"arr_0": member}, choose, path, max_bytes)
    file.seek(0)
    return {name: np.lib.format.read_array(file, allow_pickle=False) for name in names}


def _read_archive(archive: zipfile.ZipFile, path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if len(entries) > _MAX_MEMBERS:
        raise ValueError(f"it holds {len(entries)} files, more than {_MAX_MEMBERS}")
    members = {name: _member(archive, info) for name, info in entries.items()}
    arrays = {}
    for name in pick(members, choose, path, max_bytes):
        if members[name].dtype is None:
            raise ValueError(f"{printable(name)!r} is {members[name].other}")
        with archive.open(entries[name]) as file:
            arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.flag_bits & _ENCRYPTED:
        return Member(other="encrypted: pack it without a password")
    if not info.filename.endswith(".npy"):
        return Member()
    with archive.open(info) as file:
        return _header(file, info.file_size)


def _header(file: Any, n_bytes: int) -> Member:
    """What the header declares, which must be what a file of `n_bytes` can hold."""
    mark = file.read(len(_NPY_MARK) + 2)
    if not mark.startswith(_NPY_MARK):
        return Member()
    # Version 3 differs from 2 in the names of fields alone.
    read_header = np.lib.format.read_array_header_1_0 if mark[-2] == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    member = Member(shape, dtype)
    if any(size < 0 for size in shape):
        raise ValueError(f"its header declares the shape {shape}")
    if not dtype.hasobject and file.tell() + member.nbytes > n_bytes:
        raise ValueError(f"it is truncated: its header declares {member.nbytes} bytes, found {n_bytes - file.tell()}")
    return member
