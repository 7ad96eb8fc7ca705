"""The record of a cell.

A record is what one cell (model, data set, fold, seed) of a protocol came to: numbers and where they come from, or the
reason why there are none. It is validated when built and never changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ganbench.errors import StoreError

__all__ = ["SCHEMA_VERSION", "Place", "Record", "read_record"]

NO_FOLD = "all"
"""In place of a fold, where the data set could not be loaded and nobody knows its folds."""

# History of the format. A reader refuses a newer version by name.
#   1: first format.
SCHEMA_VERSION = 1

Place = tuple[str, str, str, int]
"""Data set, model, fold and seed: what tells the cells of a protocol apart."""

_STATUSES = ("done", "failed")


@dataclass(frozen=True)
class Record:
    """The outcome of a cell.

    Attributes:
        key: sha256 of everything the outcome depends on: the cell is run again when it no longer agrees.
        protocol: Name of the protocol.
        protocol_fingerprint: sha256 of what decides a number in it.
        model: Short name of the model.
        model_spec: The spec with its settings.
        hyperparameters: Preset and settings as they were used.
        dataset: Name of the data set.
        dataset_checksum: sha256 of its source data; empty where it could not be loaded.
        fold: Name of the split.
        seed: Base seed.
        status: "done" or "failed".
        reason: Why it failed; empty otherwise.
        traceback: Of a failure that is not the user's; empty otherwise.
        n_samples: Number of samples scored.
        samples_sha256: Of the float32 samples.
        likelihood: `ganbench.evaluation.Likelihood` as a mapping, for "grid" and "refined"; empty where there is none.
        nearest_neighbors: `NeighborDistances` of "generated" samples and, for comparison, of "test" examples.
        training: Number of epochs and the metrics of the last.
        provenance: Versions, device, code; see `ganbench.records.provenance`.
        timing: When and how long, in seconds: the only part in which two equal runs differ.
        schema_version: Version of this format.
    """

    key: str
    protocol: str
    protocol_fingerprint: str
    model: str
    model_spec: str
    hyperparameters: Mapping[str, Any]
    dataset: str
    dataset_checksum: str
    fold: str
    seed: int
    status: str
    reason: str = ""
    traceback: str = ""
    n_samples: int = 0
    samples_sha256: str = ""
    likelihood: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    nearest_neighbors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.status not in _STATUSES:
            raise ValueError(f"status must be one of {_STATUSES}; got {self.status!r}")
        if (self.status == "failed") != bool(self.reason):
            raise ValueError(
                f"a record has a reason exactly when it failed; status {self.status!r}, reason {self.reason!r}"
            )

    @property
    def place(self) -> Place:
        """The cell that this is the outcome of."""
        return (self.dataset, self.model_spec, self.fold, self.seed)

    def to_json(self) -> str:
        """The record as strict JSON with sorted keys, lists of numbers on one line."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False, indent=None, separators=(", ", ": ")) + "\n"


def read_record(text: str, origin: str) -> Record:
    """Read a record from JSON.

    Raises:
        StoreError: It is not a record, or of a version that this ganbench does not know.
    """
    try:
        content = json.loads(text)
        version = content["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{origin} is not a record ({error}). Move it away and run again.") from error
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{origin} has record format {version}; this ganbench reads {SCHEMA_VERSION}. Use another version."
        )
    try:
        return Record(**{f.name: content.pop(f.name) for f in fields(Record)}, **content)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{origin} is not a valid record ({error}). Move it away and run again.") from error
