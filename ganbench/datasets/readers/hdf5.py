"""HDF5 by h5py (extra `formats`), in a process of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganbench.datasets.readers.apart import read_apart
from ganbench.datasets.readers.member import Choose
from ganbench.datasets.readers.needed import need

__all__ = ["read"]


def read(path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    """The chosen data sets, by their paths in the file; links to other files are not followed.

    See `ganbench.datasets.readers.read_chosen`.
    """
    need("h5py", path)
    return read_apart(path, "hdf5", choose, max_bytes)
