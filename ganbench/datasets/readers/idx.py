"""IDX files, plain or gzipped: the format of MNIST, Fashion-MNIST, EMNIST.

Two zero bytes, a code of the type, the number of axes, their sizes as big-endian 32-bit integers, then the numbers,
big-endian. Source: http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ganbench.datasets.readers.member import Choose, Member, pick
from ganbench.errors import DataError

__all__ = ["files_in", "read"]

_DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_IMAGES, _LABELS = re.compile(r"images([-._])idx(\d)", re.IGNORECASE), r"labels\1idx1"
_CHUNK = 2**24
_T = TypeVar("_T")
_PARTS = {"train": "train", "test": "t10k"}


def read(path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    """The chosen arrays: `images` and `labels`, or `train`, `train_labels`, `test`, `test_labels` of a folder.

    The labels of `x-images-idx3-ubyte.gz` are those of `x-labels-idx1-ubyte.gz` beside it. See
    `ganbench.datasets.readers.read_chosen`.
    """
    files = files_in(path) if path.is_dir() else _with_labels(path)
    members = {name: _opened(file, _header) for name, file in files.items()}
    return {name: _opened(files[name], _numbers) for name in pick(members, choose, path, max_bytes)}


def files_in(folder: Path) -> dict[str, Path]:
    """The files of images and labels in a folder in MNIST's way, by what they hold; empty unless all images are."""
    found: dict[str, Path] = {}
    for part, prefix in _PARTS.items():
        images = next(iter(sorted(folder.glob(f"{prefix}-images[-._]idx3-ubyte*"))), None)
        if images is None:
            return {}
        for name, file in _with_labels(images).items():
            found[part if name == "images" else f"{part}_{name}"] = file
    return found


def _with_labels(path: Path) -> dict[str, Path]:
    labels = path.with_name(_IMAGES.sub(_LABELS, path.name))
    return {"images": path} | ({"labels": labels} if labels != path and labels.is_file() else {})


def _opened(path: Path, use: Callable[[Any, str], _T]) -> _T:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            return use(file, str(path))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}. The file is damaged or no IDX file.") from error


def _header(file: Any, where: str) -> Member:
    mark = file.read(4)
    n_axes = mark[3] if len(mark) == 4 else 0
    if len(mark) < 4 or mark[:2] != b"\0\0" or mark[2] not in _DTYPES or not 1 <= n_axes <= 8:
        raise DataError(f"{where} is no IDX file: it begins with the bytes {mark.hex(' ') or '(none)'}.")
    sizes = file.read(4 * n_axes)
    if len(sizes) < 4 * n_axes:
        raise DataError(f"{where} is truncated: its header ends early.")
    return Member(tuple(np.frombuffer(sizes, ">u4").tolist()), np.dtype(_DTYPES[mark[2]]))


def _numbers(file: Any, where: str) -> np.ndarray:
    member = _header(file, where)
    content = bytearray()
    while chunk := file.read(min(_CHUNK, member.nbytes + 1 - len(content))):  # a header may promise more than there is
        content += chunk
    if len(content) != member.nbytes:
        found = "more" if len(content) > member.nbytes else len(content)
        raise DataError(f"{where} is truncated or damaged: expected {member.nbytes} bytes of numbers, found {found}.")
    return np.frombuffer(content, member.dtype).reshape(member.shape)
