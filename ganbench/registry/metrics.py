"""Metrics by name: what a spec or a class stands for."""

from __future__ import annotations

import inspect
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ganbench.errors import UsageError
from ganbench.files import content_key, file_sha256
from ganbench.metrics.metric import ROLES, Metric
from ganbench.registry.source import Source, check_names, find_target, installed, object_target
from ganbench.registry.specs import Spec, format_spec, like_default, normal_path, parse_spec, same_setting

__all__ = ["ENTRY_POINT_GROUP", "MetricSource", "find_metric", "find_metrics", "names_metric"]

ENTRY_POINT_GROUP = "ganbench.metrics"
_HINT = "A metric may also be given as package.module:Class or ./file.py:Class."
_CONTRACT = "see the contract in ganbench.metrics.metric"
_ATTRIBUTES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "name": (lambda v: isinstance(v, str) and re.fullmatch(r"[A-Za-z][\w.-]*", v), "a word"),
    "version": (lambda v: type(v) is int, "a whole number"),
    "direction": (lambda v: v in ("higher", "lower", "neither"), "'higher', 'lower' or 'neither'"),
    "needs": (
        lambda v: isinstance(v, tuple | list) and all(role in ROLES for role in v),
        f'a tuple, as in needs = ("test",), of: {", ".join(ROLES)}',
    ),
    "uses": (
        lambda v: isinstance(v, tuple | list) and all(role == "labels" for role in v),
        'left out, or ("labels",)',
    ),
    "reads": (
        lambda v: isinstance(v, tuple | list) and all(isinstance(path, str) for path in v),
        'left out, or the paths of files, as in reads = ("weights.npz",)',
    ),
    "measure": (callable, "a method"),
}
_OPTIONAL = ("uses", "reads")
"""What a metric has, whether a value is right, and what else it should be."""


@dataclass(frozen=True)
class MetricSource:
    """A metric that is ready to measure.

    Attributes:
        metric: The metric.
        settings: The settings that differ from its defaults.
        effective: All its settings.
        depends_on: Hashes of the sources that it consists of, by name.
    """

    metric: Metric
    settings: Mapping[str, Any] = field(default_factory=dict)
    effective: Mapping[str, Any] = field(default_factory=dict)
    depends_on: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The metric's own name."""
        return self.metric.name

    @property
    def roles(self) -> tuple[str, ...]:
        """What it is given besides the samples: what it needs, and what it uses where there is some."""
        return (*self.metric.needs, *getattr(self.metric, "uses", ()))

    @property
    def label(self) -> str:
        """How it is written: its name and the settings that differ from its defaults."""
        return format_spec(self.name, self.settings)

    @property
    def settings_as_data(self) -> dict[str, Any]:
        """All settings as numbers, strings, lists and tables.

        Raises:
            UsageError: One of them is something else, which no record can hold.
        """
        try:
            return dict(json.loads(json.dumps(dict(self.effective), allow_nan=False)))
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"The metric {self.name!r} has settings that no record can hold ({error}): {dict(self.effective)!r}. "
                "Give numbers or strings, and convert them in the constructor."
            ) from error

    @cached_property
    def key(self) -> str:
        """sha256 over what decides its numbers besides samples and data."""
        of_class = [type(self.metric).__qualname__, self.name, self.metric.version]
        return content_key([*of_class, self.settings_as_data, dict(self.depends_on)])


def find_metric(spec: Any) -> MetricSource:
    """The metric that a spec names, imported and constructed; or one made of a class or an object.

    An object's settings are its attributes of the names of its constructor's parameters. What is in no importable file,
    as in a notebook, gets another key every time: what it depends on cannot be known.

    Raises:
        UnknownNameError: No installed metric has this name.
        UsageError: The spec is malformed, a setting is refused, or the object breaks the contract.
        ModelError: It cannot be imported.
    """
    if isinstance(spec, MetricSource):
        return spec
    if isinstance(spec, str | Spec):
        return _from_spec(parse_spec(spec) if isinstance(spec, str) else spec)
    if isinstance(spec, type):
        return _from_class(spec, {})
    if not hasattr(spec, "measure"):
        raise UsageError(f"{spec!r} is no metric: it lacks 'measure'; {_CONTRACT}.")
    factory, names = type(spec), list(_parameters(type(spec)))
    if all(hasattr(spec, name) for name in names):
        return _from_class(factory, {name: getattr(spec, name) for name in names}, spec)
    return _checked(spec, {}, {}, _in_memory())


def find_metrics(specs: Iterable[Any]) -> tuple[MetricSource, ...]:
    """The metrics that specs name, each once, however it is written.

    Raises:
        UserError: As `find_metric`; or two different metrics are written alike.
    """
    found: dict[str, MetricSource] = {}
    for metric in map(find_metric, specs):
        if found.setdefault(metric.label, metric).key != metric.key:
            raise UsageError(f"Two different metrics are called {metric.label!r}. Give one of them another name.")
    return tuple(found.values())


def _from_class(factory: type, settings: Mapping[str, Any], metric: Any = None) -> MetricSource:
    target = object_target(factory)
    return _from_spec(Spec(target, settings), metric) if target else _construct(factory, settings, _in_memory(), metric)


def _in_memory() -> dict[str, str]:
    return {"in memory": uuid.uuid4().hex}


def _from_spec(spec: Spec, metric: Any = None) -> MetricSource:
    source = Source(*find_target(spec, ENTRY_POINT_GROUP, "metric", _HINT))
    found = _construct(source.load(), spec.settings, source.dependencies(), metric)
    point = installed(ENTRY_POINT_GROUP).get(found.name)
    if point is None or point.value == source.target:
        return found
    raise UsageError(
        f"The metric {spec.target!r} calls itself {found.name!r}, which is the name of the installed metric "
        f"{point.value}. Give it another name."
    )


def _parameters(factory: type) -> dict[str, Any]:
    """The settings of a class and their defaults."""
    by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {name: p.default for name, p in inspect.signature(factory).parameters.items() if p.kind in by_name}


def _construct(
    factory: Any, settings: Mapping[str, Any], depends_on: Mapping[str, str], metric: Any = None
) -> MetricSource:
    """A metric of a class; or `metric`, which is an object of it."""
    if not isinstance(factory, type):
        raise UsageError(f"{factory!r} is no metric; expected a class: {_CONTRACT}.")
    owner = f"The metric {factory.__name__!r}"
    if not hasattr(factory, "measure"):
        raise UsageError(f"{owner} lacks 'measure'; {_CONTRACT}.")
    defaults = _parameters(factory)
    check_names(owner, "setting", settings, defaults)
    given = {name: like_default(value, defaults[name]) for name, value in settings.items()}
    changed = {name: value for name, value in given.items() if not same_setting(value, defaults[name])}
    try:
        metric = factory(**changed) if metric is None else metric
    except (ValueError, TypeError) as error:
        raise UsageError(f"{owner} cannot be built: {error}") from error
    return _checked(metric, changed, {**defaults, **changed}, depends_on)


def _checked(
    metric: Any, settings: Mapping[str, Any], effective: Mapping[str, Any], depends_on: Mapping[str, str]
) -> MetricSource:
    """The metric, if it has all that the contract asks for.

    Raises:
        UsageError: It has not.
    """
    owner = f"The metric {type(metric).__name__!r}"
    for attribute, (is_right, expected) in _ATTRIBUTES.items():
        if attribute in _OPTIONAL and not hasattr(metric, attribute):
            continue
        if not hasattr(metric, attribute):
            raise UsageError(f"{owner} lacks {attribute!r}; {_CONTRACT}.")
        value = getattr(metric, attribute)
        if not is_right(value):
            raise UsageError(f"{owner} has {attribute} = {value!r}; expected {expected}.")
    return MetricSource(metric, settings, effective, {**depends_on, **_files_read(owner, metric)})


def _files_read(owner: str, metric: Any) -> dict[str, str]:
    """The sha256 of every file whose content the metric's numbers depend on, by its name."""
    found = {}
    for path in map(Path, getattr(metric, "reads", ())):
        try:
            found[path.name] = file_sha256(path)
        except OSError as error:
            raise UsageError(f"{owner} reads {path}, which cannot be read: {error.strerror}.") from error
    return found


def names_metric(spec: Any) -> bool:
    """Whether a spec, a class or an object is a metric rather than a model: installed as one, or able to measure.

    Raises:
        ModelError: It cannot be imported.
    """
    if not isinstance(spec, str):
        return hasattr(spec, "measure")
    parsed = parse_spec(spec)
    if parsed.target in installed(ENTRY_POINT_GROUP):
        return True
    if ":" not in parsed.target or os.path.exists(normal_path(parsed.target)):
        return False
    return hasattr(Source(*find_target(parsed, ENTRY_POINT_GROUP, "metric", _HINT)).load(), "measure")
