"""The frozen form of a protocol file (`ganbench/protocols/protocol.schema.json`)."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ganbench.choices import protocol_names
from ganbench.errors import DataError, UnknownNameError
from ganbench.schema import convert

__all__ = ["Across", "ChainRule", "DatasetPlan", "Protocol", "Published", "Selection", "load_protocol"]

Across = Literal["examples", "folds"]

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[\w.\-]+$")]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]
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
    """

    name: str
    title: str = ""
    standard_error_across: Annotated[tuple[Across, ...], Meta(min_length=1)] = ("examples",)
    preset: str = ""
    metrics: tuple[str, ...] | None = None
    default: bool = True
    models: tuple[str, ...] = ()
    note: str = ""


class ChainRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How models that are sampled by Markov chains are sampled, all by the same rule.

    Chains run side by side, as many from every start. A pilot run of fewer chains finds how long the burn-in must be;
    after it, samples are taken at even distances from as many steps.

    Attributes:
        starts: Where chains start: at "noise" (the model's own neutral start), at the "mean" training example, or at
            "train", training examples chosen at random. The samples of the row are those of the first; the others show
            whether the chains have forgotten where they began.
        chains: Chains from every start, never more than there are samples.
        autocorrelation_times: The burn-in is at least so many integrated autocorrelation times.
        least_burn_in: Steps that the burn-in has at least.
        most_burn_in: Steps that it has at most, however slow the chains are.
    """

    starts: Annotated[tuple[Literal["noise", "mean", "train"], ...], Meta(min_length=1)] = ("noise", "train")
    chains: Count = 1000
    autocorrelation_times: Annotated[float, Meta(ge=0, le=1000)] = 10.0
    least_burn_in: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    most_burn_in: Annotated[int, Meta(ge=1, le=1_000_000)] = 3200

    def __post_init__(self) -> None:
        if len(set(self.starts)) < len(self.starts):
            raise ValueError(f"chains.starts: each start once; got {list(self.starts)}")
        if self.least_burn_in > self.most_burn_in:
            raise ValueError(
                f"chains: least_burn_in is {self.least_burn_in} and most_burn_in {self.most_burn_in}; "
                "the first must not be larger"
            )


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which epoch of a training is sampled: the one of the highest validation log-likelihood by the Parzen window.

    Attributes:
        models: Names of the models that it is for.
        every: Epochs from one look at the validation data to the next; the last epoch is looked at as well.
        metric: Spec of the Parzen metric whose bandwidths and validation examples are used.
        patience: Training stops when so many epochs have brought nothing better; 0 goes on to the end.
    """

    models: tuple[str, ...]
    every: Annotated[int, Meta(ge=1, le=1_000_000)] = 25
    metric: str = "parzen"
    patience: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that somebody else printed, in nats, and where."""

    model: str
    dataset: str
    mean: float
    standard_error: float
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.standard_error)):
            raise ValueError(f"a published mean and its error are finite; got {self.mean} and {self.standard_error}")


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
        titles: Row titles by model name.
        published: Published values of the Parzen log-likelihood.
        threads: Threads of a cell on the CPU, which decide the last bits of its numbers; 0 for all of the machine. With
            one, as many cells run side by side as there are cores: right for models so small that two cores on one
            matrix product cost more than they save.
        chains: How models that are sampled by Markov chains are sampled.
        selection: Which epoch of a training is sampled; the last one unless said.
        seconds_per_cell: Rough cost on two CPU cores, by data set and model name, for the estimate of a plan.
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
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    chains: ChainRule = ChainRule()
    selection: Selection | None = None
    seconds_per_cell: dict[str, dict[str, Seconds]] = {}

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
