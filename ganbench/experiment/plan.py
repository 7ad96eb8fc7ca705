"""The plan of an experiment: its cells, each with the keys of its steps.

A cell has the steps *train* and *sample*, and one *score* for each metric. The key of a step is a hash of the content
that it depends on, so work that coincides is done once: folds that share their training images share one training, and
another metric is computed on the samples that there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import asdict

from ganbench.datasets import Dataset, DuplicateRule, Split, UnavailableDataset, apply_duplicate_rule, as_dataset
from ganbench.datasets.base import content_checksum
from ganbench.errors import StoreError, UsageError
from ganbench.evaluation import score_key
from ganbench.experiment.every_metric import with_every_metric
from ganbench.files import content_key
from ganbench.metrics.metric import Finding
from ganbench.protocols import DatasetPlan, Protocol, Selection
from ganbench.records.record import EXACT, DataRef, ModelRef, Place, Record, SamplesRef, Score
from ganbench.records.store import Store
from ganbench.registry.metrics import MetricSource, find_metrics
from ganbench.registry.models import ModelObject, ModelSource, find_model
from ganbench.registry.references import reference_data, split_for
from ganbench.registry.samples import SampleArray, SampleFile
from ganbench.registry.variant import Variant
from ganbench.runtime.memory import free_bytes
from ganbench.runtime.seeding import derive_seed

__all__ = ["Cell", "Estimate", "Plan", "Request", "data_ref", "make_plan"]

_CHAIN_SAMPLING = 1  # raised when `ganbench.experiment.chains` draws other samples by the same rule

Model = ModelSource | ModelObject | SampleFile | SampleArray


@dataclass(frozen=True)
class Request:
    """What a user asks for.

    Attributes:
        protocol: The protocol.
        models: Specs, classes, functions or arrays of samples; empty for the protocol's own.
        datasets: Names, paths, data sets or arrays; empty for those that the protocol runs by default.
        metrics: Specs, classes or objects, besides the protocol's; "all" for every installed one.
        seeds: Base seeds.
        data_root: Where data sets lie; None for the default place.
        download: Whether data that can be downloaded may be.
        ladder: Whether the protocol's rows of known standing are run besides.
    """

    protocol: Protocol
    models: tuple[Any, ...] = ()
    datasets: tuple[Any, ...] = ()
    metrics: tuple[Any, ...] = ()
    seeds: tuple[int, ...] = (0,)
    data_root: str | None = None
    download: bool = False
    ladder: bool = False

    @property
    def is_in_memory(self) -> bool:
        """Whether it names things that another process could not find."""
        return not all(isinstance(thing, str) for thing in (*self.models, *self.datasets, *self.metrics))


@dataclass(frozen=True)
class Origin:
    """Where another process finds what a cell does not carry: the spec and the folder of its data, its metrics."""

    dataset: Any
    data_root: str | None
    metrics: tuple[Any, ...]


@dataclass(frozen=True)
class Cell:
    """One unit of work: a model with its hyper-parameters on one fold of a data set, from one seed.

    Attributes:
        protocol: The protocol.
        data: The data set, for the record.
        model_ref: The model as it was when it was planned, for the record.
        dataset: The data set.
        split: The fold.
        model: The model.
        variant: Its hyper-parameters.
        metrics: The metrics that score it.
        seed: Base seed.
        origin: Where the data and the metrics came from.
        source: The fingerprint of the model when it was planned; what is imported later must have the same.
    """

    protocol: Protocol
    data: DataRef
    model_ref: ModelRef
    dataset: Dataset = field(repr=False)
    split: Split = field(repr=False)
    model: Model
    variant: Variant
    metrics: tuple[MetricSource, ...]
    seed: int
    origin: Origin
    source: str

    def __reduce__(self) -> tuple[Any, ...]:
        """Cells go to other processes without arrays, which are read there anew and must be the same."""
        rest = (self.protocol, self.data, self.model_ref, self.model, self.variant, self.seed, self.origin, self.source)
        return _cell_again, (*rest, self.split.name, self.samples_key, tuple(metric.key for metric in self.metrics))

    @cached_property
    def place(self) -> Place:
        """What tells the cell apart from the others; its record has the same."""
        return Place(self.data.identity, self.model_ref.identity, self.split.name, self.seed)

    @cached_property
    def train_key(self) -> str:
        """Key of the trained model: its source, hyper-parameters, training data and seed."""
        content = {
            "model": self.model.name,
            "source": self.source,
            "hyperparameters": self._hyperparameters(of_sampling=False),
            "train": self.split.train_checksum,
            "seed": self.seed_for("train"),
        }
        given = {need: None if data is None else content_checksum(data) for need, data in self.reference_data.items()}
        return content_key(content | ({"given": given} if given else {}))

    @property
    def reference_data(self) -> dict[str, np.ndarray | None]:
        """What the model is given besides the training examples; nothing, unless it is a reference."""
        if not isinstance(self.model, ModelSource | ModelObject) or not self.model.reference_needs:
            return {}
        return reference_data(self.model.reference_needs, _split_named(self.dataset, self.split.name))

    @cached_property
    def samples_key(self) -> str:
        """Key of the samples: the trained model, and how it is sampled."""
        of_sampling = [self._hyperparameters(of_sampling=True), [_CHAIN_SAMPLING, asdict(self.protocol.chains)]]
        if self.selection is not None:
            rule = {key: value for key, value in asdict(self.selection).items() if key not in ("models", "not_on")}
            of_sampling += [rule, content_checksum(self.selection_examples)]
        return content_key([self.train_key, self.protocol.n_samples, self.seed_for("sample"), *of_sampling])

    def samples_key_after(self, epochs: int) -> str:
        """Key of samples that were drawn before the training had come to its end."""
        return content_key([self.samples_key, epochs])

    @property
    def selection(self) -> Selection | None:
        """By what the protocol chooses the epoch that is sampled, if it does for this model."""
        rule = self.protocol.selection
        chosen = rule is not None and self.model.name in rule.models and self.data.name not in rule.not_on
        return rule if chosen else None

    @property
    def selection_examples(self) -> np.ndarray:
        """The validation examples that choose the epoch: of the first of the folds that share the training."""
        sharing = (s for s in self.dataset.splits if s.train_checksum == self.split.train_checksum)
        return next(sharing, self.split).valid

    def _hyperparameters(self, *, of_sampling: bool) -> dict[str, Any]:
        """Those that matter for sampling only, or all others."""
        names = self.model.sampling_hyperparameters if isinstance(self.model, ModelSource | ModelObject) else ()
        return {k: v for k, v in self.variant.hyperparameters.items() if (k in names) == of_sampling}

    @property
    def sample_bytes(self) -> int:
        """How many bytes its samples take as float32; those of Markov chains as many for every start."""
        return 4 * self.protocol.n_samples * math.prod(self.dataset.event_shape)

    def seed_for(self, purpose: str) -> int:
        """The seed of a step.

        It depends on the training data, not on the fold, so that folds can share a training; and on the content of a
        user's own data, not on what the file is called.
        """
        name = "" if self.data.mark else self.data.name
        return derive_seed(self.seed, self.model.name, name, self.split.train_checksum, purpose)

    def score_key(self, metric: MetricSource, samples: SamplesRef) -> str:
        """Key of a score of this cell."""
        chains = samples.chains.sha256 if samples.chains else ""
        return score_key(metric, samples.sha256, self.split, self.seed, chains)

    def metrics_of(self, samples: SamplesRef) -> list[MetricSource]:
        """The metrics that have something to measure."""
        return [m for m in self.metrics if samples.chains is not None or "chains" not in m.metric.needs]

    def exact_key(self, samples: SamplesRef) -> str:
        """Key of the exact log-likelihood of the test data; empty for models without a density."""
        if not isinstance(self.model, ModelSource | ModelObject) or not self.model.has_log_density:
            return ""
        return content_key([EXACT, samples.key, self.split.test_checksum])

    def reusable_scores(self, record: Record | None, samples: SamplesRef) -> list[Score]:
        """The stored scores that still agree with all that they depend on, for the metrics of this cell."""
        keys = {*self._score_keys(samples)}
        return [score for score in record.scores if score.key in keys] if record else []

    def _score_keys(self, samples: SamplesRef) -> list[str]:
        """Those of all that this cell is to find out."""
        exact = self.exact_key(samples)
        return [self.score_key(metric, samples) for metric in self.metrics_of(samples)] + [exact] * bool(exact)

    def scores_of_other_metrics(self, record: Record | None, samples: SamplesRef) -> list[Score]:
        """The stored scores of the same samples and data by metrics that are not asked for now."""
        if record is None or record.samples is None or record.samples.sha256 != samples.sha256:
            return []
        asked = [(metric.name, metric.settings_as_data) for metric in self.metrics]
        versions = {metric.name: metric.metric.version for metric in self.metrics}
        # Records of format 1 do not know what their scores depend on.
        others = [score for score in record.scores if score.key and (score.metric, score.settings) not in asked]
        others = [score for score in others if score.metric != EXACT]
        others = [score for score in others if score.version == versions.get(score.metric, score.version)]
        same = (record.dataset.identity, record.dataset.checksum) == (self.data.identity, self.data.checksum)
        return others if same else []

    def is_answered_by(self, record: Record | None) -> bool:
        """Whether a stored record holds all that this cell is to find out."""
        if record is None or record.status != "done" or record.samples is None:
            return False
        if record.samples.key != self.samples_key:
            return False
        return len(self.reusable_scores(record, record.samples)) == len(self._score_keys(record.samples))


class Estimate(NamedTuple):
    """How long a run may take; see `ganbench.experiment.estimates`.

    Attributes:
        seconds: What is known.
        learnt: How many trainings, each with its sampling and scoring, are known from earlier runs on this machine.
        given: How many are known from reference times only.
        unknown: How many are not known.
    """

    seconds: float = 0.0
    learnt: int = 0
    given: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Plan:
    """The cells of an experiment, the data sets that are not here, and how long the cells that are not stored take."""

    request: Request
    cells: tuple[Cell, ...]
    unavailable: tuple[UnavailableDataset, ...] = ()
    estimate: Estimate = field(default_factory=Estimate)

    @property
    def free_bytes(self) -> int | None:
        """How much memory is free on this machine; None where the system does not tell."""
        return free_bytes()

    def stored(self, store: Store) -> dict[Place, Record]:
        """The stored records that answer a cell."""
        found = ((cell, _readable(store, cell)) for cell in self.cells)
        return {cell.place: record for cell, record in found if record is not None and cell.is_answered_by(record)}


def _readable(store: Store, cell: Cell) -> Record | None:
    """The stored record of a cell; one that cannot be read answers nothing, and its cell says so when it is run."""
    try:
        return store.find_record(cell.protocol.name, cell.place)
    except StoreError:
        return None


def make_plan(request: Request) -> Plan:
    """All cells of an experiment: data sets x models x seeds x folds, those that share a training next to each other.

    Equal data sets and equal models are run once, however they are written.

    Raises:
        UsageError: A name of a model, metric, preset or data set is not known, or there is no seed.
        DataError: A file of the user's cannot be used, or a metric needs labels that the data do not have.
    """
    if not request.seeds:
        raise UsageError("No seeds. Give at least one.")
    cells: dict[Place, Cell] = {}
    unavailable: dict[str, UnavailableDataset] = {}
    for plan, dataset, spec in _datasets(request):
        if isinstance(dataset, UnavailableDataset):
            unavailable[dataset.name] = dataset
            find_metrics(request.metrics)  # a mistyped name is told at once, not when the data have been fetched
            for model in request.models:
                find_model(model)
        else:
            for cell in _cells_on(request, plan, dataset, spec):
                cells.setdefault(cell.place, cell)
    return Plan(request, tuple(cells.values()), tuple(unavailable.values()))


def _cells_on(request: Request, plan: DatasetPlan, dataset: Dataset, spec: Any) -> Iterator[Cell]:
    """The cells of one data set."""
    data = data_ref(dataset)
    asked = (*request.protocol.metrics_on(plan), *request.metrics)
    origin = Origin(spec, request.data_root, with_every_metric(asked, dataset))
    metrics = find_metrics(origin.metrics)
    for metric in metrics:
        score_key(metric, "", dataset.splits[0], 0)  # refuses data that lack what it needs
    preset = plan.preset or ("" if data.mark else plan.name)
    models = list(request.models or plan.models or request.protocol.models)
    ladder = request.protocol.ladder.models if request.ladder else ()
    for position, model_spec in enumerate([*models, *ladder]):
        model = find_model(model_spec)
        source = model.fingerprint  # before anything else is read of it
        variant = model.variant(preset, dataset.event_shape)
        model_ref = _model_ref(model, variant)
        needs = model.reference_needs if isinstance(model, ModelSource | ModelObject) else ()
        # samples are the same from every seed, and one training of a reference is enough
        once = position >= len(models) or not isinstance(model, ModelSource | ModelObject)
        for seed in request.seeds[:1] if once else request.seeds:
            for whole in dataset.splits:
                split = split_for(needs, whole)
                yield Cell(
                    request.protocol, data, model_ref, dataset, split, model, variant, metrics, seed, origin, source
                )


def _datasets(request: Request) -> list[tuple[DatasetPlan, Dataset | UnavailableDataset, Any]]:
    """The data sets that are asked for, each once: the protocol's plan or its defaults, the data and their spec."""
    wanted: Sequence[Any] = request.datasets or [plan.name for plan in request.protocol.datasets if plan.default]
    found: dict[str, tuple[DatasetPlan, Dataset | UnavailableDataset, Any]] = {}
    for spec in wanted:
        dataset = as_dataset(spec, request.data_root, download=request.download)
        plan = request.protocol.dataset_plan(spec) if isinstance(spec, str) else None
        plan = plan or DatasetPlan(name=dataset.name, title=dataset.name)
        if isinstance(dataset, UnavailableDataset):
            found.setdefault(dataset.name, (plan, dataset, spec))
        else:
            found.setdefault(data_ref(dataset).identity, (plan, apply_duplicate_rule(dataset, plan.duplicates), spec))
    return list(found.values())


def data_ref(dataset: Dataset) -> DataRef:
    """What a record says of a data set."""
    found = Finding("duplicates", dataset.duplicates, "note", "data")
    mark = dataset.checksum[:8] if dataset.is_own else ""
    return DataRef(dataset.name, dataset.checksum, mark, (found,) if dataset.duplicates else ())


def _model_ref(model: Model, variant: Variant) -> ModelRef:
    return ModelRef(
        name=model.name,
        spec=variant.label,
        hyperparameters=dict(variant.hyperparameters),
        preset=variant.preset,
        mark=model.mark,
        depends_on=model.dependencies(),
        reference=model.reference if isinstance(model, ModelSource | ModelObject) else "",
    )


def _split_named(dataset: Dataset, name: str) -> Split:
    return next((split for split in dataset.splits if split.name == name), dataset.splits[0])


def _cell_again(
    protocol: Protocol,
    data: DataRef,
    model_ref: ModelRef,
    model: Model,
    variant: Variant,
    seed: int,
    origin: Origin,
    source: str,
    fold: str,
    samples_key: str,
    metric_keys: tuple[str, ...],
) -> Cell:
    """A cell in another process.

    Raises:
        StoreError: The data or a metric are not what was planned.
        UserError: They cannot be read any more.
    """
    plan = protocol.dataset_plan(origin.dataset)
    dataset = _read_again(origin.dataset, origin.data_root, plan.duplicates if plan else "keep")
    needs = model.reference_needs if isinstance(model, ModelSource | ModelObject) else ()
    split = split_for(needs, _split_named(dataset, fold))
    metrics = find_metrics(origin.metrics)
    cell = Cell(protocol, data, model_ref, dataset, split, model, variant, metrics, seed, origin, source)
    same = data_ref(dataset) == data and cell.samples_key == samples_key
    if not same or tuple(metric.key for metric in metrics) != metric_keys:
        raise StoreError("The data or a metric changed while the run went on. Run the same command again.")
    return cell


@lru_cache(maxsize=1)
def _read_again(spec: str, data_root: str | None, duplicates: DuplicateRule) -> Dataset:
    dataset = as_dataset(spec, data_root)
    if isinstance(dataset, UnavailableDataset):
        raise StoreError(f"{dataset.name} went away while the run went on. {dataset.reason}")
    return apply_duplicate_rule(dataset, duplicates)
