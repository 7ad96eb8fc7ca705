"""Arrays from files of many formats: one module a format, each with one function `read`.

A reader lists what a file holds from its headers, lets the caller choose, compares the declared size of the chosen
arrays with a limit, and reads these and nothing else. Nothing in a file is executed, nothing is unpacked to the disk.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.datasets.readers.member import MAX_BYTES, Choose
from ganbench.errors import DataError
from ganbench.files import content_key, file_sha256

__all__ = ["FORMATS", "Format", "find_format", "formats_in_words", "read_chosen", "source_sha256"]


@dataclass(frozen=True)
class Format:
    """A kind of file: how its names end, the module that reads it, and what it may hold."""

    suffixes: tuple[str, ...]
    module: str
    holds: str


FORMATS = (
    Format((".npy", ".npz"), "numpy_files", "NumPy arrays"),
    Format((".pt", ".pth"), "torch_files", "tensors written by torch.save"),
    Format((".safetensors",), "safetensors_files", "tensors"),
    Format((".idx", ".idx.gz", "-ubyte", "-ubyte.gz"), "idx", "MNIST's format; the file of labels beside is found"),
    Format((".mat",), "matlab", "MATLAB 4 to 7.3"),
    Format((".h5", ".hdf5"), "hdf5", "HDF5"),
    Format((".csv", ".tsv"), "tables", "one example a line; a column named label holds the labels"),
    Format((".zip",), "pictures", "PNG or JPEG files of one size"),
    Format((".png",), "pictures", "one picture that shows the samples as a grid"),
)
_FOLDER = Format((), "pictures", "PNG or JPEG files of one size; folders in it are classes")
_FOLDER_OF_IDX = Format((), "idx", "the four IDX files of a data set like MNIST")


def find_format(path: str | Path) -> Format | None:
    """The format of a file by the end of its name, or that of a folder; None for what is neither."""
    name = Path(path).name.lower()
    found = next((form for form in FORMATS if name.endswith(form.suffixes)), None)
    if found is None and os.path.isdir(path):
        return _FOLDER_OF_IDX if _has_idx_files(Path(path)) else _FOLDER
    return found


def _has_idx_files(folder: Path) -> bool:
    from ganbench.datasets.readers.idx import files_in

    return bool(files_in(folder))


def formats_in_words() -> str:
    """The formats, for messages."""
    return f"{', '.join(suffix for form in FORMATS for suffix in form.suffixes)}, or a folder of PNG or JPEG files"


def read_chosen(path: Path, choose: Choose, max_bytes: int | None = None) -> dict[str, np.ndarray]:
    """The arrays of a file that `choose` picks from what the file declares to hold, by name.

    Args:
        path: A file or folder of one of `FORMATS`.
        choose: Given every member by name, the names of those that are to be read.
        max_bytes: How many bytes the chosen arrays may take in memory; `MAX_BYTES` by default.

    Raises:
        DataError: The file is missing, of another kind, damaged, encrypted, or declares more than the limit.
    """
    form = find_format(path)
    if form is None:
        raise DataError(f"{path}: expected a file that ends in {formats_in_words()}.")
    if form.suffixes and not os.path.isfile(path):
        found = f"{path} is a folder" if os.path.isdir(path) else f"No such file: {path}"
        raise DataError(f"{found}. Expected a file that ends in {', '.join(form.suffixes)}.")
    reader = importlib.import_module(f"ganbench.datasets.readers.{form.module}")
    return reader.read(path, choose, MAX_BYTES if max_bytes is None else max_bytes)


def source_sha256(path: Path) -> str:
    """sha256 of the content of a file, or of the names and contents of a folder.

    Raises:
        DataError: The system refuses to read it, or a file in it.
    """
    try:
        if not path.is_dir():
            return file_sha256(path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return content_key([[os.fsencode(file.relative_to(path)).hex(), file_sha256(file)] for file in files])
    except OSError as error:
        raise DataError(f"{error.filename or path} cannot be read: {error.strerror or error}.") from error
