"""The results folder: every file is written whole or not at all, and found again by the content it depends on.

Layout::

    records/<protocol>/<dataset>/<model>/<fold>-seed<seed>.json   one record a cell
    samples/<key>.npz                                             samples, and how their model was trained
    samples/<key>.chains.npz                                      the Markov chains that they come from, if they do
    checkpoints/<key>.pt                                          training state, in progress or complete
    locks/<key>.lock, .holder                                     whether a cell is being computed, and by whom
    protocols/<name>.json                                         the protocols of the records
    tables/, sheets/                                              what reports make of the records

Several runs may work in one folder: each locks the cells that it computes, and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ganbench.errors import StoreError, WriteError
from ganbench.files import UNFINISHED, file_name, names_in, read_bytes, remove_file, write_atomically
from ganbench.metrics.metric import Chains
from ganbench.protocols import Protocol
from ganbench.records.record import Place, Record, Training, read_record, unreadable_record
from ganbench.records.seal import sealed, unsealed
from ganbench.schema import convert, to_json

__all__ = ["Busy", "Store"]

_LOG = logging.getLogger(__name__)
_IS_RECORD = re.compile(r"[^.].*-seed.*\.json")  # some systems put files that begin with a dot beside others
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_OLD = 24 * 3600.0  # seconds; an unfinished file of that age belongs to no run that goes on


class Busy(Exception):
    """Another process holds a lock; the text says which."""


@dataclass(frozen=True)
class Store:
    """A results folder."""

    root: Path

    def prepare(self) -> None:
        """Make the folder, see that files can be written to it, and remove what killed runs left unfinished long ago.

        Raises:
            StoreError: They cannot.
        """
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"{self.root} is no folder. Name one by --results.")
        probe = self.root / f"{UNFINISHED}{os.getpid()}"  # by this name it is swept when a kill leaves it behind
        write_atomically(probe, b"x")
        remove_file(probe)
        for leftover in self.root.rglob(f"{UNFINISHED}*"):
            with contextlib.suppress(OSError):  # another run may tidy up at the same time, or it is another user's
                if time.time() - leftover.stat().st_mtime > _OLD:
                    leftover.unlink()

    @contextlib.contextmanager
    def lock(self, key: str, *, wait: bool) -> Iterator[None]:
        """Hold what a key stands for, for one process at a time; the lock goes with the process, however it ends.

        Args:
            key: What is locked.
            wait: Whether to wait for another process that holds it.

        Where the file system has no locks there is nothing to hold: two runs may do the same work then, and each file
        is still written whole.

        Raises:
            Busy: Another process holds it, and `wait` is false.
            StoreError: The lock cannot be opened.
        """
        from filelock import FileLock, Timeout

        path = self.root / "locks" / f"{key[:24]}.lock"
        holder = path.with_suffix(".holder")
        lock = FileLock(path, timeout=-1 if wait else 0, mode=0o666)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if _has_locks(path.parent):
                lock.acquire()
        except Timeout as error:
            raise Busy(_read_holder(holder)) from error
        except (OSError, NotImplementedError) as error:
            raise StoreError(
                f"{path} cannot be opened ({_reason(error)}). Remove it if no other run uses it, or choose another "
                "folder by --results."
            ) from error
        try:
            with contextlib.suppress(WriteError):  # it only tells others whom they wait for
                write_atomically(holder, f"process {os.getpid()} on {socket.gethostname()}".encode())
            yield
        finally:
            lock.release()

    def record_path(self, protocol: str, place: Place) -> Path:
        """Where the record of a cell lies."""
        parts = (file_name(protocol), file_name(place.dataset), file_name(place.model))
        return self.root.joinpath("records", *parts, f"{file_name(place.fold)}-seed{place.seed}.json")

    def write_record(self, record: Record) -> None:
        """Store a record in its place, over an earlier one of the same cell."""
        write_atomically(self.record_path(record.protocol, record.place), record.to_json().encode())

    def read_record(self, path: Path) -> Record | None:
        """The record at `path`, or None where there is none.

        Raises:
            StoreError: It is no file, or the file is no record.
        """
        content = read_bytes(path)
        return None if content is None else read_record(content, str(path))

    def find_record(self, protocol: str, place: Place) -> Record | None:
        """The record of a cell, or None where there is none."""
        return self.read_record(self.record_path(protocol, place))

    def records(self, protocol: str | None = None) -> Iterator[Record]:
        """All records, or those of a protocol, in the order of their paths.

        Only a file at the place of its own content counts: copies by other names do not. What is in the place of a
        record and is none, or has been changed since it was written, comes as a failed record that says so.

        Raises:
            StoreError: A folder cannot be listed.
        """
        for path in self.record_paths(protocol):
            try:
                record = self.read_record(path)
            except StoreError as error:
                yield unreadable_record(path.relative_to(self.root / "records"), str(error))
                continue
            if record is None or not _had_data(record):
                continue
            if self.record_path(record.protocol, record.place) == path:
                yield record
            else:
                _LOG.warning("%s is no record of its own place and does not count; is it a copy?", path)

    def protocols(self) -> list[str]:
        """The names of the protocols that have records.

        Raises:
            StoreError: A folder cannot be listed.
        """
        return sorted({path.relative_to(self.root).parts[1] for path in self.record_paths()})

    def record_paths(self, protocol: str | None = None) -> list[Path]:
        """The files that lie where records do, of a protocol or of all.

        Raises:
            StoreError: A folder cannot be listed.
        """
        root = self.root / "records"
        folders = [root / name for name in names_in(root)] if protocol is None else [root / file_name(protocol)]
        for _ in ("data set", "model"):
            folders = [folder / name for folder in folders for name in names_in(folder)]
        paths = (folder / name for folder in folders for name in names_in(folder))
        return sorted(path for path in paths if _IS_RECORD.fullmatch(path.name))

    def write_protocol(self, protocol: Protocol) -> None:
        """Keep a protocol beside its records, whose file may be elsewhere."""
        path = self.root / "protocols" / f"{file_name(protocol.name)}.json"
        write_atomically(path, to_json(protocol, indent=1))

    def read_protocol(self, name: str) -> Protocol | None:
        """A protocol that was kept, or None.

        Raises:
            StoreError: The file is no protocol.
        """
        path = self.root / "protocols" / f"{file_name(name)}.json"
        content = read_bytes(path)
        try:
            return None if content is None else convert(msgspec.json.decode(content), Protocol)
        except ValueError as error:  # which the errors of msgspec are, too
            raise StoreError(f"{path} cannot be read ({error}). Name the protocol's own file by --protocol.") from error

    def checkpoint_path(self, key: str) -> Path:
        """Where the training state of a key lies."""
        return self.root / "checkpoints" / f"{key[:24]}.pt"

    def write_checkpoint(self, key: str, state: dict[str, Any]) -> None:
        """Store a training state."""
        import torch

        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomically(self.checkpoint_path(key), sealed(buffer.getvalue(), key))

    def read_checkpoint(self, key: str, device: str) -> dict[str, Any] | None:
        """The training state of a key, or None where there is none.

        Raises:
            StoreError: The file is there and cannot be read, is damaged, or is of another key.
        """
        import torch

        path = self.checkpoint_path(key)
        content = read_bytes(path)
        if content is None:
            return None
        with _reading(f"The checkpoint {path}", "Delete it to train again from the start."):
            archive = io.BytesIO(unsealed(content, key))
            return torch.load(archive, map_location=device, weights_only=True)

    def remove(self, train_key: str, samples_key: str) -> None:
        """Forget a training and the samples of it."""
        remove_file(self.checkpoint_path(train_key))
        self.remove_samples(samples_key)

    def remove_samples(self, key: str) -> None:
        """Forget samples, and the chains that they come from."""
        remove_file(self.samples_path(key))
        remove_file(self._chains_path(key))

    def samples_path(self, key: str) -> Path:
        """Where the samples of a key lie."""
        return self.root / "samples" / f"{key[:24]}.npz"

    def write_samples(self, key: str, samples: np.ndarray, training: Training | None) -> None:
        """Store samples, and how their model was trained."""
        buffer = io.BytesIO()
        text = "null" if training is None else to_json(training).decode()
        np.savez(buffer, samples=samples, key=np.array(key), training=np.array(text))
        write_atomically(self.samples_path(key), sealed(buffer.getvalue(), key))

    def read_samples(self, key: str) -> tuple[np.ndarray, Training | None] | None:
        """The samples of a key and how their model was trained, or None where there are none.

        Raises:
            StoreError: The file is there and cannot be read, or holds the samples of another key.
        """
        arrays = self._read_arrays(self.samples_path(key), key)
        if arrays is None:
            return None
        with _reading(str(self.samples_path(key))):
            return arrays["samples"], msgspec.json.decode(str(arrays["training"]), type=Training | None)

    def _read_arrays(self, path: Path, key: str) -> dict[str, np.ndarray] | None:
        """The arrays of a file that holds its key, or None where there is none."""
        content = read_bytes(path)
        if content is None:
            return None
        with _reading(str(path)), np.load(io.BytesIO(unsealed(content, key)), allow_pickle=False) as archive:
            arrays = dict(archive.items())
            if str(arrays["key"]) != key:
                raise ValueError("it holds what belongs to another key: files have changed places")
        return arrays

    def write_chains(self, key: str, chains: Chains) -> None:
        """Store the chains that samples come from, NumPy arrays; before the samples, which tell that all is there."""
        buffer = io.BytesIO()
        arrays = {f"start {start}": array for start, array in chains.samples.items()}
        steps = np.array([chains.burn_in, chains.thinning])
        times = np.array(json.dumps(chains.autocorrelation_times))
        np.savez(buffer, key=np.array(key), steps=steps, times=times, origins=chains.origins, **arrays)
        write_atomically(self._chains_path(key), sealed(buffer.getvalue(), key))

    def read_chains(self, key: str) -> Chains | None:
        """The chains that the samples of a key come from, or None where they do not come from any.

        Raises:
            StoreError: The file is there and cannot be read, or holds the chains of another key.
        """
        arrays = self._read_arrays(self._chains_path(key), key)
        if arrays is None:
            return None
        with _reading(str(self._chains_path(key))):
            samples = {name.removeprefix("start "): a for name, a in arrays.items() if name.startswith("start ")}
            burn_in, thinning = map(int, arrays["steps"])
            return Chains(samples, arrays["origins"], burn_in, thinning, json.loads(str(arrays["times"])))

    def _chains_path(self, key: str) -> Path:
        return self.samples_path(key).with_suffix(".chains.npz")


@contextlib.contextmanager
def _reading(what: str, remedy: str = "Delete the file to make it again.") -> Iterator[None]:
    """Say what cannot be read, whatever is wrong with it.

    Raises:
        StoreError: In place of any other exception but want of memory.
    """
    try:
        yield
    except (MemoryError, StoreError):
        raise
    except Exception as error:
        raise StoreError(f"{what} cannot be read ({type(error).__name__}: {error}). {remedy}") from error


def _had_data(record: Record) -> bool:
    """Format 1 wrote a failed record of the fold "all" for data that were not there."""
    return not (record.status == "failed" and record.fold == "all" and not record.dataset.checksum)


@cache
def _has_locks(folder: Path) -> bool:
    """Whether a file in a folder can be locked; where not, the log says once what that means."""
    try:
        import fcntl
    except ImportError:  # not on this system, whose files can be locked otherwise
        return True
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _LOG.warning(
            "%s is on a file system without locks (%s): start one run at a time in it, lest two do the same work.",
            folder,
            _reason(error),
        )
        return False
    return True


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _read_holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "another process"
