"""Models by name: what a spec, a class, a function, a file or an array of samples stands for, and its presets.

All of them have the same few attributes, so that the rest of the harness need not ask which one it has.
"""

from __future__ import annotations

import inspect
import math
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ganbench.errors import ModelError, UsageError
from ganbench.files import content_key, file_sha256
from ganbench.registry.source import Source, find_target, object_target
from ganbench.registry.specs import format_spec, is_file, normal_path, parse_spec, same_setting
from ganbench.registry.user_files import user_error_place

__all__ = [
    "ENTRY_POINT_GROUP",
    "ModelObject",
    "ModelSource",
    "Origin",
    "SampleArray",
    "SampleFile",
    "SampleFunction",
    "Variant",
    "find_model",
]

ENTRY_POINT_GROUP = "ganbench.models"
SAMPLE_SUFFIXES = (".npy", ".npz")
_HINT = "A model may also be given as package.module:Class, ./file.py:Class, or a file of samples (.npy, .npz)."
_METHODS = ("fit", "sample", "state_dict", "load_state_dict")


@dataclass(frozen=True)
class Variant:
    """A model with the hyper-parameters that it has on one data set.

    Attributes:
        label: How it is written: its name and the settings that differ from the preset's; equal variants have equal
            labels.
        hyperparameters: Preset and settings.
        preset: The name of the preset; empty where there is none.
    """

    label: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    preset: str = ""


class Origin(Protocol):
    """What models, files of samples and arrays of samples have in common."""

    @property
    def name(self) -> str:
        """A short name; the seeds of its random numbers are derived from it."""

    @property
    def mark(self) -> str:
        """What tells it apart from others with the same label; empty for installed models."""

    @property
    def fingerprint(self) -> str:
        """sha256 over what its samples depend on besides hyper-parameters, data and seeds."""

    def variant(self, dataset: str, event_shape: Sequence[int]) -> Variant:
        """The model as it is on a data set."""


def find_model(spec: Any) -> ModelSource | ModelObject | SampleFile | SampleArray:
    """Find what a spec names, without importing it; or wrap a class, a function or an array of samples.

    Raises:
        UnknownNameError: No installed model has this name.
        UsageError: The spec is malformed, or names a file that is not there or of no known kind.
        ModelError: Two installed packages have different models of this name.
    """
    if isinstance(spec, Path):
        spec = str(spec)
    if not isinstance(spec, str):
        return _find_object(spec)
    parsed = parse_spec(spec)
    if parsed.target.lower().endswith(SAMPLE_SUFFIXES):
        if parsed.settings:
            raise UsageError(f"{spec!r}: a file of samples takes no settings.")
        path = normal_path(parsed.target)
        if not path.is_file():
            raise UsageError(f"{spec!r}: there is no file {parsed.target}.")
        return SampleFile(path)
    if ":" not in parsed.target and not parsed.target.endswith(".py"):
        _refuse_other_files(parsed.target)
    name, target = find_target(parsed, ENTRY_POINT_GROUP, "model", _HINT)
    return ModelSource(name, target, parsed.settings)


def _refuse_other_files(target: str) -> None:
    if is_file(target) and ("/" in target or "." in target or normal_path(target).is_dir()):
        what = "a folder" if normal_path(target).is_dir() else "a file of another kind"
        raise UsageError(
            f"{target!r} is {what}. Samples are read from .npy and .npz files, [n, *shape] in the range of the data: "
            "write them with numpy.save or numpy.savez(path, samples=samples)."
        )
    if "/" in target or target.endswith((".png", ".jpg", ".zip", ".pt", ".npy.gz")):
        raise UsageError(f"{target!r}: there is no such file. {_HINT}")


def _find_object(thing: Any) -> ModelSource | ModelObject | SampleArray:
    if isinstance(thing, type) or (callable(thing) and hasattr(thing, "__qualname__")):
        target = object_target(thing)
        if target is None:
            return ModelObject(thing)
        name, target = find_target(parse_spec(target), ENTRY_POINT_GROUP, "model", _HINT)
        return ModelSource(name, target)
    return SampleArray(_as_array(thing))


def _as_array(samples: Any) -> np.ndarray:
    if hasattr(samples, "detach"):
        samples = samples.detach().cpu()
        samples = samples.float().numpy() if samples.dtype.is_floating_point else samples.numpy()
    array = np.asarray(samples)
    if array.dtype == object:
        raise UsageError(
            f"A model is a spec, a class, a function or an array of samples; got {type(samples).__name__}."
        )
    return array


@dataclass(frozen=True)
class ModelSource(Source):
    """A model's class or function, by where it is defined."""

    @property
    def mark(self) -> str:
        """Two files in different folders may hold classes of one name."""
        return content_key(self.module)[:8] if self.is_user_file else ""

    @property
    def stem(self) -> str:
        """The name, with that of the file for a model in a file."""
        return f"{self.file.name}:{self.attribute}" if self.is_user_file else self.name

    @cached_property
    def presets(self) -> dict[str, Path]:
        """The preset files by name: `presets/<name>/*.toml` beside the module or beside a package that it is in."""
        folder = self.file.parent
        places = [folder / "presets" / self.name]
        while (folder / "__init__.py").is_file() and not self.is_user_file:
            folder = folder.parent
            places.append(folder / "presets" / self.name)
        found = next((place for place in places if place.is_dir()), None)
        return {path.stem: path for path in sorted(found.glob("*.toml"))} if found else {}

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
        known = self.parameters
        if known is not None:
            self._check_names(settings, known)
        defaults = {**(known or {}), **values}
        changed = {k: v for k, v in settings.items() if k not in defaults or not same_setting(v, defaults[k])}
        shown = changed if preset == default else {**changed, "preset": preset}
        return Variant(format_spec(self.stem, shown), {**values, **changed}, preset)

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
        return (
            f"{self.name!r} has no preset for {dataset!r}, whose examples have shape {list(event_shape)}; "
            f'it has: {known}. Choose one, as in --models "{self.name}[preset={next(iter(self.presets))}]".'
        )

    def _check_names(self, settings: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        names = [name for name in known if name != "device"]
        for name in settings:
            if name not in names:
                raise UsageError(
                    f"{self.name!r} has no hyper-parameter {name!r}; it has: {', '.join(names) or '(none)'}."
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
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.thing.__qualname__).rpartition(".")[2]

    @property
    def mark(self) -> str:
        """A new one for every run."""
        return self.token[:8]

    @property
    def fingerprint(self) -> str:
        """A new one for every run."""
        return content_key(self.token)

    def dependencies(self) -> dict[str, str]:
        """Nothing that could be looked at again."""
        return {}

    def load(self) -> Any:
        """The class or function."""
        return self.thing

    def variant(self, dataset: str, event_shape: Sequence[int]) -> Variant:
        """It has no presets and no settings but its defaults."""
        return Variant(self.name)

    def build(self, event_shape: tuple[int, ...], device: str, hyperparameters: Mapping[str, Any]) -> Any:
        """Construct the model; see `build_model`."""
        return build_model(self.name, self.thing, event_shape, device, hyperparameters)


@dataclass(frozen=True)
class SampleFile:
    """A file of samples, which are scored and never trained."""

    path: Path

    @property
    def name(self) -> str:
        """The stem of the file."""
        return self.path.stem

    @property
    def mark(self) -> str:
        """Two files of one name are two rows, and copies of one file are one."""
        return self.fingerprint[:8]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the file."""
        return file_sha256(self.path)

    def dependencies(self) -> dict[str, str]:
        """The file."""
        return {self.path.name: self.fingerprint}

    def variant(self, dataset: str, event_shape: Sequence[int]) -> Variant:
        """Samples have no hyper-parameters."""
        return Variant(self.path.name)

    def read(self) -> np.ndarray:
        """The samples as they are stored.

        Raises:
            DataError: The file cannot be read, or which of its arrays are samples cannot be told.
            ModelError: It has changed since its fingerprint was taken.
        """
        from ganbench.datasets import read_array_file

        planned = self.fingerprint
        arrays = read_array_file(self.path, needed=["samples"])
        if file_sha256(self.path) != planned:
            raise ModelError(f"{self.path.name} changed while the run went on. Run the same command again.")
        return arrays[_name_of_samples(arrays, self.path)]


def _name_of_samples(arrays: Mapping[str, np.ndarray], path: Path) -> str:
    if "samples" in arrays:
        return "samples"
    candidates = [name for name, array in arrays.items() if array.ndim >= 2]
    if len(arrays) == 1 or len(candidates) == 1:
        return candidates[0] if candidates else next(iter(arrays))
    if "arr_0" in candidates:
        return "arr_0"
    raise UsageError(
        f"{path} holds {len(arrays)} arrays ({', '.join(arrays)}); which are the samples? Name one of them 'samples'."
    )


@dataclass(frozen=True, eq=False)
class SampleArray:
    """Samples in memory."""

    samples: np.ndarray
    name: str = "samples"

    @property
    def mark(self) -> str:
        """Other samples make another row."""
        return self.fingerprint[:8]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the numbers."""
        from ganbench.datasets.base import content_checksum

        return content_checksum(self.samples)

    def dependencies(self) -> dict[str, str]:
        """The samples."""
        return {self.name: self.fingerprint}

    def variant(self, dataset: str, event_shape: Sequence[int]) -> Variant:
        """Samples have no hyper-parameters."""
        return Variant(self.name)

    def read(self) -> np.ndarray:
        """The samples."""
        return self.samples


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


def _check_settings(name: str, factory: type, hyperparameters: Mapping[str, Any]) -> None:
    parameters = inspect.signature(factory).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    by_name = [key for key, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    known = [key for key in by_name[1:] if key != "device"]  # the first is the event shape
    for key in hyperparameters:
        if key not in known:
            raise UsageError(f"{name!r} has no hyper-parameter {key!r}; it has: {', '.join(known) or '(none)'}.")


def _sample_function(name: str, function: Any, hyperparameters: Mapping[str, Any]) -> SampleFunction:
    if not callable(function):
        raise UsageError(f"{name!r} is neither a class nor a function; it is of type {type(function).__name__}.")
    if hyperparameters:
        raise UsageError(f"{name!r} is a function and takes no settings; got {dict(hyperparameters)}.")
    return SampleFunction(function)


def _read_preset(path: Path) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The shape of the images that a preset is for, empty if it does not say, and its hyper-parameters."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"The preset {path} cannot be read: {error}") from error
    return tuple(content.pop("event_shape", ())), content
