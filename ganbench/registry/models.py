"""Models by name: what a spec, a class, a function, a file or an array of samples stands for, and its presets.

All of them have the same few attributes, so that the rest of the harness need not ask which one it has.
"""

from __future__ import annotations

import functools
import inspect
import math
import os
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ganbench.errors import DataError, ModelError, UsageError
from ganbench.files import content_key
from ganbench.registry.references import REFERENCE_NEEDS
from ganbench.registry.samples import SampleArray, SampleFile
from ganbench.registry.source import Source, check_names, find_target, installed, object_target
from ganbench.registry.specs import Spec, format_spec, like_default, normal_path, parse_spec, same_setting
from ganbench.registry.user_files import user_error_place
from ganbench.registry.variant import Variant

__all__ = [
    "ENTRY_POINT_GROUP",
    "ModelObject",
    "ModelSource",
    "SampleFunction",
    "find_model",
    "with_sample_form",
]

ENTRY_POINT_GROUP = "ganbench.models"
_HINT = "A model may also be given as package.module:Class, ./file.py:Class, or a file or folder of samples."
_SAMPLE_SETTINGS = ("layout", "scale")
_METHODS = ("fit", "sample", "state_dict", "load_state_dict")
_marks: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # of the classes and functions that are in no file


def find_model(spec: Any) -> ModelSource | ModelObject | SampleFile | SampleArray:
    """Find what a spec names, without importing it; or wrap a class, a function or an array of samples.

    Raises:
        UnknownNameError: No installed model has this name.
        UsageError: The spec is malformed, names a file that is not there or of no known kind, or is none of these.
        ModelError: Two installed packages have different models of this name.
    """
    if isinstance(spec, Path):
        spec = str(spec)
    if not isinstance(spec, str):
        return _find_object(spec)
    parsed = parse_spec(spec)
    found = _sample_file(spec.strip(), parsed)
    if found is not None:
        return found
    return ModelSource(*find_target(parsed, ENTRY_POINT_GROUP, "model", _HINT), parsed.settings)


def _sample_file(spec: str, parsed: Spec) -> SampleFile | None:
    """The file or folder of samples that a spec names, if any; installed names and modules are none.

    Raises:
        UsageError: It is of no known kind, or not there.
    """
    from ganbench.datasets import sample_format

    target, settings = parsed.target, parsed.settings
    if os.path.exists(normal_path(spec)):  # with brackets of its own
        target, settings = spec, {}
    path = normal_path(target)
    if target in installed(ENTRY_POINT_GROUP) or target.endswith(".py") or ".py:" in target:
        return None
    if sample_format(path) is None:
        _refuse_other_files(spec, target)
        return None
    if unknown := sorted(set(settings) - set(_SAMPLE_SETTINGS)):
        raise UsageError(f"{spec!r}: samples have no setting {unknown[0]!r}; they take layout=... and scale=...")
    if not os.path.exists(path):
        raise UsageError(f"{spec!r}: there is no file {target}.")
    return SampleFile(path, {name: str(value) for name, value in settings.items()})


def _refuse_other_files(spec: str, target: str) -> None:
    """Say what to do with a file of another kind or a mistyped path."""
    from ganbench.datasets import sample_formats

    if ":" in target:
        return
    if os.path.exists(normal_path(target)):
        raise UsageError(f"{spec!r} is a file of another kind. Samples are read from {sample_formats()}.")
    if "/" in target or "." in target:
        raise UsageError(f"{spec!r}: there is no file {target}. {_HINT}")


def with_sample_form(models: Sequence[Any], scale: str | None, layout: str | None) -> tuple[Any, ...]:
    """Models, of which those that are samples have the scale and layout that are given.

    Raises:
        UsageError: None of them are samples, or the scale or layout is not known.
    """
    from ganbench.datasets import check_layout, check_scale

    given = ({"scale": check_scale(scale)} if scale else {}) | ({"layout": check_layout(layout)} if layout else {})
    if not given:
        return tuple(models)
    found = [find_model(model) for model in models]
    if not any(isinstance(source, SampleFile | SampleArray) for source in found):
        raise UsageError(
            f"{' and '.join(f'--{name}' for name in given)} say what samples are like; there are none here."
        )
    return tuple(_formed(*pair, given) for pair in zip(models, found, strict=True))


def _formed(model: Any, found: Any, given: Mapping[str, str]) -> Any:
    if isinstance(found, SampleFile):
        return format_spec(str(found.path), {**given, **found.settings})
    return replace(found, settings=given) if isinstance(found, SampleArray) else model


def _find_object(thing: Any) -> ModelSource | ModelObject | SampleArray:
    from ganbench.datasets import as_array

    if isinstance(thing, SampleArray):
        return thing
    settings: dict[str, Any] = {}
    if isinstance(thing, functools.partial) and isinstance(thing.func, type) and not thing.args:
        thing, settings = thing.func, _storable(thing)
    if callable(thing):
        target = object_target(thing)
        if target is None:
            return ModelObject(thing, settings)
        return ModelSource(*find_target(Spec(target), ENTRY_POINT_GROUP, "model", _HINT), settings)
    expected = "A model is a spec, a class, a function or an array of samples"
    if hasattr(thing, "fit") and hasattr(thing, "sample"):
        raise UsageError(
            f"{expected}; got an object of class {type(thing).__name__}. Give the class, with settings by "
            "functools.partial: every fold trains a model of its own."
        )
    try:
        return SampleArray(as_array(thing, "the samples"))
    except DataError as error:
        raise UsageError(f"{expected}; got {type(thing).__name__}.") from error


def _storable(factory: functools.partial[Any]) -> dict[str, Any]:
    try:
        content_key(factory.keywords)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"The settings {factory.keywords!r} of {factory.func.__name__!r} are not accepted ({error}). "
            "Values are finite numbers, strings, booleans, and lists and tables of them."
        ) from error
    return dict(factory.keywords)


@dataclass(frozen=True)
class ModelSource(Source):
    """A model's class or function, by where it is defined."""

    @property
    def mark(self) -> str:
        """Two files in different folders may hold classes of one name."""
        return content_key(self.module)[:8] if self.is_user_file else ""

    @cached_property
    def stem(self) -> str:
        """How it is written without settings: its installed name, else its target, without the folder of a file."""
        if self.is_user_file:
            return f"{self.file.name}:{self.attribute}"
        point = installed(ENTRY_POINT_GROUP).get(self.name)
        return self.name if point is not None and point.value == self.target else self.target

    @cached_property
    def presets(self) -> dict[str, Path]:
        """The preset files by name: `presets/<name>/*.toml` beside the module or beside a package that it is in.

        A function has none.
        """
        if self.is_function:
            return {}
        found = next((place for place in self.folders("presets") if (place / self.name).is_dir()), None)
        return {path.stem: path for path in sorted((found / self.name).glob("*.toml"))} if found else {}

    def variant(self, dataset: str, event_shape: Sequence[int]) -> Variant:
        """The preset of a data set, overridden by the settings of the spec.

        Where the model has presets and none of that name, the one for images of the same shape is taken.

        Args:
            dataset: Name of the preset that is used unless the spec names one; usually that of the data set.
            event_shape: Shape of one example.

        Raises:
            UsageError: No preset fits, there is none of the name that the spec gives, or there is no such setting.
        """
        settings = dict(self.settings)
        default = self._default_preset(dataset, event_shape)
        preset = settings.pop("preset", default)
        if preset is None:
            raise UsageError(self._no_preset(dataset, event_shape))
        if preset and preset not in self.presets:
            known = ", ".join(self.presets) or "(none)"
            raise UsageError(f"{self.name!r} has no preset {preset!r}; it has: {known}.")
        values = _read_preset(self.presets[preset])[1] if preset else {}
        self.check_settings()
        defaults = {**(self.parameters or {}), **values}
        settings = {key: like_default(value, defaults.get(key)) for key, value in settings.items()}
        changed = {k: v for k, v in settings.items() if k not in defaults or not same_setting(v, defaults[k])}
        shown = changed if preset == default else {**changed, "preset": preset}
        return Variant(format_spec(self.stem, shown), {**values, **changed}, preset)

    @cached_property
    def sampling_hyperparameters(self) -> tuple[str, ...]:
        """The hyper-parameters that its class declares to matter for sampling only.

        Raises:
            ModelError: The declaration is not a literal list of names, or names what the constructor does not have.
        """
        names = self.declared("sampling_hyperparameters")
        unknown = [name for name in names if name not in (self.parameters or names)]
        if unknown:
            raise ModelError(f"{self.name!r}: sampling_hyperparameters names {unknown[0]!r}, which it does not have.")
        return names

    @cached_property
    def reference(self) -> str:
        """What the row shows, where the class declares to be a `ganbench.Reference`; empty for a model."""
        return self.declared_text("reference")

    @cached_property
    def reference_needs(self) -> tuple[str, ...]:
        """What a reference is given besides the training examples.

        Raises:
            ModelError: It declares what there is not, or is no reference: models never see such data.
        """
        return _checked_needs(self.name, self.reference, self.declared("reference_needs"))

    @property
    def has_log_density(self) -> bool:
        """Whether its class defines `log_density`, as far as its module tells."""
        return self.has_method("log_density")

    def check_settings(self) -> None:
        """Refuse settings that the constructor does not have, as far as its source tells.

        Raises:
            UsageError: There is one.
        """
        if self.parameters is not None:
            known = [name for name in self.parameters if name != "device"]
            check_names(repr(self.name), "hyper-parameter", (k for k in self.settings if k != "preset"), known)

    def _default_preset(self, dataset: str, event_shape: Sequence[int]) -> str | None:
        """The preset that is meant when none is named: empty without presets, None if several or none might be."""
        if dataset in self.presets or not self.presets:
            return dataset if self.presets else ""
        shapes = {name: _read_preset(path)[0] for name, path in self.presets.items()}
        alike = [name for name, shape in shapes.items() if shape == tuple(event_shape)]
        if not alike and len(event_shape) == 1:  # rows of pixels
            alike = [name for name, shape in shapes.items() if shape and math.prod(shape) == event_shape[0]]
        return alike[0] if len(alike) == 1 else None

    def _no_preset(self, dataset: str, event_shape: Sequence[int]) -> str:
        shapes = {name: _read_preset(path)[0] for name, path in self.presets.items()}
        known = ", ".join(f"{name} {list(shape)}" if shape else name for name, shape in shapes.items())
        example = format_spec(self.stem, {**self.settings, "preset": next(iter(self.presets))})
        data = repr(dataset) if dataset else "these data"
        return (
            f"{self.name!r} has no preset for {data}, whose examples have shape {list(event_shape)}; "
            f'it has: {known}. Choose one, as in "{example}".'
        )

    def build(self, event_shape: tuple[int, ...], device: str, hyperparameters: Mapping[str, Any]) -> Any:
        """Import and construct the model; see `build_model`."""
        return build_model(self.name, self.load(), event_shape, device, hyperparameters)


@dataclass(frozen=True)
class ModelObject:
    """A class or function that is in no importable file, as in a notebook.

    What it depends on cannot be known, so a stored result of it is never used again.
    """

    thing: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def name(self) -> str:
        """Its name."""
        return str(getattr(self.thing, "__name__", type(self.thing).__name__))

    @property
    def mark(self) -> str:
        """One for every object: what is defined anew is another row."""
        return _marks.setdefault(self.thing, uuid.uuid4().hex)[:8]

    @property
    def presets(self) -> dict[str, Path]:
        """None: it has no folder."""
        return {}

    @property
    def sampling_hyperparameters(self) -> tuple[str, ...]:
        """None that would matter: its training is never used again."""
        return ()

    @property
    def reference(self) -> str:
        """What the row shows, where it is a `ganbench.Reference`; empty for a model."""
        return str(getattr(self.thing, "reference", ""))

    @property
    def reference_needs(self) -> tuple[str, ...]:
        """What a reference is given besides the training examples."""
        return _checked_needs(self.name, self.reference, tuple(getattr(self.thing, "reference_needs", ())))

    @property
    def has_log_density(self) -> bool:
        """Whether it has `log_density`."""
        return hasattr(self.thing, "log_density")

    def dependencies(self) -> dict[str, str]:
        """Nothing that could be looked at again."""
        return {}

    def check_settings(self) -> None:
        """They are checked when the model is built."""

    def load(self) -> Any:
        """The class or function."""
        return self.thing

    def variant(self, dataset: str, event_shape: Sequence[int]) -> Variant:
        """It has no presets."""
        return Variant(format_spec(self.name, self.settings), self.settings)

    def build(self, event_shape: tuple[int, ...], device: str, hyperparameters: Mapping[str, Any]) -> Any:
        """Construct the model; see `build_model`."""
        return build_model(self.name, self.thing, event_shape, device, hyperparameters)


@dataclass(frozen=True)
class SampleFunction:
    """A plain function ``f(n, generator) -> samples`` in the clothes of a model that needs no training."""

    function: Any

    def fit(self, train: Any, *, generator: Any) -> Any:
        """Train for no epoch."""
        return iter(())

    def sample(self, n: int, *, generator: Any) -> Any:
        """Call the function."""
        return self.function(n, generator)

    def state_dict(self) -> dict[str, Any]:
        """There is no state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """There is no state."""


def build_model(
    name: str, factory: Any, event_shape: tuple[int, ...], device: str, hyperparameters: Mapping[str, Any]
) -> Any:
    """Construct a model.

    Raises:
        UsageError: The constructor refuses a hyper-parameter, or a plain function is given some.
        ModelError: The constructor fails for another reason, or a method of the contract is missing.
    """
    if not isinstance(factory, type):
        return _sample_function(name, factory, hyperparameters)
    _check_settings(name, factory, hyperparameters)
    try:
        model = factory(event_shape, device=device, **hyperparameters)
    except (ValueError, TypeError) as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise UsageError(f"{name!r} cannot be built: {reason}") from error
    except Exception as error:
        place = user_error_place(error)
        reason = f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")
        raise ModelError(f"{name!r} cannot be built: {reason}") from error
    missing = [method for method in _METHODS if not callable(getattr(model, method, None))]
    if missing:
        raise ModelError(f"{name!r} lacks the method {missing[0]}; see the contract in ganbench.model.")
    return model


def _checked_needs(name: str, reference: str, needs: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [need for need in needs if need not in REFERENCE_NEEDS]
    if unknown:
        raise ModelError(f"{name!r}: reference_needs names {unknown[0]!r}; accepted: {', '.join(REFERENCE_NEEDS)}.")
    if needs and not reference:
        raise ModelError(
            f"{name!r} asks for {', '.join(needs)} by reference_needs, which models never see. If it is no model but a "
            'row of known standing, say what it shows by reference = "...".'
        )
    return needs


def _check_settings(name: str, factory: type, hyperparameters: Mapping[str, Any]) -> None:
    try:
        parameters = inspect.signature(factory).parameters
    except ValueError:  # of a class in C, which refuses them itself
        return
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    by_name = [key for key, p in parameters.items() if p.kind is not p.VAR_POSITIONAL]
    known = [key for key in by_name[1:] if key != "device"]  # the first is the event shape
    check_names(repr(name), "hyper-parameter", hyperparameters, known)


def _sample_function(name: str, function: Any, hyperparameters: Mapping[str, Any]) -> SampleFunction:
    if not callable(function):
        raise UsageError(f"{name!r} is neither a class nor a function; it is of type {type(function).__name__}.")
    if hyperparameters:
        raise UsageError(f"{name!r} is a function and takes no settings; got {dict(hyperparameters)}.")
    try:
        inspect.signature(function).bind("n", "generator")
    except ValueError:  # of a function in C, whose arguments are not known
        pass
    except TypeError as error:
        raise UsageError(
            f"{name!r} takes {inspect.signature(function)} ({error}). "
            "A function that is a model is called as f(n, generator)."
        ) from error
    return SampleFunction(function)


def _read_preset(path: Path) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The shape of the examples that a preset is for, empty if it does not say, and its hyper-parameters."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        content_key(content)
    except (OSError, TypeError, ValueError) as error:  # a damaged file, or a value that no record can hold
        raise UsageError(f"The preset {path} cannot be read: {error}") from error
    shape = content.pop("event_shape", [])
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        raise UsageError(f"The preset {path}: event_shape is {shape!r}; expected a list of whole numbers.")
    return tuple(shape), content
