"""Where data are looked for, how they are fetched, and what is said when they are not there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ganbench.errors import DataError, MissingDataError

__all__ = [
    "VARIABLE",
    "cache_root",
    "data_root",
    "expanded",
    "fetch_file",
    "find_file",
    "first_existing",
    "origin_of_root",
    "read_bytes",
]

VARIABLE = "GANBENCH_DATA"


def cache_root() -> Path:
    """The folder of the user's cache: `~/.cache/ganbench` on Linux; `.ganbench` here for a user without a home."""
    import platformdirs

    try:
        return platformdirs.user_cache_path("ganbench")
    except RuntimeError:  # neither HOME nor an entry among the system's users
        return Path(".ganbench").absolute()


def data_root(root: str | Path | None = None) -> Path:
    """The folder of the data: `root`, else what the environment variable GANBENCH_DATA names, else the user's cache."""
    return expanded(root or os.environ.get(VARIABLE) or cache_root())


def origin_of_root(root: str | Path | None = None) -> str:
    """A sentence on what chose the folder that `data_root` gives, and how to choose another."""
    if root:
        origin = "was given (--data DIR, or root in Python)"
    elif os.environ.get(VARIABLE):
        origin = f"is that of the environment variable {VARIABLE}; --data DIR goes before it"
    else:
        origin = f"is the default; --data DIR or the environment variable {VARIABLE} names another"
    folder = data_root(root)
    return f"The folder of the data, {folder}{'' if folder.is_dir() else ' (no such folder)'}, {origin}."


def expanded(path: str | Path) -> Path:
    """The path with `~` replaced; that of a user who does not exist stays as it is."""
    return Path(os.path.expanduser(path))


def first_existing(candidates: Iterable[Path]) -> Path | None:
    """The first of the paths that is a file, or None; in a folder that may not be read there are none."""
    return next((path for path in candidates if os.path.isfile(path)), None)


def find_file(dataset: str, candidates: Sequence[Path], remedy: str) -> Path:
    """The first of `candidates` that is a file.

    Raises:
        MissingDataError: None is; the text lists the paths and the remedy.
    """
    found = first_existing(candidates)
    if found is None:
        places = ", ".join(str(path) for path in candidates if path.suffix != ".gz")  # beside their like, unpacked
        raise MissingDataError(f"The data of {dataset!r} are missing: looked for {places}. {remedy}")
    return found


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        DataError: The system refuses to read it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error


def fetch_file(dataset: str, urls: Sequence[str], known_hash: str, path: Path) -> None:
    """Download a file; it gets its name when it is whole and has the known hash, and not before.

    Args:
        dataset: For whom, in errors.
        urls: Where it is; the next is tried when one fails.
        known_hash: As Pooch writes it: "md5:..." or "sha256:...".
        path: Where it shall be.

    Raises:
        MissingDataError: No address gives the file, or it cannot be written; the text has every cause.
    """
    import pooch

    causes = []
    for url in urls:
        try:
            pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, progressbar=True)  # speaks on stderr
        except (OSError, ValueError) as error:  # no connection or no place to write; another content
            causes.append(f"{url}: {type(error).__name__}: {error}")
        else:
            return
    raise MissingDataError(f"The download of {dataset!r} to {path} failed. {'; '.join(causes)}.")
