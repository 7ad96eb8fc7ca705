"""Models by name: spec strings, entry points, presets and the fingerprint of a model's source.

A spec is one of::

    adversarial                          a name of the entry-point group `ganbench.models`
    gsn[walkbacks=4,preset=mnist]        the same with settings; values are TOML, anything else is a string
    mypackage.module:MyModel             an attribute of an importable module
    ./my_model.py:MyModel                an attribute of a Python file
    samples.npz                          a file of samples, which is scored and never trained

Everything here but `ModelSource.load` and `build` works without importing the model, so that plans and cached runs
stay fast.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ganbench.errors import ModelError, UnknownNameError, UsageError
from ganbench.files import content_key, file_sha256
from ganbench.registry.dependencies import source_fingerprint
from ganbench.registry.user_files import import_file

__all__ = ["ENTRY_POINT_GROUP", "ModelSource", "SampleFunction", "find_model", "model_entry_points"]

ENTRY_POINT_GROUP = "ganbench.models"
_SAMPLE_SUFFIXES = (".npy", ".npz")


def model_entry_points() -> dict[str, EntryPoint]:
    """All installed models by name, whether or not they can be imported."""
    return {point.name: point for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name)}


def find_model(spec: str) -> ModelSource:
    """Find what a spec names, without importing it.

    Raises:
        UnknownNameError: No installed model has this name.
        UsageError: The spec is malformed.
        ModelError: Two installed packages have different models of this name.
    """
    target, settings = _parse_spec(spec)
    if _names_samples(target):
        if settings:
            raise UsageError(f"{spec!r}: a file of samples takes no settings.")
        return ModelSource(spec=target, name=Path(target).stem, target=target)
    if ":" in target:
        return ModelSource(spec=spec, name=target.rpartition(":")[2], target=target, settings=settings)
    points = model_entry_points()
    if target not in points:
        hint = "A model may also be given as package.module:Class, ./file.py:Class, or a file of samples (.npy, .npz)."
        raise UnknownNameError("model", target, points, hint)
    meant = sorted({point.value for point in entry_points(group=ENTRY_POINT_GROUP, name=target)})
    if len(meant) > 1:
        raise ModelError(f"Several installed models are called {target!r}. Write the one you mean: {', '.join(meant)}.")
    return ModelSource(spec=spec, name=target, target=meant[0], settings=settings)


def _names_samples(target: str) -> bool:
    return target.lower().endswith(_SAMPLE_SUFFIXES)


def _parse_spec(spec: str) -> tuple[str, dict[str, Any]]:
    match = re.fullmatch(r"\s*([^\[\]]+?)\s*(?:\[(.*)\])?\s*", spec, flags=re.DOTALL)
    if match is None:
        raise UsageError(f"Malformed model {spec!r}. Expected a name, or name[key=value,...].")
    settings: dict[str, Any] = {}
    for part in _split_outside_brackets(match[2] or ""):
        key, equals, value = part.partition("=")
        if not equals or not key.strip().isidentifier():
            raise UsageError(f"Malformed setting {part!r} in {spec!r}. Expected key=value.")
        if key.strip() in settings:
            raise UsageError(f"{spec!r} sets {key.strip()!r} twice.")
        settings[key.strip()] = _parse_value(value.strip(), spec)
    return match[1], settings


def _split_outside_brackets(text: str) -> list[str]:
    """Split at commas that stand in no bracket: 'a=1,b=[2,3]' -> ['a=1', 'b=[2,3]']."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _parse_value(text: str, spec: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        if text in ("True", "False"):
            return text == "True"  # as Python writes them; a string would count as true either way
        if not text or set(text) & set("[]{}'\"="):
            raise UsageError(f"The value {text!r} in {spec!r} is neither TOML nor a bare word.") from error
        return text  # a bare word, as in preset=mnist


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


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from and how it is to be built.

    Attributes:
        spec: The spec as the user wrote it; the model's identity in tables.
        name: Its short name.
        target: `module:attribute`, `file.py:attribute`, or the path of a file of samples.
        settings: The hyper-parameters of the spec; `preset` among them chooses the preset.
    """

    spec: str
    name: str
    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_sample_file(self) -> bool:
        """Whether this is a file of samples."""
        return _names_samples(self.target)

    @cached_property
    def source_file(self) -> Path:
        """The file that defines the model.

        Raises:
            ModelError: It cannot be found.
        """
        module = self.target if self.is_sample_file else self.target.rpartition(":")[0]
        if module.endswith(".py") or self.is_sample_file:
            path = Path(module)
            if not path.is_file():
                raise ModelError(f"{self.spec!r}: there is no file {module}.")
            return path
        try:
            found = importlib.util.find_spec(module)
        except Exception as error:  # it runs the packages above the module, which may fail in any way
            raise ModelError(f"{self.spec!r}: {module} cannot be found ({type(error).__name__}: {error}).") from error
        if found is None or found.origin is None:
            raise ModelError(f"{self.spec!r}: there is no module {module} in this environment.")
        return Path(found.origin)

    def fingerprint(self) -> str:
        """sha256 of the source that the model consists of, or of the file of samples.

        Raises:
            ModelError: The source cannot be found, read or parsed.
        """
        try:
            if self.is_sample_file:
                return file_sha256(self.source_file)
            return source_fingerprint(self.source_file, self.target.rpartition(":")[0])
        except (OSError, SyntaxError, ValueError) as error:
            raise ModelError(f"{self.spec!r}: its source cannot be read: {type(error).__name__}: {error}") from error

    def presets(self) -> dict[str, Path]:
        """The preset files beside the module, by name."""
        if self.is_sample_file:
            return {}
        return {path.stem: path for path in sorted(self._presets_folder.glob("*.toml"))}

    @property
    def _presets_folder(self) -> Path:
        """`presets/<name>/` beside the module, or beside one of the packages it is in."""
        folder = self.source_file.parent
        levels = [folder]
        while (folder / "__init__.py").is_file() and not self.target.partition(":")[0].endswith(".py"):
            folder = folder.parent
            levels.append(folder)
        places = [level / "presets" / self.name for level in levels]
        return next((place for place in places if place.is_dir()), places[0])

    def hyperparameters(self, default_preset: str) -> dict[str, Any]:
        """The preset's values overridden by the settings of the spec.

        Args:
            default_preset: The preset that is used when the spec names none; usually the name of the data set.

        Raises:
            UsageError: The model has presets, and none of that name; or a value cannot be stored in a record.
        """
        hyperparameters = self._preset_and_settings(default_preset)
        for name, value in hyperparameters.items():
            try:
                content_key(value)
            except (TypeError, ValueError) as error:
                raise UsageError(
                    f"{self.spec!r}: {name} = {value!r} is not accepted ({error}). "
                    "Values are finite numbers, strings, booleans, and lists and tables of them."
                ) from error
        return hyperparameters

    def _preset_and_settings(self, default_preset: str) -> dict[str, Any]:
        settings = dict(self.settings)
        presets = self.presets()
        chosen = settings.pop("preset", default_preset)
        if chosen in presets:
            return {**_read_preset(presets[chosen]), **settings}
        if presets:
            raise UsageError(
                f"{self.spec!r} has no preset {chosen!r}; it has: {', '.join(presets)}. "
                f"Choose one, as in {self.name}[preset={next(iter(presets))}]."
            )
        if "preset" in self.settings:
            raise UsageError(
                f"{self.spec!r} names a preset, and there is no folder {self.source_file.parent / 'presets'}."
            )
        return settings

    def load(self) -> Any:
        """Import the model's class or function.

        Raises:
            ModelError: The import fails, for whatever reason the module has.
        """
        module_name, _, attribute = self.target.rpartition(":")
        try:
            module = (
                import_file(self.source_file) if module_name.endswith(".py") else importlib.import_module(module_name)
            )
            return getattr(module, attribute)
        except (Exception, SystemExit) as error:
            raise ModelError(f"{self.spec!r} cannot be imported: {type(error).__name__}: {error}") from error

    def build(self, event_shape: tuple[int, ...], device: str, hyperparameters: Mapping[str, Any]) -> Any:
        """Construct the model.

        Raises:
            ModelError: The constructor refuses a hyper-parameter or fails, a method of the contract is missing, or a
                plain function is given hyper-parameters.
        """
        factory = self.load()
        if not isinstance(factory, type):
            return _sample_function(self.spec, factory, hyperparameters)
        _check_settings(self.spec, factory, hyperparameters)
        try:
            model = factory(event_shape, device=device, **hyperparameters)
        except Exception as error:
            reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise ModelError(f"{self.spec!r} cannot be built: {reason}") from error
        missing = [
            m for m in ("fit", "sample", "state_dict", "load_state_dict") if not callable(getattr(model, m, None))
        ]
        if missing:
            raise ModelError(f"{self.spec!r} lacks the method {missing[0]}; see the contract in ganbench.model.")
        return model


def _check_settings(spec: str, factory: type, hyperparameters: Mapping[str, Any]) -> None:
    parameters = inspect.signature(factory).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    by_name = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    known = [name for name in by_name[1:] if name != "device"]  # the first is the event shape
    for name in hyperparameters:
        if name not in known:
            raise ModelError(f"{spec!r} has no hyper-parameter {name!r}; it has: {', '.join(known) or '(none)'}.")


def _sample_function(spec: str, function: Any, hyperparameters: Mapping[str, Any]) -> SampleFunction:
    if not callable(function):
        raise ModelError(f"{spec!r} is neither a class nor a function; it is of type {type(function).__name__}.")
    if hyperparameters:
        raise ModelError(f"{spec!r} is a function and takes no settings; got {dict(hyperparameters)}.")
    return SampleFunction(function)


def _read_preset(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"The preset {path} cannot be read: {error}") from error
