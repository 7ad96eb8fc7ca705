"""Do the records of a results folder follow from its samples? Every score is computed again, and held against it.

Nothing is trained. What cannot be looked at, as scores of samples that are not stored, is named and not called
verified.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ganbench.datasets import Dataset, Split, UnavailableDataset, apply_duplicate_rule, as_dataset
from ganbench.errors import DataError, ModelError, StoreError, UsageError, UserError
from ganbench.evaluation import Evaluation, chains_checksum, fitted_samples, score_key
from ganbench.experiment.agreement import (
    ELSEWHERE,
    HERE,
    other_surroundings,
    score_agreement,
    stated_mean_differs,
)
from ganbench.experiment.calling import calling
from ganbench.experiment.plan import data_ref
from ganbench.metrics.metric import Chains
from ganbench.protocols import load_protocol, protocol_names
from ganbench.records.provenance import collect_provenance
from ganbench.records.record import EXACT, Record, SamplesRef, Score
from ganbench.records.store import Store
from ganbench.registry.metrics import MetricSource, find_metric
from ganbench.registry.models import find_model
from ganbench.registry.samples import SampleFile
from ganbench.registry.specs import Spec
from ganbench.runtime.device import limited_threads, usable_cores

__all__ = ["Verified", "verify_records"]

Status = Literal["agrees", "disagrees", "not verified"]


class Verified(NamedTuple):
    """What came of looking at one part of a results folder.

    Attributes:
        file: The file, relative to the folder.
        part: What of it: "record", "model", "data", "samples", "score parzen", "table".
        status: "agrees", "disagrees", or "not verified" where it cannot be looked at.
        text: Why, or how well.
    """

    file: str
    part: str
    status: Status
    text: str


class _Unverifiable(Exception):
    """Something cannot be looked at; the text says why."""


@dataclass
class _Verifier:
    """A results folder, and what is needed to look at it."""

    store: Store
    device: str
    data_root: str | None
    own_data: Sequence[Any]
    own_samples: Sequence[SampleFile]
    metrics: dict[str, MetricSource]
    _datasets: dict[tuple[str, str], Dataset] = field(default_factory=dict)

    def record(self, path: Path) -> Iterator[Verified]:
        """All that can be said of the record in a file."""
        file = path.relative_to(self.store.root).as_posix()
        try:
            record = self.store.read_record(path)
        except StoreError as error:
            yield Verified(file, "record", "disagrees", str(error))
            return
        if record is None:
            return
        yield from (Verified(file, *found) for found in self._about(record, path))

    def _about(self, record: Record, path: Path) -> Iterator[tuple[str, Status, str]]:
        yield from self._stated(record, path)
        try:
            split = self._split(record)
        except _Unverifiable as reason:
            yield "data", "not verified", str(reason)
        except DataError as error:
            yield "data", "disagrees", str(error)
        else:
            yield from self._scores(record, split)

    def _stated(self, record: Record, path: Path) -> Iterator[tuple[str, Status, str]]:
        """What the record tells by itself."""
        place = self.store.record_path(record.protocol, record.place)
        if place != path:
            right = place.relative_to(self.store.root).as_posix()
            yield "record", "disagrees", f"what it says belongs at {right}: it was moved or edited"
        for score in record.scores:
            if text := stated_mean_differs(score):
                yield f"score {score.metric}", "disagrees", f"{text}: the record was edited"
        if record.status == "failed":
            yield "record", "not verified", f"the cell failed: {record.reason}"
        if text := _other_model(record):
            yield "model", "not verified", text

    def _scores(self, record: Record, split: Split) -> Iterator[tuple[str, Status, str]]:
        """The scores, from samples where these are stored, else by their keys."""
        if record.samples is None or not record.scores:
            yield "samples", "not verified", "there are none"
            return
        evaluation = None
        try:
            evaluation = self._evaluation(record, record.samples, split)
        except _Unverifiable as reason:
            yield "samples", "not verified", str(reason)
        except (StoreError, ModelError) as error:
            yield "samples", "disagrees", str(error)
        for score in record.scores:
            with limited_threads(_threads(record)):
                found = self._score(score, record, split, evaluation)
            yield f"score {score.metric}", *found

    def _split(self, record: Record) -> Split:
        """The data of a record.

        Raises:
            DataError: They are not those that the record names.
            _Unverifiable: They are not here.
        """
        ref = record.dataset
        key = (record.protocol, ref.identity)
        if key not in self._datasets:
            self._datasets[key] = self._read_data(record)
        found = self._datasets[key]
        now = data_ref(found)
        if now.checksum != ref.checksum:
            raise DataError(f"the checksum of {ref.name} is {now.checksum[:12]}; the record's, {ref.checksum[:12]}")
        if now.findings != ref.findings:
            raise DataError(f"what is said of {ref.name} differs: {now.findings} here, {ref.findings} in the record")
        for split in found.splits:
            if split.name == record.fold:
                return split
        raise DataError(f"{ref.name} has no fold {record.fold!r}")

    def _read_data(self, record: Record) -> Dataset:
        ref = record.dataset
        found: Dataset | UnavailableDataset
        if ref.mark:
            own = (dataset for thing in self.own_data if isinstance(dataset := as_dataset(thing), Dataset))
            same = [dataset for dataset in own if dataset.name == ref.name]
            if not same:
                raise _Unverifiable(f"{ref.name} is a file of the user's; name it by --datasets")
            found = next((dataset for dataset in same if data_ref(dataset).mark == ref.mark), same[0])
        else:
            try:
                found = as_dataset(ref.name, self.data_root)
            except UserError as error:
                raise _Unverifiable(str(error)) from error
        if isinstance(found, UnavailableDataset):
            raise _Unverifiable(f"{ref.name} is not here: {found.reason}")
        protocol = self.store.read_protocol(record.protocol)
        if protocol is None and record.protocol in protocol_names():
            protocol = load_protocol(record.protocol)
        plan = protocol.plan_of(ref.identity) if protocol else None
        return apply_duplicate_rule(found, plan.duplicates if plan else "keep")

    def _evaluation(self, record: Record, ref: SamplesRef, split: Split) -> Evaluation:
        """The stored samples of a record, held against its data.

        Raises:
            StoreError: The samples are not those that were scored.
            _Unverifiable: They are not stored.
        """
        samples = np.ascontiguousarray(self._samples(record, ref, split))
        sha256 = hashlib.sha256(samples.tobytes()).hexdigest()
        if sha256 != ref.sha256 or len(samples) != ref.n:
            raise StoreError(
                f"there are {len(samples)} samples of sha256 {sha256[:12]}; scored were {ref.n} of {ref.sha256[:12]}"
            )
        if samples.shape[1:] != split.test.shape[1:]:
            raise StoreError(f"samples of shape {samples.shape[1:]} are held against data of {split.test.shape[1:]}")
        return Evaluation(samples, sha256, split, self.device, record.seed, self._chains(ref))

    def _samples(self, record: Record, ref: SamplesRef, split: Split) -> np.ndarray:
        """The samples of the store; those from elsewhere are read from their file again."""
        stored = self.store.read_samples(ref.key) if ref.key else None
        if stored is not None:
            return stored[0]
        missing = f"they are not stored; their sha256 is {ref.sha256[:12]}"
        if record.training is not None:
            raise _Unverifiable(missing)
        named = [file for file in self.own_samples if file.name == record.model.name]
        if not named:
            raise _Unverifiable(f"{missing}; name the file that they came from, {record.model.spec}, by --samples")
        file = next((file for file in named if file.mark == record.model.mark), None)
        if file is None:
            raise StoreError(f"{named[0].path} is not the file that was scored: its content is another")
        value_range = self._datasets[record.protocol, record.dataset.identity].value_range
        form = {name: str(value) for name, value in record.model.hyperparameters.items()}
        return fitted_samples(file.read(), split.train, value_range, record.model.spec, form)[0]

    def _chains(self, ref: SamplesRef) -> Chains | None:
        if ref.chains is None:
            return None
        chains = self.store.read_chains(ref.key)
        if chains is None:
            raise _Unverifiable("the Markov chains that they come from are not stored")
        if chains_checksum(chains) != ref.chains.sha256:
            raise StoreError("the Markov chains that the samples come from are not those that were scored")
        return chains

    def _score(self, score: Score, record: Record, split: Split, evaluation: Evaluation | None) -> tuple[Status, str]:
        """Compute a score again, and say how well it agrees; without samples, whether its key follows from the rest."""
        if score.metric == EXACT:
            return "not verified", "it comes from the model's own density, and not from samples"
        try:
            metric = self._metric(score)
            cause = _other_key(score, metric, record, split)
            if evaluation is None:
                return "not verified", cause or "its key follows from the metric, the data and the samples' sha256"
            with calling(f"The metric {metric.label!r}"):
                again = evaluation.score(metric)
        except UserError as error:
            return "not verified", f"it cannot be computed: {error}"
        agreement = score_agreement(score, again)
        causes = [cause] if cause else []
        if agreement.is_equal:
            return "agrees", "; ".join(["bit by bit", *causes])
        others = other_surroundings(record.provenance, collect_provenance(self.device))
        tolerance = ELSEWHERE if others else HERE
        causes += others or ["made by the same processor and libraries"]
        if agreement.difference <= tolerance:
            return "agrees", "; ".join([f"within {agreement.difference:.1g} (let pass: {tolerance:g})", *causes])
        return "disagrees", "; ".join([agreement.where, *causes])

    def _metric(self, score: Score) -> MetricSource:
        """The metric of a score, with its settings."""
        if score.metric in self.metrics:
            return self.metrics[score.metric]
        default = find_metric(score.metric)
        here = default.settings_as_data
        changed = {name: value for name, value in score.settings.items() if here.get(name, score) != value}
        return find_metric(Spec(score.metric, changed)) if changed else default


def _sample_file(path: str | Path) -> SampleFile:
    found = find_model(str(path))
    if not isinstance(found, SampleFile):
        raise UsageError(f"{str(path)!r} is no file of samples. Name one by --samples.")
    return found


def _threads(record: Record) -> int:
    """As many threads as made it, where there are cores for them: the order of sums decides last bits."""
    threads = record.provenance.get("threads")
    return min(threads, usable_cores()) if isinstance(threads, int) and threads > 0 else 0


def _other_key(score: Score, metric: MetricSource, record: Record, split: Split) -> str:
    """Why a score's key is not the one that a present score of the same samples would have; empty where it is."""
    ref = record.samples
    if metric.metric.version != score.version:
        return f"made by version {score.version} of the metric, here {metric.metric.version}"
    chains = ref.chains.sha256 if ref and ref.chains else ""
    if score_key(metric, ref.sha256 if ref else "", split, record.seed, chains) == score.key:
        return ""
    return "the key differs: another source of the metric, other data or samples, or an edited record"


def _other_model(record: Record) -> str:
    """What a model was trained by that has changed since: another training would give other samples."""
    if record.training is None or record.model.mark or not record.model.depends_on:
        return ""
    try:
        now = find_model(record.model.name).dependencies()
    except UserError as error:
        return f"it is not installed here: {error}"
    then = record.model.depends_on
    changed = sorted(name for name in {**then, **now} if then.get(name) != now.get(name))
    return f"its source has changed since: {', '.join(changed)}" if changed else ""


def verify_records(
    store: Store,
    *,
    protocol: str | None = None,
    own_data: Sequence[Any] = (),
    own_samples: Sequence[str | Path] = (),
    metrics: Sequence[Any] = (),
    device: str = "cpu",
    data_root: str | None = None,
) -> Iterator[Verified]:
    """Look at all records of a results folder, file by file, as they are asked for.

    Args:
        store: The folder.
        protocol: Only its records.
        own_data: Data of the user's own that records may name, as `ganbench.datasets.as_dataset` takes them.
        own_samples: Files of samples that were scored.
        metrics: Metrics that are not installed, by spec, class or object.
        device: Where metrics compute.
        data_root: Where data sets lie.

    Raises:
        UserError: A metric or a file that is named cannot be used.
    """
    named = {metric.name: metric for metric in map(find_metric, metrics)}
    files = [_sample_file(path) for path in own_samples]
    verifier = _Verifier(store, device, data_root, own_data, files, named)
    for path in store.record_paths(protocol):
        yield from verifier.record(path)
