"""The program that reads MATLAB and HDF5 files for `ganbench.datasets.readers.apart`: on its own, and it may crash.

On stdin a request as JSON; what the file holds goes to stdout as JSON, `{name: [shape, dtype, other]}`. Then a list of
names; these arrays go to `<folder>/<position>.npy`, and a line to stdout.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["main"]

_MAX_MEMBERS = 10_000
_MATLAB_CLASSES = {"double": "f8", "single": "f4", "logical": "?"}
_MATLAB_CLASSES |= {f"{sign}int{8 * n}": f"{sign or 'i'}{n}" for sign in ("", "u") for n in (1, 2, 4, 8)}
_Listing = dict[str, tuple[tuple[int, ...], str, str]]


def main() -> None:
    """Answer one request."""
    request = json.loads(sys.stdin.readline())
    _limit_memory(request["n_bytes"])
    warnings.simplefilter("ignore")
    readers: dict[str, type[_Matlab | _Hdf5]] = {"matlab": _Matlab, "hdf5": _Hdf5, "matlab73": _Matlab73}
    reader, path = readers[request["kind"]](), request["path"]
    print(json.dumps(reader.members(path)), flush=True)  # noqa: T201 - the answer
    names = json.loads(sys.stdin.readline() or "[]")
    for position, name in enumerate(names):
        np.save(Path(request["folder"]) / f"{position}.npy", reader.array(path, name), allow_pickle=False)
    print(len(names), flush=True)  # noqa: T201 - they are there


def _limit_memory(n_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class _Matlab:
    """MATLAB 4 to 7.2."""

    def members(self, path: str) -> _Listing:
        from scipy.io import whosmat

        found = whosmat(path)[:_MAX_MEMBERS]
        return {name: (tuple(shape), _MATLAB_CLASSES.get(kind, ""), f"a {kind}") for name, shape, kind in found}

    def array(self, path: str, name: str) -> Any:
        from scipy.io import loadmat

        return loadmat(path, variable_names=[name])[name]


class _Hdf5:
    """HDF5."""

    def members(self, path: str) -> _Listing:
        import h5py

        found: _Listing = {}

        def visit(name: str, thing: Any) -> bool | None:
            if isinstance(thing, h5py.Dataset):
                found[name] = self.member(thing)
            return True if len(found) >= _MAX_MEMBERS else None  # anything but None ends the visit

        with h5py.File(path, "r") as file:
            file.visititems(visit)
        return found

    def member(self, data: Any) -> tuple[tuple[int, ...], str, str]:
        if data.is_virtual or data.external:
            return (), "", "kept in another file"
        plain = data.dtype.kind in "biuf" and data.shape is not None
        return (tuple(data.shape), data.dtype.str, "") if plain else ((), "", f"of dtype {data.dtype}")

    def array(self, path: str, name: str) -> Any:
        import h5py

        with h5py.File(path, "r") as file:
            return file[name][()]


class _Matlab73(_Hdf5):
    """MATLAB 7.3: HDF5 whose axes are in the opposite order."""

    def member(self, data: Any) -> tuple[tuple[int, ...], str, str]:
        kind = data.attrs.get("MATLAB_class", b"double")
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        shape, dtype, other = super().member(data)
        if kind not in _MATLAB_CLASSES or data.name.startswith("/#"):
            return (), "", f"a {kind}"
        return shape[::-1], dtype, other

    def array(self, path: str, name: str) -> Any:
        return super().array(path, name).T


if __name__ == "__main__":
    main()
