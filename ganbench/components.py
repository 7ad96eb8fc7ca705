"""What is known here: models, metrics, data sets and protocols, and what a component is made of."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, requires
from typing import Any

import msgspec

from ganbench.datasets import dataset_names, find_entry
from ganbench.errors import UsageError, UserError
from ganbench.protocols import load_protocol, protocol_names
from ganbench.records.provenance import installed_version
from ganbench.registry import metrics, models
from ganbench.registry.metrics import find_metric, names_metric
from ganbench.registry.models import ModelSource, find_model
from ganbench.registry.samples import SampleArray, SampleFile
from ganbench.registry.source import installed

__all__ = ["ComponentDescription", "catalogue", "describe_component"]


_OURS = ("ganbench", "ganbench_models")
_EXTRAS = {
    "fast": "Parzen log-densities on processors, with many bandwidths or few dimensions",
    "report": "`ganbench report`",
    "formats": "files in HDF5 and safetensors",
    "slurm": "`ganbench run-all --executor`, slurm or local",
    "completion": "`ganbench completion`",
    "crosschecks": "`ganbench selftest`, beside other tools",
}
"""What the extras that users may want are for."""

_SECONDS = 60.0  # in which a plug-in must be imported, with all that it imports


class ComponentDescription(msgspec.Struct, frozen=True):
    """A model or a metric.

    Attributes:
        spec: How it is written.
        kind: "model" or "metric".
        summary: The first line of its docstring.
        settings: Its hyper-parameters or settings with their defaults, as text; empty where there is no default.
        presets: Names of a model's presets.
        depends_on: Hashes of the sources and files that its results depend on, by name.
        needs: What a metric is given besides the samples.
        direction: What is better in a metric: "higher", "lower" or "neither".
        reference: What a model shows that is none, but a row of known standing.
    """

    spec: str
    kind: str
    summary: str
    settings: dict[str, str] = {}
    presets: tuple[str, ...] = ()
    depends_on: dict[str, str] = {}
    needs: tuple[str, ...] = ()
    direction: str = ""
    reference: str = ""


def catalogue(data_root: str | None = None) -> dict[str, dict[str, str]]:
    """One line on every model, metric, data set and protocol, and on libraries that some things need.

    It says of models which data they have presets for, of metrics what they need, of data where they are or belong.
    What cannot be imported stays, with its reason; our own models are not imported for it.

    Args:
        data_root: Where data sets are looked for; GANBENCH_DATA or the user's cache by default.
    """
    return {
        "models": _lines("model", installed(models.ENTRY_POINT_GROUP)),
        "metrics": _lines("metric", installed(metrics.ENTRY_POINT_GROUP)),
        "datasets": {name: _dataset_line(name, data_root) for name in dataset_names()},
        "protocols": {name: load_protocol(name).title for name in protocol_names()},
        "libraries": {extra: _extra_line(extra, purpose) for extra, purpose in _EXTRAS.items()},
    }


def describe_component(spec: Any) -> ComponentDescription:
    """A model or a metric by its spec; or of a class, a function or an object.

    Raises:
        UserError: There is none, it cannot be imported, or it has no such setting.
    """
    return _describe_metric(spec) if names_metric(spec) else _describe_model(spec)


def _lines(kind: str, points: Mapping[str, EntryPoint]) -> dict[str, str]:
    """A line on each; those of other packages in processes of their own, which may hang or end."""
    others = [name for name, point in points.items() if point.module.partition(".")[0] not in _OURS]
    with ThreadPoolExecutor(max_workers=4) as pool:
        apart = dict(zip(others, pool.map(lambda name: _line_apart(name, kind), others), strict=True))
    return {name: apart[name] if name in apart else _line(name, kind, read_only=True) for name in points}


def _line_apart(name: str, kind: str) -> str:
    code = f"from ganbench.components import _line; print('\\n' + repr(_line({name!r}, {kind!r})))"
    there = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            env=there,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"cannot be used: importing it took more than {_SECONDS:.0f} seconds"
    if done.returncode:
        return f"cannot be used: importing it ended the process ({done.returncode})"
    try:
        return str(ast.literal_eval(done.stdout.decode(errors="replace").splitlines()[-1]))
    except (ValueError, SyntaxError, IndexError):
        return "cannot be used: importing it ended the process"


def _line(name: str, kind: str, *, read_only: bool = False) -> str:
    """A line on a model or a metric; `read_only` models are not imported."""
    try:
        if kind == "metric":
            metric = _describe_metric(name)
            return f"{metric.summary}; needs {', '.join(metric.needs) or 'nothing else'}; {_better(metric.direction)}"
        return _model_line(name, read_only=read_only)
    except UserError as error:
        return f"cannot be used: {error}"


def _model_line(name: str, *, read_only: bool) -> str:
    model = find_model(name)
    if not isinstance(model, ModelSource):
        raise UsageError(f"{name!r} is no installed model.")
    summary = model.summary if read_only else _summary(model.load())
    if model.reference:
        given = f", given {', '.join(model.reference_needs)}" if model.reference_needs else ""
        return f"{summary}; a reference{given}"
    return f"{summary}; presets: {', '.join(model.presets) or '(none)'}"


def _extra_line(extra: str, purpose: str) -> str:
    """What the libraries of an extra are for, and which are here."""
    ours = re.compile(rf"([\w.-]+).*extra == [\"']{extra}[\"']")
    names = [found[1] for line in requires("ganbench") or () if (found := ours.match(line))]
    missing = [name for name in names if not installed_version(name)]
    here = f"{', '.join(missing)} not installed: pip install 'ganbench[{extra}]'" if missing else "installed"
    return f"{purpose}: {here}"


def _better(direction: str) -> str:
    return "neither higher nor lower is better" if direction == "neither" else f"{direction} is better"


def _dataset_line(name: str, data_root: str | None) -> str:
    entry = find_entry(name)
    if not entry.expected:
        return entry.description
    found = entry.find(data_root)
    if found is not None:
        return f"{entry.description}; here: {found}"
    return f"{entry.description}; not here: needs {entry.needs}, belongs at {entry.place(data_root)}"


def _describe_model(spec: Any) -> ComponentDescription:
    model = find_model(spec)
    if isinstance(model, SampleFile | SampleArray):
        raise UsageError(f"{spec!r} are samples; there is nothing to describe. Score them by `ganbench evaluate`.")
    model.check_settings()
    factory = model.load()
    parameters = list(inspect.signature(factory).parameters.values())[1:] if isinstance(factory, type) else []
    return ComponentDescription(
        spec=spec if isinstance(spec, str) else model.name,
        kind="model",
        summary=_summary(factory),
        settings={p.name: _default(p) for p in parameters if p.name != "device" and p.kind not in _VARIADIC},
        presets=tuple(model.presets),
        reference=model.reference,
        depends_on=model.dependencies(),
    )


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _describe_metric(spec: Any) -> ComponentDescription:
    metric = find_metric(spec)
    factory = type(metric.metric)
    return ComponentDescription(
        spec=spec if isinstance(spec, str) else metric.label,
        kind="metric",
        summary=_summary(factory),
        settings={p.name: _default(p) for p in inspect.signature(factory).parameters.values()},
        depends_on=dict(metric.depends_on),
        needs=tuple(metric.metric.needs),
        direction=metric.metric.direction,
    )


def _summary(factory: Any) -> str:
    return next(iter((inspect.getdoc(factory) or "").splitlines()), "").rstrip(".") or factory.__name__


def _default(parameter: inspect.Parameter) -> str:
    return "" if parameter.default is parameter.empty else repr(parameter.default)
