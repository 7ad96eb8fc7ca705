"""The frozen form of a protocol file (`ganbench/protocols/protocol.schema.json`)."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ganbench.choices import protocol_names
from ganbench.errors import DataError, UnknownNameError
from ganbench.protocols.cluster import ClusterSettings
from ganbench.protocols.ladder import Ladder
from ganbench.protocols.published import Judgement, Published
from ganbench.protocols.sampling import ChainRule, Count, Selection
from ganbench.schema import convert

__all__ = ["Across", "DatasetPlan", "Protocol", "load_protocol"]

Across = Literal["examples", "folds"]

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[\w.\-]+$")]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]

_MOVED = {
    "bandwidth_grid": 'a setting of the metric: metrics = ["parzen[grid={start=0.1,stop=1.0,count=10}]"]',
    "refinement_steps": 'a setting of the metric: metrics = ["parzen[refinement_steps=16]"]',
    "validation_limit": 'a setting of the metric: metrics = ["parzen[validation_limit=1000]"] of the data set',
    "n_neighbor_samples": 'a setting of the metric: metrics = ["nearest_neighbors[limit=1000]"]',
    "bandwidth_shown": "a choice of `ganbench table --bandwidth`",
    "likelihood": "said by the metrics of the data set: metrics = []",
    "process_per_core": "threads = 1",
}
"""Keys of earlier versions, and what has taken their place."""


class DatasetPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One data set of a protocol and how it is scored.

    Attributes:
        name: Name or path, as `ganbench.load_dataset` takes it.
        title: Column head.
        standard_error_across: "examples", "folds", or both; across examples means the first fold.
        preset: Name of the presets that models use; the data set's name unless said.
        metrics: Specs of the metrics, instead of the protocol's; an empty list for none.
        default: Whether it is run when no data sets are asked for.
        models: Specs that are run on it instead of the protocol's models.
        note: What a reader of the table must know of it.
        duplicates: What is done about examples that stand in two parts of a split: "keep", "exclude" or "refuse"; see
            `ganbench.datasets.duplicates`.
    """

    name: str
    title: str = ""
    standard_error_across: Annotated[tuple[Across, ...], Meta(min_length=1)] = ("examples",)
    preset: str = ""
    metrics: tuple[str, ...] | None = None
    default: bool = True
    models: tuple[str, ...] = ()
    note: str = ""
    duplicates: Literal["keep", "exclude", "refuse"] = "keep"


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An evaluation procedure.

    Attributes:
        name: Short name.
        title: One line on what it is.
        n_samples: Samples drawn from every model.
        datasets: The data sets.
        models: Specs of the models.
        metrics: Specs of the metrics.
        table: Names of the metrics that the table shows; all of them unless said.
        titles: Row titles by model name, or by a spec with settings.
        published: Published values of the Parzen log-likelihood.
        judgement: How measured values are held against them.
        ladder: Rows of known standing, for `--ladder`.
        threads: Threads of a cell on the CPU, which decide the last bits of its numbers; 0 for all of the machine. With
            one, as many cells run side by side as there are cores: right for models so small that two cores on one
            matrix product cost more than they save.
        chains: How models that are sampled by Markov chains are sampled.
        selection: Which epoch of a training is sampled; the last one unless said.
        seconds_per_cell: Rough cost on two CPU cores, by data set and model name, for the estimate of a plan.
        slurm: What jobs on a cluster ask for.
    """

    name: Name
    title: str
    n_samples: Count
    datasets: Annotated[tuple[DatasetPlan, ...], Meta(min_length=1)]
    models: tuple[str, ...]
    metrics: tuple[str, ...] = ("parzen", "nearest_neighbors")
    table: tuple[str, ...] = ()
    titles: dict[str, str] = {}
    published: tuple[Published, ...] = ()
    judgement: Judgement = Judgement()
    ladder: Ladder = Ladder()
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    chains: ChainRule = ChainRule()
    selection: Selection | None = None
    seconds_per_cell: dict[str, dict[str, Seconds]] = {}
    slurm: ClusterSettings | None = None

    def __post_init__(self) -> None:
        names = [plan.name for plan in self.datasets]
        if len(set(names)) < len(names):
            raise ValueError(f"datasets: each name once; got {names}")
        metrics = {name for plan in self.datasets for name in self.metric_names_on(plan)}
        for name in self.table:
            if name not in metrics and not any(":" in metric for metric in metrics):  # those have names of their own
                raise ValueError(f"table: {name!r} is none of the metrics; accepted: {', '.join(sorted(metrics))}")

    def dataset_plan(self, name: str) -> DatasetPlan | None:
        """The plan of a data set, if the protocol has it."""
        return next((plan for plan in self.datasets if plan.name == name), None)

    def plan_of(self, identity: str) -> DatasetPlan | None:
        """The plan of a data set by its identity in records; that of a user's file is known by the file's stem."""
        stem, own, _ = identity.rpartition("@")
        if not own:
            return self.dataset_plan(identity)
        plans = [plan for plan in self.datasets if Path(plan.name).suffix and Path(plan.name).stem == stem]
        return plans[0] if len(plans) == 1 else None

    def title_on(self, identities: Collection[str]) -> str:
        """The title of what is measured on data sets, by their identities; its own speaks of its own data sets only."""
        ours = all(self.plan_of(identity) for identity in identities)
        return self.title if ours else f"Scores by the protocol {self.name!r}"

    def metrics_on(self, plan: DatasetPlan) -> tuple[str, ...]:
        """The specs of the metrics of a data set."""
        return self.metrics if plan.metrics is None else plan.metrics

    def metric_names_on(self, plan: DatasetPlan) -> tuple[str, ...]:
        """The same without their settings."""
        return tuple(dict.fromkeys(spec.partition("[")[0].strip() for spec in self.metrics_on(plan)))

    def find_published(self, model: str, dataset: str) -> Published | None:
        """The published value of a cell of the table, if there is one."""
        return next((p for p in self.published if (p.model, p.dataset) == (model, dataset)), None)


def load_protocol(name: str) -> Protocol:
    """Read a protocol by name, or from the path of a TOML file.

    Raises:
        UnknownNameError: There is no such protocol.
        DataError: The file cannot be read, or a key or a value of it is not accepted.
    """
    path = Path(name) if name.endswith(".toml") else Path(__file__).parent / f"{name}.toml"
    if not path.is_file():
        raise UnknownNameError("protocol", name, protocol_names(), "A protocol may also be the path of a .toml file.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"The protocol {path} cannot be read: {error}") from error
    try:
        _refuse_moved(content)
        return convert(content, Protocol)
    except ValueError as error:
        raise DataError(f"The protocol {path} is not valid: {str(error).rstrip('.')}.") from error


def _refuse_moved(content: dict[str, object]) -> None:
    datasets = content.get("datasets")
    tables = [content, *(d for d in datasets if isinstance(d, dict))] if isinstance(datasets, list) else [content]
    for table in tables:
        for key in table:
            if key in _MOVED:
                raise ValueError(f"{key!r} is no key of a protocol any more; it is {_MOVED[key]}")
