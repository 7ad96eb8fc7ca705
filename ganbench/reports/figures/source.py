"""What figures are made from: the records of a results folder, the stored samples, and the data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ganbench.datasets import Dataset, Split, load_dataset
from ganbench.errors import DataError, StoreError
from ganbench.protocols import Protocol
from ganbench.records.record import Record
from ganbench.records.store import Store

__all__ = ["Source"]


@dataclass(frozen=True)
class Source:
    """The finished records of one protocol in a results folder, in the order of its table.

    Attributes:
        store: The results folder.
        protocol: The protocol.
        records: Its records that are done.
        data_root: Where data sets lie; None for the default place.
    """

    store: Store
    protocol: Protocol
    records: tuple[Record, ...]
    data_root: str | None = None

    def first_cells(self) -> list[Record]:
        """One record of every data set and model, of the first fold and seed."""
        return list({record.place[:2]: record for record in reversed(self.records)}.values())[::-1]

    def by_dataset(self) -> dict[str, list[Record]]:
        """The `first_cells` of every data set."""
        found: dict[str, list[Record]] = {}
        for record in self.first_cells():
            found.setdefault(record.dataset.identity, []).append(record)
        return found

    def samples(self, record: Record) -> np.ndarray:
        """The samples that the record scores, `[n, *event_shape]`.

        Raises:
            StoreError: They are not stored, or others are.
        """
        stored = None
        if record.samples is not None and record.samples.key:
            stored = self.store.read_samples(record.samples.key)
        if record.samples is None or stored is None:
            raise StoreError(
                f"The samples of {record.model.spec} on {record.dataset.name} are not stored. Run it again."
            )
        if hashlib.sha256(stored[0].tobytes()).hexdigest() != record.samples.sha256:
            raise StoreError(
                f"The stored samples of {record.model.spec} on {record.dataset.name} are not the record's."
            )
        return stored[0]

    def split(self, record: Record) -> Split:
        """The fold that the record is of.

        Raises:
            UserError: The data are not here, or are not those of the record.
        """
        dataset = _load(record.dataset.name, self.data_root)
        split = next((split for split in dataset.splits if split.name == record.fold), None)
        if split is None or dataset.checksum != record.dataset.checksum:
            raise DataError(f"The data set {record.dataset.name} that is here is not the one of the record.")
        return split


@lru_cache(maxsize=1)
def _load(name: str, root: str | None) -> Dataset:
    return load_dataset(name, root)
