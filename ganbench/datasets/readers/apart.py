"""Files whose libraries can crash on damaged content are read in a process of its own, which may die."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ganbench.datasets.readers import child
from ganbench.datasets.readers.member import Choose, Member, pick, printable
from ganbench.errors import DataError

__all__ = ["read_apart"]

_SECONDS, _BYTES_PER_SECOND = 60, 10_000_000
_BASE_BYTES = 4 * 2**30  # address space of an interpreter with its libraries


def read_apart(path: Path, kind: str, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    """The chosen arrays, listed and read by `ganbench.datasets.readers.child`.

    Args:
        path: The file.
        kind: The reader in the other process.
        choose: See `ganbench.datasets.readers.read_chosen`, as the last.
        max_bytes: The limit; the other process gets no more than twice as much memory, besides its own.

    Raises:
        DataError: The file cannot be read, or takes the library or too long.
    """
    with tempfile.TemporaryDirectory(prefix="ganbench-") as folder:
        request = {"path": str(path), "kind": kind, "folder": folder, "n_bytes": _BASE_BYTES + 2 * max_bytes}
        with (
            open(Path(folder) / "errors", "w+", encoding="utf-8", errors="replace") as errors,
            _started(errors) as reader,
        ):
            listing = _answer(reader, request, _SECONDS, path, errors)
            members = {
                name: Member(tuple(shape), np.dtype(dtype)) if dtype else Member(other=other)
                for name, (shape, dtype, other) in listing.items()
            }
            names = pick(members, choose, path, max_bytes)
            n_bytes = sum(members[name].nbytes for name in names)
            _answer(reader, names, _SECONDS + n_bytes // _BYTES_PER_SECOND, path, errors)
        return {name: np.load(Path(folder) / f"{i}.npy", allow_pickle=False) for i, name in enumerate(names)}


@contextlib.contextmanager
def _started(errors: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """The other process, which finds the libraries that this one finds, and nothing in the working directory."""
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    command, pipe = [sys.executable, "-P", child.__file__], subprocess.PIPE
    with subprocess.Popen(command, env=surroundings, stdin=pipe, stdout=pipe, stderr=errors, text=True) as reader:
        try:
            yield reader
        finally:
            reader.kill()
            with contextlib.suppress(BrokenPipeError):  # of what it did not read
                reader.communicate()


def _answer(reader: subprocess.Popen[str], request: Any, seconds: int, path: Path, errors: IO[str]) -> Any:
    """Send a line, wait for a line."""
    late = threading.Timer(seconds, reader.kill)
    late.start()
    line = ""
    try:
        with contextlib.suppress(BrokenPipeError):  # it has died, and its last words are read below
            print(json.dumps(request), file=reader.stdin, flush=True)
        line = reader.stdout.readline() if reader.stdout else ""
    finally:
        is_late = late.finished.is_set()
        late.cancel()
    if line:
        return json.loads(line)
    code = reader.wait()
    if is_late:
        raise DataError(f"{path} cannot be read: it took longer than {seconds} seconds. It may be damaged.")
    if code < 0:
        raise DataError(f"{path} cannot be read: it is damaged, and its reader crashed (signal {-code}).")
    errors.seek(0)
    problem = printable(errors.read().strip().rpartition("\n")[2])
    raise DataError(f"{path} cannot be read: {problem}. Write the file anew, or convert it to .npy.")
