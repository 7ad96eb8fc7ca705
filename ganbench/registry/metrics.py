"""Metrics by name: what a spec or a class stands for."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ganbench.errors import UsageError
from ganbench.files import content_key
from ganbench.metrics.metric import ROLES, Metric
from ganbench.registry.source import Source, find_target, installed, object_target
from ganbench.registry.specs import Spec, format_spec, parse_spec, same_setting

__all__ = ["ENTRY_POINT_GROUP", "MetricSource", "find_metric", "names_metric"]

ENTRY_POINT_GROUP = "ganbench.metrics"
_HINT = "A metric may also be given as package.module:Class or ./file.py:Class."


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
    def label(self) -> str:
        """How it is written: its name and the settings that differ from its defaults."""
        return format_spec(self.name, self.settings)

    @property
    def settings_as_data(self) -> dict[str, Any]:
        """All settings as numbers, strings, lists and tables."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.effective.items()}

    @cached_property
    def key(self) -> str:
        """sha256 over what decides its numbers besides samples and data."""
        return content_key([self.name, self.metric.version, self.settings_as_data, dict(self.depends_on)])


def find_metric(spec: Any) -> MetricSource:
    """The metric that a spec names, imported and constructed; or one made of a class or an object.

    Raises:
        UnknownNameError: No installed metric has this name.
        UsageError: The spec is malformed, a setting is refused, or the object breaks the contract.
        ModelError: It cannot be imported.
    """
    if isinstance(spec, MetricSource):
        return spec
    if isinstance(spec, str):
        return _from_spec(parse_spec(spec))
    if isinstance(spec, type):
        target = object_target(spec)
        return _from_spec(Spec(target)) if target else _construct(spec, {}, {"in memory": uuid.uuid4().hex})
    return MetricSource(_checked(spec), depends_on={"in memory": uuid.uuid4().hex})


def _from_spec(spec: Spec) -> MetricSource:
    source = Source(*find_target(spec, ENTRY_POINT_GROUP, "metric", _HINT))
    return _construct(source.load(), spec.settings, source.dependencies())


def _construct(factory: Any, settings: Mapping[str, Any], depends_on: Mapping[str, str]) -> MetricSource:
    if not isinstance(factory, type):
        raise UsageError(f"{factory!r} is no metric: expected a class; see the contract in ganbench.metrics.metric.")
    parameters = inspect.signature(factory).parameters
    defaults = {name: p.default for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    for name in settings:
        if name not in defaults:
            known = ", ".join(defaults) or "(none)"
            raise UsageError(f"The metric {factory.__name__!r} has no setting {name!r}; it has: {known}.")
    changed = {k: v for k, v in settings.items() if not same_setting(v, defaults[k])}
    try:
        metric = factory(**changed)
    except (ValueError, TypeError) as error:
        raise UsageError(f"The metric {factory.__name__!r} cannot be built: {error}") from error
    return MetricSource(_checked(metric), changed, {**defaults, **changed}, depends_on)


def _checked(metric: Any) -> Metric:
    name = getattr(metric, "name", type(metric).__name__)
    for attribute in ("name", "version", "direction", "needs", "measure"):
        if not hasattr(metric, attribute):
            raise UsageError(
                f"{name!r} is no metric: it lacks {attribute!r}; see the contract in ganbench.metrics.metric."
            )
    unknown = [role for role in metric.needs if role not in ROLES]
    if unknown:
        raise UsageError(f"The metric {name!r} needs {unknown[0]!r}; accepted: {', '.join(ROLES)}.")
    if metric.direction not in ("higher", "lower", "neither"):
        raise UsageError(f"The metric {name!r} has direction {metric.direction!r}; accepted: higher, lower, neither.")
    return metric  # type: ignore[no-any-return]


def names_metric(spec: Any) -> bool:
    """Whether a spec, a class or an object is a metric rather than a model: installed as one, or able to measure.

    Raises:
        ModelError: It cannot be imported.
    """
    if not isinstance(spec, str):
        return hasattr(spec, "measure")
    parsed = parse_spec(spec)
    if ":" not in parsed.target:
        return parsed.target in installed(ENTRY_POINT_GROUP)
    return hasattr(Source(*find_target(parsed, ENTRY_POINT_GROUP, "metric", _HINT)).load(), "measure")
