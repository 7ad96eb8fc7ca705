"""Files of `torch.save`, by `weights_only`: tensors, and lists and tables of them; nothing is executed."""

from __future__ import annotations

import itertools
import pickle
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.datasets.readers.member import Choose, Member, check_size, pick, printable
from ganbench.errors import DataError

__all__ = ["read"]

_DEEPEST, _MAX_MEMBERS = 3, 10_000
_REMEDY = "Save plain tensors, by torch.save(samples, path) or torch.save({'samples': samples}, path)."
_BROKEN = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    AssertionError,
    ImportError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
)


def read(path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    """The chosen tensors: `arr_0` for one alone, `arr_0`, `arr_1`, ... in a list, by their keys in a table.

    See `ganbench.datasets.readers.read_chosen`.
    """
    import torch

    _check_archive(path, max_bytes)
    try:
        # Mapped into memory, so that only what is used of it is read.
        with torch.no_grad():  # with gradients, tensors that want some cannot be mapped
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        tensors = dict(itertools.islice(_tensors(content), _MAX_MEMBERS))
        members = {name: _member(tensor) for name, tensor in tensors.items()}
        names = pick(members, choose, path, max_bytes)
        return {name: _as_numpy(tensors[name]) for name in names}
    except _BROKEN as error:
        problem = _problem(str(error)) or type(error).__name__
        raise DataError(f"{path} cannot be read as tensors: {problem}. {_REMEDY}") from error


def _problem(text: str) -> str:
    """The first line of what torch says; where it tells how to execute what is refused, what that is instead."""
    refused = re.search(r"Unsupported global: GLOBAL ([\w.]+)", text)
    return f"it holds {refused[1]}" if refused else printable(text.partition("\n")[0])


def _check_archive(path: Path, max_bytes: int) -> None:
    """Whether the file is as torch writes it: an archive whose members are stored as they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} is no archive of torch.save ({printable(error)}); that of before torch 1.6 is not read. {_REMEDY}"
        ) from error
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
        raise DataError(f"{path} was not written by torch.save: its members are compressed or encrypted. {_REMEDY}")
    check_size(sum(entry.file_size for entry in entries if entry.filename.endswith("data.pkl")), path, max_bytes)


def _tensors(content: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The entries of nested lists and tables, with the names of their places."""
    if isinstance(content, Mapping) and depth < _DEEPEST:
        for key, value in content.items():
            yield from _tensors(value, f"{prefix}.{key}" if prefix else str(key), depth + 1)
    elif isinstance(content, list | tuple) and depth < _DEEPEST:
        for position, value in enumerate(content):
            yield from _tensors(value, f"{prefix}.{position}" if prefix else f"arr_{position}", depth + 1)
    else:
        yield prefix or "arr_0", content


def _member(value: Any) -> Member:
    import torch

    if not isinstance(value, torch.Tensor):
        return Member(other=f"a {type(value).__name__}")
    if value.layout != torch.strided or value.is_complex() or value.is_quantized or value.device.type != "cpu":
        return Member(other=f"a tensor that is {value.layout}, {value.dtype}")
    small = np.dtype("f4") if value.is_floating_point() and value.element_size() < 4 else None
    sizes = {1: "u1", 2: "i2", 4: "i4", 8: "i8"}
    whole = np.dtype(bool if value.dtype == torch.bool else sizes[value.element_size()])
    return Member(tuple(value.shape), small or (np.dtype("f8") if value.is_floating_point() else whole))


def _as_numpy(tensor: Any) -> np.ndarray:
    import torch

    keep = (torch.float16, torch.float32, torch.float64)
    if tensor.is_floating_point() and tensor.dtype not in keep:
        tensor = tensor.float()
    return tensor.numpy(force=True).copy()  # the map of the file is closed behind it
