"""PNG and JPEG pictures: a folder of them, a zip of them, or one that shows many samples as a grid."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ganbench.datasets.readers.member import Choose, Member, check_size, pick, printable
from ganbench.errors import DataError

__all__ = ["read"]

_SUFFIXES = (".png", ".jpg", ".jpeg")
_GREY, _COLOUR, _ALPHA = ("1", "L"), ("RGB", "P"), ("LA", "RGBA", "PA")
_BROKEN = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    Warning,
)
_ENCRYPTED = 1
_Opener = Callable[[], IO[bytes]]


def read(path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    """`images`, `[n, height, width]` or `[n, height, width, 3]` uint8, in the order of their names.

    Where all pictures lie in folders, `labels` are the numbers of the folders in the order of their names. Names in an
    archive are compared and shown, and never used as paths. See `ganbench.datasets.readers.read_chosen`.
    """
    with _sources(path, max_bytes) as sources:
        if not sources:
            raise DataError(f"{path} is {_kind(path)} that holds no PNG or JPEG files.")
        grey, shape = _common_form(sources, path)
        names = sorted(sources, key=_natural)
        labels = _labels(names)
        members = {"images": Member((len(names), *shape, *(() if grey else (3,))), np.dtype("u1"))}
        if labels is not None:
            members["labels"] = Member(labels.shape, labels.dtype)
        chosen = pick(members, choose, path, max_bytes)
        arrays: dict[str, np.ndarray] = {} if labels is None else {"labels": labels}
        if "images" in chosen:
            arrays["images"] = np.empty(members["images"].shape, np.uint8)
            for row, name in zip(arrays["images"], names, strict=True):
                row[...] = _pixels(sources[name], grey, f"{path}: {printable(name)}")
        return {name: arrays[name] for name in chosen}


def _kind(path: Path) -> str:
    return "a folder" if path.is_dir() else "an archive"


@contextlib.contextmanager
def _sources(path: Path, max_bytes: int) -> Iterator[Mapping[str, _Opener]]:
    """How each picture is opened, by its name with slashes."""
    if path.is_dir():
        names = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
        yield {name: _opener_of_file(file) for name, file in names.items() if _is_picture(name)}
    elif path.suffix.lower() == ".png":
        yield {path.name: _opener_of_file(path)}
    else:
        try:
            archive = zipfile.ZipFile(path)
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} cannot be read as a zip archive: {printable(error)}.") from error
        with archive:
            entries = {info.filename: info for info in archive.infolist() if _is_picture(info.filename)}
            if any(info.flag_bits & _ENCRYPTED for info in entries.values()):
                raise DataError(f"{path} is encrypted. Unpack it, and give the folder.")
            check_size(sum(info.file_size for info in entries.values()), path, max_bytes)
            yield {name: _opener_of_entry(archive, info) for name, info in entries.items()}


def _opener_of_file(file: Path) -> _Opener:
    return lambda: file.open("rb")


def _opener_of_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Opener:
    return lambda: archive.open(info)


def _is_picture(name: str) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/") if part != "..")
    return name.lower().endswith(_SUFFIXES) and not hidden


def _natural(name: str) -> list[tuple[int, str]]:
    """An order in which 10 comes after 9."""
    return [(int(part) if part.isdecimal() and len(part) < 19 else 0, part) for part in re.split(r"(\d+)", name)]


def _labels(names: list[str]) -> np.ndarray | None:
    folders = [os.path.dirname(name) for name in names]
    classes = sorted(set(folders), key=_natural)
    if len(classes) < 2 or "" in classes:
        return None
    return np.array([classes.index(folder) for folder in folders], np.int64)


@contextlib.contextmanager
def _picture(opener: _Opener, where: str) -> Iterator[Any]:
    """A picture whose header is read; what Pillow raises or warns of is damage."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with opener() as file, Image.open(file, formats=("PNG", "JPEG")) as picture:
                yield picture
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise DataError(f"{where} cannot be read as a picture: {printable(error)}. Write it anew.") from error


def _common_form(sources: Mapping[str, _Opener], path: Path) -> tuple[bool, tuple[int, int]]:
    """Whether all pictures are grey, and their height and width.

    Raises:
        DataError: They differ in size, or one is neither grey nor RGB with 8 bits.
    """
    grey, first = True, None
    for name, opener in sources.items():
        with _picture(opener, f"{path}: {printable(name)}") as picture:
            mode, shape = picture.mode, (picture.height, picture.width)
        if mode not in (*_GREY, *_COLOUR, *_ALPHA):
            raise DataError(f"{path}: {printable(name)} has the mode {mode}; expected grey or RGB with 8 bits a value.")
        first = first or (name, shape)
        if shape != first[1]:
            sizes = f"{printable(first[0])} is {first[1][0]}x{first[1][1]}, {printable(name)} is {shape[0]}x{shape[1]}"
            raise DataError(f"{path}: pictures differ in size: {sizes}. Crop or scale them to one size.")
        grey = grey and mode in (*_GREY, "LA")
    return grey, (first or ("", (0, 0)))[1]


def _pixels(opener: _Opener, grey: bool, where: str) -> np.ndarray:
    with _picture(opener, where) as picture:
        has_alpha = picture.mode in _ALPHA or "transparency" in picture.info
        if has_alpha and picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise DataError(f"{where} is transparent in places. Put it on a background.")
        return np.asarray(picture.convert("L" if grey else "RGB"))
