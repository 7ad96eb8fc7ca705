"""Files whose libraries can crash on damaged content are read in a process of its own, which may die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

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
        DataError: The file cannot be read, or takes the library down.
    """
    with tempfile.TemporaryDirectory(prefix="ganbench-") as folder:
        listing = json.loads(_call(path, kind, Path(folder), [], _BASE_BYTES, _SECONDS))
        members = {
            name: Member(tuple(shape), np.dtype(dtype)) if dtype else Member(other=other)
            for name, (shape, dtype, other) in listing.items()
        }
        names = pick(members, choose, path, max_bytes)
        n_bytes = sum(members[name].nbytes for name in names)
        limits = _BASE_BYTES + 2 * max_bytes, _SECONDS + n_bytes // _BYTES_PER_SECOND
        if names:
            _call(path, kind, Path(folder), names, *limits)
        return {name: np.load(Path(folder) / f"{i}.npy", allow_pickle=False) for i, name in enumerate(names)}


def _call(path: Path, kind: str, folder: Path, names: list[str], n_bytes: int, seconds: int) -> str:
    # It finds the libraries that this process finds, and nothing in the working directory.
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    request = json.dumps({"path": str(path), "kind": kind, "folder": str(folder), "names": names, "n_bytes": n_bytes})
    command = [sys.executable, "-P", child.__file__]
    try:
        done = subprocess.run(
            command, input=request, env=surroundings, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{path} cannot be read: it took longer than {seconds} seconds. It may be damaged.") from error
    if done.returncode < 0:
        raise DataError(f"{path} cannot be read: it is damaged, and its reader crashed (signal {-done.returncode}).")
    if done.returncode:
        problem = printable(done.stderr.strip().rpartition("\n")[2])
        raise DataError(f"{path} cannot be read: {problem}. Write the file anew, or convert it to .npy.")
    return done.stdout
