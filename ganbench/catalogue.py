"""What is known here: models, metrics, data sets and protocols, and what a component is made of."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from ganbench.datasets import dataset_names, describe
from ganbench.errors import ModelError, UserError
from ganbench.protocols import load_protocol, protocol_names
from ganbench.registry import metrics, models
from ganbench.registry.metrics import find_metric
from ganbench.registry.models import ModelSource, find_model
from ganbench.registry.source import installed

__all__ = ["ComponentDescription", "catalogue", "describe_component"]


class ComponentDescription(msgspec.Struct, frozen=True):
    """A model or a metric.

    Attributes:
        spec: How it is written.
        kind: "model" or "metric".
        summary: The first line of its docstring.
        settings: Its hyper-parameters or settings with their defaults, as text.
        presets: Names of its presets.
        depends_on: Hashes of the sources and files that its results depend on, by name.
    """

    spec: str
    kind: str
    summary: str
    settings: dict[str, str] = {}
    presets: tuple[str, ...] = ()
    depends_on: dict[str, str] = {}


def catalogue() -> dict[str, dict[str, str]]:
    """One line on every model, metric, data set and protocol; what cannot be imported stays, with its reason."""
    return {
        "models": {name: _line(name, "model") for name in installed(models.ENTRY_POINT_GROUP)},
        "metrics": {name: _line(name, "metric") for name in installed(metrics.ENTRY_POINT_GROUP)},
        "datasets": {name: describe(name) for name in dataset_names()},
        "protocols": {name: load_protocol(name).title for name in protocol_names()},
    }


def describe_component(spec: str) -> ComponentDescription:
    """A model or a metric by its spec.

    Raises:
        UserError: There is none, or it cannot be imported.
    """
    if spec.partition("[")[0].strip() in installed(metrics.ENTRY_POINT_GROUP):
        return _describe_metric(spec)
    return _describe_model(spec)


def _line(name: str, kind: str) -> str:
    try:
        described = _describe_model(name) if kind == "model" else _describe_metric(name)
    except UserError as error:
        return f"cannot be used: {error}"
    if kind == "metric":
        return described.summary
    return f"{described.summary}; presets: {', '.join(described.presets) or '(none)'}"


def _describe_model(spec: str) -> ComponentDescription:
    model = find_model(spec)
    if not isinstance(model, ModelSource):
        raise ModelError(f"{spec!r} is a file of samples; there is nothing to describe.")
    factory = model.load()
    return ComponentDescription(
        spec=spec,
        kind="model",
        summary=_summary(factory),
        settings=_settings(factory) if isinstance(factory, type) else {},
        presets=tuple(model.presets),
        depends_on=model.dependencies(),
    )


def _describe_metric(spec: str) -> ComponentDescription:
    metric = find_metric(spec)
    factory = type(metric.metric)
    return ComponentDescription(spec, "metric", _summary(factory), _settings(factory), (), dict(metric.depends_on))


def _summary(factory: Any) -> str:
    return next(iter((inspect.getdoc(factory) or "").splitlines()), "").rstrip(".") or factory.__name__


def _settings(factory: type) -> dict[str, str]:
    parameters = inspect.signature(factory).parameters.values()
    return {p.name: repr(p.default) for p in parameters if p.default is not p.empty and p.name != "device"}
