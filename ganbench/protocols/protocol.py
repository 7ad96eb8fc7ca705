"""The frozen form of a protocol file.

What decides a number (sample count, bandwidth grid, validation limit, ...) goes into `Protocol.fingerprint`; titles and
published values do not. Records of different fingerprints are never put into one column of a table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ganbench.errors import DataError, UnknownNameError, UsageError
from ganbench.fingerprint import content_key

__all__ = ["SCORING_VERSION", "DatasetPlan", "Protocol", "Published", "load_protocol", "protocol_names"]

SCORING_VERSION = 1
"""Raised whenever a change of the metrics changes a number; part of every protocol's fingerprint.

1: Parzen window with float64 correction, grid and refined bandwidth; nearest training neighbours.
"""

_ACROSS = ("examples", "folds")


@dataclass(frozen=True)
class DatasetPlan:
    """One data set of a protocol and how it is scored.

    Attributes:
        name: Name or path, as `ganbench.datasets.load_dataset` takes it.
        title: Column head.
        standard_error_across: "examples", "folds", or both; across examples means the first fold.
        validation_limit: How many of the first validation examples choose the bandwidth; 0 for all.
        preset: Name of the presets that models use; the data set's name unless said.
        bandwidth_grid: Its own coarse grid; the protocol's where empty.
        likelihood: Whether a log-likelihood is computed; otherwise there are only samples.
        default: Whether it is run when no data sets are asked for.
        models: Specs that are run on it instead of the protocol's models.
        note: What a reader of the table must know of it.
    """

    name: str
    title: str = ""
    standard_error_across: tuple[str, ...] = ("examples",)
    validation_limit: int = 0
    preset: str = ""
    bandwidth_grid: tuple[float, ...] = ()
    likelihood: bool = True
    default: bool = True
    models: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Published:
    """A value that somebody else printed, in nats, and where."""

    model: str
    dataset: str
    mean: float
    standard_error: float
    source: str


@dataclass(frozen=True)
class Protocol:
    """An evaluation procedure.

    Attributes:
        name: Short name.
        title: One line on what it is.
        n_samples: Samples drawn from every model.
        bandwidth_grid: The coarse grid, ascending.
        refinement_steps: Steps of the second search between the neighbours of the coarse optimum; 0 for none.
        bandwidth_shown: "grid" or "refined": which of the two a table shows.
        n_neighbor_samples: How many samples are compared with their nearest training example.
        datasets: The data sets.
        models: Specs of the models.
        titles: Row titles by model name.
        published: Published values.
        seconds_per_cell: Rough cost on two CPU cores, by data set and model name, for the estimate of a plan.
    """

    name: str
    title: str
    n_samples: int
    bandwidth_grid: tuple[float, ...]
    datasets: tuple[DatasetPlan, ...]
    models: tuple[str, ...]
    refinement_steps: int = 16
    bandwidth_shown: str = "refined"
    n_neighbor_samples: int = 1000
    titles: Mapping[str, str] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    seconds_per_cell: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def fingerprint(self, plan: DatasetPlan) -> str:
        """sha256 over everything that decides a number of a data set."""
        return content_key(
            {
                "scoring_version": SCORING_VERSION,
                "n_samples": self.n_samples,
                "bandwidth_grid": plan.bandwidth_grid or self.bandwidth_grid,
                "refinement_steps": self.refinement_steps,
                "n_neighbor_samples": self.n_neighbor_samples,
                "validation_limit": plan.validation_limit,
                "likelihood": plan.likelihood,
            }
        )

    def dataset_plan(self, name: str) -> DatasetPlan:
        """The plan of a data set.

        Raises:
            UnknownNameError: The protocol does not have it.
        """
        for plan in self.datasets:
            if plan.name == name:
                return plan
        raise UnknownNameError(f"dataset of protocol {self.name!r},", name, [d.name for d in self.datasets])

    def find_published(self, model: str, dataset: str) -> Published | None:
        """The published value of a cell of the table, if there is one."""
        return next((p for p in self.published if (p.model, p.dataset) == (model, dataset)), None)

    def model_title(self, name: str) -> str:
        """The row title of a model."""
        return self.titles.get(name, name)


def protocol_names() -> list[str]:
    """The protocols that ship with ganbench."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))


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
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"The protocol {path} cannot be read: {error}") from error
    try:
        protocol = _build(content)
    except (TypeError, ValueError, KeyError) as error:
        raise DataError(f"The protocol {path} is not valid: {error}") from error
    _validate(protocol, path)
    return protocol


def _build(content: dict[str, Any]) -> Protocol:
    grid = content.pop("bandwidth_grid")
    return Protocol(
        bandwidth_grid=_expand_grid(grid),
        datasets=tuple(_from_table(DatasetPlan, table) for table in content.pop("datasets")),
        published=tuple(_from_table(Published, table) for table in content.pop("published", [])),
        models=tuple(content.pop("models")),
        **content,
    )


def _from_table(kind: Any, table: dict[str, Any]) -> Any:
    unknown = set(table) - {f.name for f in fields(kind)}
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r} in a table of {kind.__name__}")
    if "bandwidth_grid" in table:
        table["bandwidth_grid"] = _expand_grid(table["bandwidth_grid"])
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def _expand_grid(grid: Any) -> tuple[float, ...]:
    """A list as it stands, or {start, stop, count}: evenly spaced in the logarithm."""
    if isinstance(grid, list):
        return tuple(sorted(float(s) for s in grid))
    start, stop, count = float(grid["start"]), float(grid["stop"]), int(grid["count"])
    return tuple(start * (stop / start) ** (i / (count - 1)) for i in range(count))


def _validate(protocol: Protocol, path: Path) -> None:
    for grid in (protocol.bandwidth_grid, *(d.bandwidth_grid for d in protocol.datasets if d.bandwidth_grid)):
        if not grid or min(grid) <= 0:
            raise DataError(f"{path}: bandwidth_grid must hold positive numbers; got {grid}.")
    if protocol.n_samples < 1:
        raise DataError(f"{path}: n_samples must be at least 1; got {protocol.n_samples}.")
    if protocol.bandwidth_shown not in ("grid", "refined"):
        raise DataError(f"{path}: bandwidth_shown must be 'grid' or 'refined'; got {protocol.bandwidth_shown!r}.")
    if protocol.bandwidth_shown == "refined" and protocol.refinement_steps < 2:
        raise DataError(
            f"{path}: bandwidth_shown = 'refined' needs refinement_steps >= 2; got {protocol.refinement_steps}."
        )
    for plan in protocol.datasets:
        for across in plan.standard_error_across:
            if across not in _ACROSS:
                raise UsageError(f"{path}: standard_error_across must be of {_ACROSS}; got {across!r}.")
