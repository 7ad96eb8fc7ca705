"""The frozen form of a protocol file.

What decides a number (sample count, bandwidth grid, validation limit, ...) goes into `Protocol.fingerprint`; titles and
published values do not. Records of different fingerprints are never put into one column of a table.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from ganbench.errors import DataError, UnknownNameError
from ganbench.files import content_key

__all__ = ["SCORING_VERSION", "DatasetPlan", "Protocol", "Published", "load_protocol", "protocol_names"]

SCORING_VERSION = 1
"""Raised whenever a change of the metrics changes a number; part of every protocol's fingerprint.

1: Parzen window with float64 correction, grid and refined bandwidth; nearest training neighbours.
"""

_ACROSS = ("examples", "folds")
_SHOWN = ("grid", "refined")
_PLAIN: dict[str, Any] = {"str": str, "int": int, "bool": bool, "float": (int, float)}


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
        process_per_core: Whether cells run side by side by default, one process and one thread for each core: right for
            models so small that two cores on one matrix product cost more than they save.
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
    process_per_core: bool = False
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


_TABLES = {"tuple[DatasetPlan, ...]": DatasetPlan, "tuple[Published, ...]": Published}


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
        protocol = _from_table(Protocol, content)
        _validate(protocol)
    except ValueError as error:
        raise DataError(f"The protocol {path} is not valid: {error}.") from error
    return protocol


def _from_table(kind: Any, table: Any) -> Any:
    """Build a dataclass from a TOML table, each value checked against the annotation of its field."""
    if not isinstance(table, dict):
        raise ValueError(f"expected a table of {kind.__name__}; got {table!r}")
    known = {f.name: f for f in fields(kind)}
    for name in table:
        if name not in known:
            raise ValueError(f"unknown key {name!r} in {kind.__name__}; accepted: {', '.join(known)}")
    for name, f in known.items():
        if name not in table and f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f"{kind.__name__} lacks the key {name!r}")
    return kind(**{name: _convert(name, str(known[name].type), value) for name, value in table.items()})


def _convert(name: str, annotation: str, value: Any) -> Any:
    if annotation in _TABLES:
        _demand(isinstance(value, list), name, "a list of tables", value)
        return tuple(_from_table(_TABLES[annotation], table) for table in value)
    if annotation == "tuple[float, ...]":
        return _expand_grid(name, value)
    if annotation == "tuple[str, ...]":
        _demand(isinstance(value, list) and all(isinstance(v, str) for v in value), name, "a list of strings", value)
        return tuple(value)
    expected = _PLAIN.get(annotation, dict)
    is_wrong_boolean = isinstance(value, bool) and expected is not bool  # to Python a boolean is an integer
    _demand(isinstance(value, expected) and not is_wrong_boolean, name, f"of type {annotation}", value)
    return value


def _expand_grid(name: str, grid: Any) -> tuple[float, ...]:
    """A list, ascending, or {start, stop, count}: evenly spaced in the logarithm."""
    accepted = "positive numbers, or { start, stop, count } with 0 < start < stop and count >= 2"
    try:
        if isinstance(grid, list):
            values = tuple(sorted(map(float, grid)))
        else:
            start, stop, count = float(grid["start"]), float(grid["stop"]), int(grid["count"])
            _demand(0 < start < stop and len(grid) == 3, name, accepted, grid)
            values = tuple(start * (stop / start) ** (i / (count - 1)) for i in range(count))
    except (TypeError, KeyError, ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{name} must be {accepted}; got {grid!r}") from error
    _demand(bool(values) and all(0 < v < math.inf for v in values), name, accepted, grid)
    return values


def _validate(protocol: Protocol) -> None:
    searched = protocol.bandwidth_shown == "refined"
    _demand(bool(re.fullmatch(r"[\w.\-]+", protocol.name)), "name", "letters, digits, '.', '-' or '_'", protocol.name)
    _demand(protocol.n_samples >= 1, "n_samples", "at least 1", protocol.n_samples)
    _demand(protocol.n_neighbor_samples >= 1, "n_neighbor_samples", "at least 1", protocol.n_neighbor_samples)
    _demand(protocol.bandwidth_shown in _SHOWN, "bandwidth_shown", f"one of {_SHOWN}", protocol.bandwidth_shown)
    least = "at least 2 where bandwidth_shown is 'refined', otherwise 0 or more"
    _demand(protocol.refinement_steps >= 2 * searched, "refinement_steps", least, protocol.refinement_steps)
    names = [plan.name for plan in protocol.datasets]
    _demand(bool(names) and len(set(names)) == len(names), "datasets", "at least one, each name once", names)
    for plan in protocol.datasets:
        across = plan.standard_error_across
        named = f"standard_error_across of {plan.name!r}"
        _demand(bool(across) and set(across) <= set(_ACROSS), named, f"some of {_ACROSS}", across)
        _demand(plan.validation_limit >= 0, f"validation_limit of {plan.name!r}", "0 or more", plan.validation_limit)


def _demand(condition: bool, name: str, accepted: str, value: Any) -> None:
    if not condition:
        raise ValueError(f"{name} must be {accepted}; got {value!r}")
