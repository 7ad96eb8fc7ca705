"""Records: the immutable outcome of a cell, its scores by metric or the reason why there are none.

A record is strict JSON (`ganbench/records/record.schema.json`), validated when it is built and when it is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from ganbench.errors import StoreError
from ganbench.metrics.metric import Curve, Finding, Value
from ganbench.records.history import upgrade
from ganbench.schema import convert, to_json

__all__ = [
    "EXACT",
    "ChainsRef",
    "DataRef",
    "ModelRef",
    "Place",
    "Record",
    "SamplesRef",
    "Score",
    "Timing",
    "Training",
    "read_record",
    "unreadable_record",
]

# History of the format. A reader refuses a newer version by name and upgrades an older one (`records/history.py`).
#   1: log-likelihood and neighbour distances as mappings of their own.
#   2: scores by metric, typed, each with the key of what it depends on; keys of the steps; what the model depends on.
#   3: a digest of the rest, by which a record shows that it was changed. Formats 1 and 2 have none and are believed.
SCHEMA_VERSION = 3

_REMEDY = "Move it away and run again, or run with --fresh."

EXACT = "exact_log_likelihood"
"""The name of the score that comes from the model's own density, and not from its samples."""

Sha256 = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]


class Place(NamedTuple):
    """What tells the cells of a protocol apart, in the words that name their files."""

    dataset: str
    model: str
    fold: str
    seed: int


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a record."""


class DataRef(_Struct, frozen=True):
    """A data set: its name, the sha256 of its source data, and what tells it apart from others of that name.

    `findings` say what a reader must know of the splits: copies between their parts.
    """

    name: str
    checksum: Sha256 = ""
    mark: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def identity(self) -> str:
        """Name and mark."""
        return f"{self.name}@{self.mark}" if self.mark else self.name


class ModelRef(_Struct, frozen=True):
    """A model as it was configured.

    Attributes:
        name: Short name.
        spec: The name and the settings that differ from the preset's.
        hyperparameters: Preset and settings.
        preset: Name of the preset; empty where there is none.
        mark: What tells it apart from others of the same spec; empty for installed models.
        depends_on: Hashes of the sources and files that its training depends on, by name.
        reference: What the row shows, where it is no model but a `ganbench.Reference`.
    """

    name: str
    spec: str
    hyperparameters: dict[str, Any] = {}
    preset: str = ""
    mark: str = ""
    depends_on: dict[str, str] = {}
    reference: str = ""

    @property
    def identity(self) -> str:
        """Spec and mark."""
        return f"{self.spec}@{self.mark}" if self.mark else self.spec


class ChainsRef(_Struct, frozen=True):
    """The Markov chains that samples come from: where they started, how many, and which of their steps were kept.

    `sha256` is of all chains' numbers.
    """

    starts: tuple[str, ...]
    chains: int
    burn_in: int
    thinning: int
    sha256: Sha256


class SamplesRef(_Struct, frozen=True):
    """The samples that were scored: how many, the sha256 of their float32 numbers, and the key of their file.

    The key is empty for samples that are not kept: those of a training that is to go on. `chains` is None for samples
    that do not come from Markov chains. `findings` say what was made of samples that came from elsewhere, to be like
    the data.
    """

    n: int
    sha256: Sha256
    key: str = ""
    chains: ChainsRef | None = None
    findings: tuple[Finding, ...] = ()


class Score(_Struct, frozen=True):
    """What one metric says, and what it depends on.

    Attributes:
        metric: Its name.
        version: Its version.
        settings: All its settings.
        key: sha256 over the metric, its settings and source, the samples and the data it was given.
        headline: The name of the value that a table shows.
        values: Named values.
        curves: Named curves.
        findings: What limits the trust in the values.
    """

    metric: str
    version: int
    settings: dict[str, Any]
    key: str
    headline: str
    values: dict[str, Value]
    curves: dict[str, Curve] = {}
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if self.headline not in self.values:
            raise ValueError(f"the headline {self.headline!r} is none of the values {list(self.values)}")


class Training(_Struct, frozen=True):
    """How the model was trained.

    Attributes:
        epochs: How many there were.
        metrics: What the model said of the last one.
        curves: The same of every epoch, by name; and "selection", validation log-likelihoods.
        selected_epoch: The epoch whose parameters were sampled, where it was chosen on validation data.
        stopped: Why there were no more epochs; empty where training came to its end.
        seconds: Time spent.
        provenance: Where it began.
    """

    epochs: int = 0
    metrics: dict[str, float] = {}
    curves: dict[str, Curve] = {}
    selected_epoch: int | None = None
    stopped: str = ""
    seconds: float = 0.0
    provenance: dict[str, Any] = {}


class Timing(_Struct, frozen=True):
    """When and how long, in seconds: with provenance the only part in which two equal runs differ."""

    started: str = ""
    train_seconds: float | None = None
    sample_seconds: float | None = None
    score_seconds: dict[str, float] = {}


class Record(_Struct, frozen=True, kw_only=True, tag_field="schema_version", tag=SCHEMA_VERSION):
    """The outcome of a cell.

    As JSON it begins with `schema_version`, the version of its format.

    Attributes:
        protocol: Name of the protocol.
        dataset: The data set.
        model: The model.
        fold: Name of the split.
        seed: Base seed.
        status: "done" or "failed".
        reason: Why it failed; empty otherwise.
        traceback: Of a failure that is not the user's; empty otherwise.
        samples: The samples; None where there are none.
        scores: One for each metric.
        training: How the model was trained; None for samples that came from elsewhere.
        timing: When and how long.
        provenance: Versions, device, code; see `ganbench.records.provenance`.
        digest: In a file, sha256 of the rest as canonical JSON (keys sorted, no spaces); empty in memory.
    """

    protocol: str
    dataset: DataRef
    model: ModelRef
    fold: str
    seed: int
    status: Literal["done", "failed"]
    reason: str = ""
    traceback: str = ""
    samples: SamplesRef | None = None
    scores: tuple[Score, ...] = ()
    training: Training | None = None
    timing: Timing = Timing()
    provenance: dict[str, Any] = {}
    digest: Sha256 = ""

    def __post_init__(self) -> None:
        if (self.status == "failed") != bool(self.reason):
            raise ValueError(
                f"a record has a reason exactly when it failed; status {self.status!r}, reason {self.reason!r}"
            )

    @property
    def place(self) -> Place:
        """The cell that this is the outcome of."""
        return Place(self.dataset.identity, self.model.identity, self.fold, self.seed)

    def score(self, metric: str) -> Score | None:
        """The score of a metric, by its name; the first if there are several with different settings."""
        return next((score for score in self.scores if score.metric == metric), None)

    def to_json(self) -> str:
        """The record as strict JSON on one line.

        Raises:
            ValueError: It holds a number that JSON does not have.
        """
        content = json.loads(to_json(self))  # as it will be read
        content.pop("digest", None)
        return json.dumps({**content, "digest": _digest(content)}, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_record(text: str | bytes, origin: str) -> Record:
    """Read a record from JSON; older formats are upgraded.

    Raises:
        StoreError: It is not a record, was changed after it was written, or is of a version that this ganbench does not
            know.
    """
    try:
        content = msgspec.json.decode(text)
        version = content["schema_version"]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError, UnicodeDecodeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise StoreError(f"{origin} is not a record ({problem}). {_REMEDY}") from error
    if isinstance(version, bool) or version not in (1, 2, SCHEMA_VERSION):
        raise StoreError(
            f"{origin} has record format {version!r}; this ganbench reads 1 to {SCHEMA_VERSION}. Use another version."
        )
    if version == SCHEMA_VERSION and content.pop("digest", "") != _digest(content):
        raise StoreError(f"{origin} was changed after it was written: its digest is that of other content. {_REMEDY}")
    try:
        return convert(upgrade(content), Record)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise StoreError(f"{origin} is not a valid record ({error}). {_REMEDY}") from error


def unreadable_record(place: Path, reason: str) -> Record:
    """A failed record in place of a file that is none, called by what the names in its path tell.

    Args:
        place: `<protocol>/<dataset>/<model>/<fold>-seed<seed>.json`.
        reason: What is wrong with it.
    """
    protocol, dataset, model, name = place.parts
    fold, _, seed = name.removesuffix(".json").rpartition("-seed")
    number = int(seed) if re.fullmatch(r"\d{1,18}", seed) else -1
    of_model = ModelRef(model.partition("[")[0], model)
    return Record(
        protocol=protocol, dataset=DataRef(dataset), model=of_model, fold=fold, seed=number, status="failed",
        reason=reason,
    )  # fmt: skip


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
