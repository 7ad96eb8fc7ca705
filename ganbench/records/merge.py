"""Results folders put together: what one lacks comes from the others, what several have is compared, nothing is lost.

Records, samples, training states and protocols are merged; tables and pictures are made anew of the records. Files of
one name that differ by more than times and provenance are a conflict: the one that is there stays where readers look,
the other goes to `conflicts/<source>/` of the merged folder, which is a results folder of its own.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from ganbench.errors import StoreError, UsageError
from ganbench.files import content_key, file_name, names_in, read_bytes, write_atomically
from ganbench.records.record import Record, read_record
from ganbench.records.seal import unsealed
from ganbench.records.store import Store

__all__ = ["MergedFile", "merge_results"]

What = Literal["new", "same", "more", "conflict"]


@dataclass(frozen=True)
class MergedFile:
    """What became of one file of a source.

    Attributes:
        source: The results folder that it is in.
        file: Its path there.
        what: "new": it was not in the merged folder. "same": it was, but for times and provenance. "more": it held more
            than the one there, which was a failure, fewer scores or an earlier state of the same training, and has
            taken its place. "conflict": both are kept.
        differs: In what they differ; of conflicts.
        kept: Where it is now, relative to the merged folder.
    """

    source: Path
    file: str
    what: What
    differs: str = ""
    kept: str = ""


def merge_results(sources: Sequence[str | Path], output: str | Path | None = None) -> list[MergedFile]:
    """Merge results folders into `output`, or into the first of them. Again it changes nothing.

    All files are read and compared before anything is written, records are written last, each file whole or not at all.

    Raises:
        UsageError: Fewer than two folders take part.
        StoreError: A source is no results folder, or a file cannot be read or written; nothing is written then.
    """
    folders = list(dict.fromkeys(Path(source).absolute() for source in sources))
    target = folders[0] if output is None else Path(output).absolute()
    others = [folder for folder in folders if folder != target]
    if not others or (output is None and len(folders) < 2):
        raise UsageError(f"Nothing to merge into {target}. Name two results folders, or one and another as --output.")
    for folder in others:
        if not (folder / "records").is_dir():
            raise StoreError(f"{folder} is no results folder: it has no records. Name one that `run-all` has written.")
    store = Store(target)
    store.prepare()
    with store.lock("merge", wait=True):
        pending: dict[str, bytes] = {}
        outcomes = [outcome for folder in others for outcome in _compare(folder, target, pending)]
        for name in sorted(pending, key=lambda name: "records/" in name):
            write_atomically(target / name, pending[name])
    return outcomes


def _compare(source: Path, target: Path, pending: dict[str, bytes]) -> Iterator[MergedFile]:
    """What is to become of the files of a source; `pending` takes what is to be written."""
    for name in _files(source):
        content = read_bytes(source / name)
        there = pending.get(name) or read_bytes(target / name)
        if content is None:
            continue  # a run has removed it
        _check(content, str(source / name))
        if there is None:
            pending[name] = content
            yield MergedFile(source, name, "new", kept=name)
            continue
        merged, differs = (there, "") if there == content else _KINDS[name.partition("/")[0]](there, content, name)
        if differs:
            kept = f"conflicts/{file_name(source.name)}-{content_key(str(source))[:8]}/{name}"
            pending[kept] = content
            yield MergedFile(source, name, "conflict", differs, kept)
        elif merged == there:
            yield MergedFile(source, name, "same", kept=name)
        else:
            pending[name] = merged
            yield MergedFile(source, name, "more", kept=name)


def _check(content: bytes, name: str) -> None:
    """See that a file is whole.

    Raises:
        StoreError: It is not.
    """
    if name.endswith((".npz", ".pt")):
        with _read(name):
            unsealed(content, None)
    elif Path(name).parent.name != "protocols":
        read_record(content, name)


def _files(root: Path) -> Iterator[str]:
    for folder, suffix in (("protocols", ".json"), ("checkpoints", ".pt"), ("samples", ".npz")):
        names = names_in(root / folder) if (root / folder).is_dir() else []
        yield from (f"{folder}/{name}" for name in sorted(names) if name.endswith(suffix) and name[0] != ".")
    yield from (path.relative_to(root).as_posix() for path in Store(root).record_paths())


@contextlib.contextmanager
def _read(name: str) -> Iterator[None]:
    """Say which file cannot be read.

    Raises:
        StoreError: In place of what NumPy and torch raise.
    """
    try:
        yield
    except Exception as error:
        raise StoreError(
            f"{name} cannot be read ({type(error).__name__}: {error}). Delete it, or leave out its folder."
        ) from error


def _of_protocols(there: bytes, content: bytes, name: str) -> tuple[bytes, str]:
    return there, "the protocol"


def _of_samples(there: bytes, content: bytes, name: str) -> tuple[bytes, str]:
    first, second = _arrays(there, name), _arrays(content, name)
    same = first.keys() == second.keys() and all(
        np.array_equal(first[key], second[key]) for key in first if key != "training"
    )
    return there, "" if same else "the samples"


def _arrays(content: bytes, name: str) -> dict[str, np.ndarray]:
    with _read(name), np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive.items())


def _of_checkpoints(there: bytes, content: bytes, name: str) -> tuple[bytes, str]:
    """The further one of two states of a training; equal states may differ in their times."""
    import torch

    with _read(name):
        first, second = (torch.load(io.BytesIO(c), map_location="cpu", weights_only=True) for c in (there, content))
        progress = [(state["epochs"], bool(state["complete"])) for state in (first, second)]
    if progress[0] != progress[1]:
        return (there if progress[0] > progress[1] else content), ""
    return there, "" if _equal(first["model"], second["model"]) else "the trained model"


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(_equal, first, second))
    if hasattr(first, "detach") and hasattr(second, "detach"):
        return first.shape == second.shape and bool((first == second).all())
    return bool(first == second)


def _of_records(there: bytes, content: bytes, name: str) -> tuple[bytes, str]:
    """The one that has more, the union of their scores, or in what they differ."""
    first, second = read_record(there, name), read_record(content, name)
    if first.status != second.status or first.status == "failed":
        return (content if second.status == "done" else there), ""
    differing = [key for key, value in _compared(first).items() if value != _compared(second)[key]]
    scores = {score.key: score for score in first.scores}
    more = [score for score in second.scores if score.key not in scores]
    differing += [f"score {s.metric}" for s in second.scores if s.key in scores and scores[s.key] != s]
    if differing:
        return there, ", ".join(differing)
    return (_with(first, more, second).to_json().encode() if more else there), ""


def _compared(record: Record) -> dict[str, Any]:
    """A record but for its scores, times and provenance."""
    content = msgspec.to_builtins(record)
    training = content.get("training") or {}
    left = {key: value for key, value in content.items() if key not in ("scores", "timing", "provenance", "training")}
    trained = {key: value for key, value in training.items() if key not in ("seconds", "provenance")}
    return {"reason": "", "samples": None, **left, "training": trained}


def _with(record: Record, scores: Iterable[Any], other: Record) -> Record:
    seconds = {**other.timing.score_seconds, **record.timing.score_seconds}
    timing = msgspec.structs.replace(record.timing, score_seconds=seconds)
    return msgspec.structs.replace(record, scores=(*record.scores, *scores), timing=timing)


_KINDS = {
    "protocols": _of_protocols,
    "checkpoints": _of_checkpoints,
    "samples": _of_samples,
    "records": _of_records,
}
