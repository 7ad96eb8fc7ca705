"""MATLAB files: 4 to 7.2 by SciPy, 7.3 by h5py, both in a process of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganbench.datasets.readers.apart import read_apart
from ganbench.datasets.readers.member import Choose
from ganbench.datasets.readers.needed import need
from ganbench.errors import DataError

__all__ = ["read"]

_HDF5_MARK, _OFFSET = b"\x89HDF\r\n\x1a\n", 512


def read(path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    """The chosen variables, with the axes as MATLAB has them; see `ganbench.datasets.readers.read_chosen`."""
    try:
        with path.open("rb") as file:
            head = file.read(_OFFSET + len(_HDF5_MARK))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    is_hdf5 = head.startswith(_HDF5_MARK) or head[_OFFSET:] == _HDF5_MARK
    if is_hdf5:
        need("h5py", path)
    return read_apart(path, "matlab73" if is_hdf5 else "matlab", choose, max_bytes)
