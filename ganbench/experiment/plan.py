"""The plan of an experiment: its cells, each with the keys of its steps.

A cell has three steps, *train*, *sample* and *score*. The key of a step is a hash of the content that it depends on, so
work that coincides is done once: folds that share their training images share one training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ganbench.datasets import Dataset, Split, dataset_names, load_dataset
from ganbench.datasets.files import is_array_file
from ganbench.errors import DataError, UnknownNameError, UsageError
from ganbench.files import content_key
from ganbench.protocols import DatasetPlan, Protocol
from ganbench.records.record import NO_FOLD, Place, Record
from ganbench.records.store import Store
from ganbench.registry.models import ModelSource, find_model
from ganbench.runtime.seeding import derive_seed

__all__ = ["Cell", "ExperimentRequest", "plan_cells"]


@dataclass(frozen=True)
class ExperimentRequest:
    """What a user asks for.

    Attributes:
        protocol: The protocol.
        models: Specs; empty for the protocol's own.
        datasets: Names out of the protocol, or of any other data set; empty for those the protocol runs by default.
        seeds: How many base seeds, from 0.
        data_root: Where data sets lie; None for the default place.
        download: Whether data that can be downloaded may be.
    """

    protocol: Protocol
    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    seeds: int = 1
    data_root: str | None = None
    download: bool = False


@dataclass(frozen=True)
class Cell:
    """One unit of work: a model with its hyper-parameters on one fold of a data set, from one seed.

    `dataset` and `split` are None where the data could not be loaded; `problem` then says why.
    """

    protocol: Protocol
    plan: DatasetPlan
    model: ModelSource
    seed: int
    fold: str
    dataset: Dataset | None = field(repr=False)
    split: Split | None = field(repr=False)
    problem: str = ""

    @property
    def place(self) -> Place:
        """What tells the cell apart from the others; its record has the same."""
        return (self.plan.name, self.model.spec, self.fold, self.seed)

    @cached_property
    def hyperparameters(self) -> dict[str, Any]:
        """Preset and settings of the model."""
        return self.model.hyperparameters(self.plan.preset or self.plan.name)

    @cached_property
    def train_key(self) -> str:
        """Key of the trained model: its source, hyper-parameters, training data and seed."""
        if self.split is None:
            return ""
        return content_key(
            {
                "target": self.model.target.rpartition(":")[2],
                "source": self.model.fingerprint(),
                "hyperparameters": self.hyperparameters,
                "train": self.split.train_checksum,
                "seed": self.seed_for("train"),
            }
        )

    @cached_property
    def samples_key(self) -> str:
        """Key of the samples: the trained model, how many, and from which seed."""
        return content_key([self.train_key, self.protocol.n_samples, self.seed_for("sample")])

    @cached_property
    def record_key(self) -> str:
        """Key of the record: the samples, the data they are held against, and the protocol."""
        if self.split is None:
            return content_key(["no data", self.problem])
        data = [self.split.train_checksum, self.split.valid_checksum, self.split.test_checksum]
        return content_key([self.samples_key, data, self.protocol.fingerprint(self.plan)])

    def seed_for(self, purpose: str) -> int:
        """The seed of a step; it depends on the training data, not on the fold, so that folds can share a training."""
        checksum = self.split.train_checksum if self.split else ""
        return derive_seed(self.seed, self.model.name, self.plan.name, checksum, purpose)

    def stored_record(self, store: Store) -> Record | None:
        """The record of this cell, where there is one that is done and still agrees with what it depends on."""
        path = store.record_path(self.protocol.name, self.plan.name, self.model.spec, self.fold, self.seed)
        record = store.read_record(path)
        return record if record and record.status == "done" and record.key == self.record_key else None


def plan_cells(request: ExperimentRequest) -> list[Cell]:
    """All cells of an experiment: data sets x models x seeds x folds, those that share a training next to each other.

    Data that cannot be loaded make cells with a `problem`, so that the rest of the experiment goes on.

    Raises:
        UsageError: A name of a model, preset or data set is not known, or the number of seeds is not positive.
    """
    if request.seeds < 1:
        raise UsageError(f"The number of seeds must be at least 1; got {request.seeds}.")
    cells: list[Cell] = []
    for plan in _dataset_plans(request):
        specs = request.models or plan.models or request.protocol.models
        models = [find_model(spec) for spec in dict.fromkeys(specs)]
        dataset, problem = _load(plan.name, request.data_root, request.download)
        splits: Sequence[Split | None] = dataset.splits if dataset else [None]
        for model in models:
            for seed in range(request.seeds):
                for split in splits:
                    fold = split.name if split else NO_FOLD
                    cells.append(Cell(request.protocol, plan, model, seed, fold, dataset, split, problem))
    for cell in cells:
        _ = cell.hyperparameters  # an unknown preset is an error before anything runs
    return cells


def _dataset_plans(request: ExperimentRequest) -> list[DatasetPlan]:
    if request.datasets:
        return [_dataset_plan(request.protocol, name) for name in dict.fromkeys(request.datasets)]
    return [plan for plan in request.protocol.datasets if plan.default]


def _dataset_plan(protocol: Protocol, name: str) -> DatasetPlan:
    """The protocol's plan of a data set; for any other data set that can be loaded, the protocol's defaults."""
    planned = {plan.name for plan in protocol.datasets}
    if name in planned:
        return protocol.dataset_plan(name)
    if name in dataset_names() or is_array_file(name):
        return DatasetPlan(name=name, title=Path(name).stem)
    hint = "A file of your own is named by its path, ending in .npy or .npz."
    raise UnknownNameError("dataset", name, planned.union(dataset_names()), hint)


def _load(name: str, root: str | Path | None, download: bool) -> tuple[Dataset | None, str]:
    try:
        return load_dataset(name, root, download=download), ""
    except DataError as error:
        return None, str(error)
