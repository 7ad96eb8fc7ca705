"""The front door of verification: records that follow from samples, tables that follow from records."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ganbench.choices import FORMATS
from ganbench.errors import StoreError, UserError
from ganbench.experiment.verification import Verified, verify_records
from ganbench.files import file_name, read_bytes
from ganbench.protocols import Protocol, load_protocol
from ganbench.records.store import Store
from ganbench.reports.formats import suffix
from ganbench.reports.results import stored_protocols, table
from ganbench.reports.table1 import render_table
from ganbench.runtime.device import resolve_device

__all__ = ["verify"]


def verify(
    results: str | Path,
    *,
    protocol: str | None = None,
    datasets: Sequence[Any] = (),
    samples: Sequence[str | Path] = (),
    metrics: Sequence[Any] = (),
    device: str = "cpu",
    data_root: str | Path | None = None,
) -> Iterator[Verified]:
    """Compute every score of a results folder again from its stored samples, and make its tables again.

    A record that was edited, samples that were altered or exchanged, data of another checksum and metrics of another
    version or source are named. Scores whose samples are not stored, and data that are not here, are named as not
    verified.

    Args:
        results: The folder.
        protocol: Only the records of this protocol, by name or file.
        datasets: Data of the user's own that records may name: files or arrays.
        samples: Files of samples that were scored, which a results folder does not hold.
        metrics: Metrics that are not installed, by spec, class or object.
        device: Where metrics compute.
        data_root: Where data sets lie; GANBENCH_DATA or the user's cache by default.

    Yields:
        What came of each part, as it is found; the records first.

    Raises:
        StoreError: There are no records.
        UserError: Data or a metric that are named cannot be used.
    """
    store = Store(Path(results))
    if protocol is not None and protocol.endswith(".toml"):
        protocol = load_protocol(protocol).name
    paths = store.record_paths(protocol)
    if not paths:
        of = f" of protocol {protocol!r}" if protocol else ""
        raise StoreError(f"{results} has no records{of}. Name a results folder, as `ganbench run-all` writes it.")
    yield from verify_records(
        store,
        protocol=protocol,
        own_data=datasets,
        own_samples=samples,
        metrics=metrics,
        device=resolve_device(device),
        data_root=None if data_root is None else str(data_root),
    )
    yield from _tables(store, protocol)


def _tables(store: Store, protocol: str | None) -> Iterator[Verified]:
    """Tables that lie in the folder, held against those that its records make now."""
    try:
        protocols = stored_protocols(store.root, protocol)
    except UserError as error:
        yield Verified("tables", "table", "not verified", str(error))
        return
    for chosen in protocols:
        for format in FORMATS:
            path = store.root / "tables" / f"{file_name(chosen.name)}.{suffix(format)}"
            stored = read_bytes(path)
            if stored is not None:
                yield _table(store, chosen, format, path, stored.decode(errors="replace"))


def _table(store: Store, protocol: Protocol, format: Any, path: Path, stored: str) -> Verified:
    file = path.relative_to(store.root).as_posix()
    try:
        made = render_table(table(store.root, protocol), protocol, format)
    except UserError as error:
        return Verified(file, "table", "not verified", f"the records make no table: {error}")
    if stored == made:
        return Verified(file, "table", "agrees", "the records make the same one")
    rows, possible = _rows(stored, format), _rows(made, format)
    if rows is not None and all(row in (possible or []) for row in rows):
        return Verified(file, "table", "agrees", "its rows are among those that the records make")
    if rows is None and _is_of_fewer(store, protocol, path):
        return Verified(file, "table", "not verified", "it was made from some of the records; see the .csv beside it")
    return Verified(
        file, "table", "disagrees", "the records make another one: it is older than they are, or was edited"
    )


def _rows(text: str, format: str) -> list[Any] | None:
    """The rows of a table for machines; None of one for people."""
    if format == "csv":
        return list(csv.reader(io.StringIO(text)))
    if format != "json":
        return None
    try:
        rows = json.loads(text)
    except ValueError:
        return [text]
    return list(rows) if isinstance(rows, list) else [rows]


def _is_of_fewer(store: Store, protocol: Protocol, path: Path) -> bool:
    """Whether the table for machines beside one for people has fewer rows than the records make."""
    beside = read_bytes(path.with_suffix(".csv"))
    if beside is None:
        return False
    made = render_table(table(store.root, protocol), protocol, "csv")
    rows, possible = list(csv.reader(io.StringIO(beside.decode(errors="replace")))), csv.reader(io.StringIO(made))
    return len(rows) < len(list(possible))
