"""Where a model or a metric comes from: found by its spec, fingerprinted and imported, whatever it is.

Everything here but `Source.load` works without importing the component, so that plans and cached runs stay fast.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ganbench.errors import ModelError, UnknownNameError, UsageError
from ganbench.files import content_key
from ganbench.registry.dependencies import dependencies
from ganbench.registry.specs import Spec, normal_path
from ganbench.registry.user_files import import_file, user_error_place

__all__ = ["REQUIRED", "Source", "find_target", "installed", "object_target"]

REQUIRED = inspect.Parameter.empty


def installed(group: str) -> dict[str, EntryPoint]:
    """All installed components of an entry-point group by name, whether or not they can be imported."""
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}


def find_target(spec: Spec, group: str, kind: str, hint: str) -> tuple[str, str]:
    """The short name and the target, `module:attribute` or `file.py:attribute`, of what a spec names.

    A target that is installed under a name goes by that name.

    Raises:
        UnknownNameError: Nothing of this name is installed.
        UsageError: A file is named without its attribute, or is not there.
        ModelError: Several installed packages use the name for different things.
    """
    points = installed(group)
    if ":" in spec.target:
        module, _, attribute = spec.target.rpartition(":")
        if module.endswith(".py"):
            path = normal_path(module)
            if not path.is_file():
                raise UsageError(f"{spec.target!r}: there is no file {module}.")
            return attribute, f"{path}:{attribute}"
        named = [name for name, point in points.items() if point.value == spec.target]
        return (named[0] if named else attribute), spec.target
    if spec.target.endswith(".py"):
        raise UsageError(f"{spec.target!r} names a file; add the class or function in it, as in {spec.target}:MyClass.")
    if spec.target not in points:
        raise UnknownNameError(kind, spec.target, points, hint)
    meant = sorted({point.value for point in entry_points(group=group, name=spec.target)})
    if len(meant) > 1:
        raise ModelError(
            f"Several installed {kind}s are called {spec.target!r}. Write the one you mean: {', '.join(meant)}."
        )
    return spec.target, meant[0]


def object_target(thing: Any) -> str | None:
    """The target that names a class or function of an importable module; None for one of a notebook or a session."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    if not module or module == "__main__" or not name.isidentifier():
        return None
    found = importlib.import_module(module)
    if getattr(found, name, None) is not thing or not getattr(found, "__file__", None):
        return None
    if importlib.util.find_spec(module) is None:
        return f"{normal_path(str(found.__file__))}:{name}"
    return f"{module}:{name}"


@dataclass(frozen=True)
class Source:
    """Where a component comes from.

    Attributes:
        name: Its short name.
        target: `module:attribute` or `file.py:attribute`.
        settings: The settings of its spec.
    """

    name: str
    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module's dotted name, or the path of the file."""
        return self.target.rpartition(":")[0]

    @property
    def attribute(self) -> str:
        """The name of the class or function in its module."""
        return self.target.rpartition(":")[2]

    @property
    def is_user_file(self) -> bool:
        """Whether it is named by the path of a Python file."""
        return self.module.endswith(".py")

    @cached_property
    def file(self) -> Path:
        """The file that defines it.

        Raises:
            ModelError: It cannot be found.
        """
        if self.is_user_file:
            return Path(self.module)
        try:
            found = importlib.util.find_spec(self.module)
        except Exception as error:  # it runs the packages above the module, which may fail in any way
            problem = f"{type(error).__name__}: {error}"
            raise ModelError(f"{self.name!r}: {self.module} cannot be found ({problem}).") from error
        if found is None or found.origin is None:
            raise ModelError(f"{self.name!r}: there is no module {self.module} in this environment.")
        return Path(found.origin)

    def dependencies(self) -> dict[str, str]:
        """What it depends on, as hashes by name; read anew at every call.

        Raises:
            ModelError: A source cannot be found, read or parsed.
        """
        try:
            return dependencies(self.file, self.module)
        except (OSError, SyntaxError, ValueError) as error:
            raise ModelError(f"{self.name!r}: its source cannot be read: {type(error).__name__}: {error}") from error

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over what it depended on when this was first asked."""
        return content_key(self.dependencies())

    @cached_property
    def parameters(self) -> dict[str, Any] | None:
        """The keyword parameters of its constructor and their defaults, read from the source without importing it.

        A default that is no literal is `inspect.Parameter.empty`. None where the constructor cannot be told so: it is
        inherited, or takes any keyword.
        """
        for node in ast.parse(self.file.read_bytes()).body:
            if isinstance(node, ast.ClassDef) and node.name == self.attribute:
                return _constructor_parameters(node)
        return None

    def load(self) -> Any:
        """Import the class or function.

        Raises:
            ModelError: The import fails, for whatever reason the module has; or the source has changed since its
                fingerprint was taken, so that a result would be stored under the wrong key.
        """
        planned = self.fingerprint
        try:
            module = import_file(self.file) if self.is_user_file else importlib.import_module(self.module)
            component = getattr(module, self.attribute)
        except ModelError:
            raise
        except (Exception, SystemExit) as error:
            place = user_error_place(error)
            reason = f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")
            raise ModelError(f"{self.name!r} cannot be imported: {reason}") from error
        if content_key(self.dependencies()) != planned:
            raise ModelError(f"{self.name!r}: its source changed while the run went on. Run the same command again.")
        return component


def _constructor_parameters(node: ast.ClassDef) -> dict[str, Any] | None:
    constructor = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if constructor is None or constructor.args.kwarg is not None:
        return None
    arguments = constructor.args
    positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    pairs = [*zip(positional, arguments.defaults, strict=True)]
    pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]  # type: ignore[misc]
    return {argument.arg: _literal(default) for argument, default in pairs}


def _literal(node: ast.expr | None) -> Any:
    if node is None:
        return REQUIRED
    try:
        return ast.literal_eval(node)
    except ValueError:
        return REQUIRED
