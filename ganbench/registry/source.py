"""Where a model or a metric comes from: found by its spec, fingerprinted and imported, whatever it is.

Everything here but `Source.load` works without importing the component, so that plans and cached runs stay fast.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ganbench.errors import ModelError, UnknownNameError, UsageError
from ganbench.files import content_key
from ganbench.registry.dependencies import dependencies
from ganbench.registry.specs import Spec, normal_path
from ganbench.registry.user_files import calling_user_code, import_file, user_error_place

__all__ = ["REQUIRED", "Source", "check_names", "find_target", "installed", "object_target"]

_NOTHING = object()  # in place of an attribute that a module does not have

REQUIRED = inspect.Parameter.empty
"""In place of a default where there is none, or none that can be read from the source."""

_imported: dict[
    str, tuple[object, str]
] = {}  # by module: its import, which a reload replaces, and the fingerprint then


def installed(group: str) -> dict[str, EntryPoint]:
    """All installed components of an entry-point group by name, whether or not they can be imported."""
    return dict(_installed(group, tuple(sys.path)))


@lru_cache
def _installed(group: str, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """The same; all installed distributions are read for it, which takes long beside the rest of a plan."""
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}


def _python_file(path: str, spec: Spec) -> Path:
    if not path.endswith(".py"):
        raise UsageError(
            f"{spec.target!r}: {path} is no Python file. Expected package.module:Class or ./file.py:Class."
        )
    if not os.path.isfile(normal_path(path)):
        raise UsageError(f"{spec.target!r}: there is no file {path}.")
    return normal_path(path)


def find_target(spec: Spec, group: str, kind: str, hint: str) -> tuple[str, str]:
    """The short name and the target, `module:attribute` or `file.py:attribute`, of what a spec names.

    A target that is installed under a name goes by that name.

    Raises:
        UnknownNameError: Nothing of this name is installed.
        UsageError: A file is named without its attribute, or is not there; or the target is malformed.
        ModelError: Several installed packages use the name for different things.
    """
    points = installed(group)
    if ":" in spec.target:
        module, _, attribute = spec.target.rpartition(":")
        if not module or not attribute.isidentifier():
            raise UsageError(f"{spec.target!r} is malformed. Expected package.module:Class or ./file.py:Class.")
        if module.endswith(".py") or os.sep in module:
            return attribute, f"{_python_file(module, spec)}:{attribute}"
        return next((name for name, point in points.items() if point.value == spec.target), attribute), spec.target
    if spec.target in points:
        meant = sorted({point.value for point in entry_points(group=group, name=spec.target)})
        if len(meant) > 1:
            raise ModelError(
                f"Several installed {kind}s are called {spec.target!r}. Write the one you mean: {', '.join(meant)}."
            )
        return spec.target, meant[0]
    if spec.target.endswith(".py"):
        raise UsageError(f"{spec.target!r} names a file; add the class or function in it, as in {spec.target}:MyClass.")
    raise UnknownNameError(kind, spec.target, points, hint)


def object_target(thing: Any) -> str | None:
    """The target that names a class or function of an importable module; None for one of a notebook or a script."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    found = sys.modules.get(module) if module and module != "__main__" else None
    if found is None or getattr(found, name, None) is not thing:
        return None
    specification = getattr(found, "__spec__", None)
    return f"{module}:{name}" if specification is not None and specification.has_location else None


def check_names(owner: str, what: str, given: Iterable[str], accepted: Iterable[str]) -> None:
    """Refuse settings that there are not.

    Raises:
        UsageError: One of the given names is not accepted.
    """
    known = list(accepted)
    for name in given:
        if name not in known:
            raise UsageError(f"{owner} has no {what} {name!r}; it has: {', '.join(known) or '(none)'}.")


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
            raise self._unreadable(error) from error

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over what it depended on when this was first asked."""
        return content_key(self.dependencies())

    @cached_property
    def parameters(self) -> dict[str, Any] | None:
        """The hyper-parameters of the constructor and their defaults, read from the source without importing it.

        The first parameter, the shape of an example, is left out. None where they cannot be told: the constructor takes
        any keyword, comes from another module, or the source is compiled.

        Raises:
            ModelError: The source cannot be found, read or parsed.
        """
        return _constructor_parameters(self._definitions, self.attribute)

    @property
    def summary(self) -> str:
        """The first line of its docstring, read without importing it; empty where there is none.

        Raises:
            ModelError: The source cannot be found, read or parsed.
        """
        node = self._definitions.get(self.attribute)
        return ((ast.get_docstring(node) if node else None) or "").partition("\n")[0].rstrip(".")

    def declared(self, attribute: str) -> tuple[str, ...]:
        """The strings that the class lists by ``attribute = ("...",)`` in its body, read without importing it.

        Raises:
            ModelError: The source cannot be read, or the declaration is not a literal list of strings.
        """
        value = self._declaration(attribute)
        return () if value is None else _strings(self.name, attribute, value)

    def declared_text(self, attribute: str) -> str:
        """The string that the class has by ``attribute = "..."`` in its body, read without importing it; else empty.

        Raises:
            ModelError: The source cannot be read, or the declaration is not a literal string.
        """
        value = self._declaration(attribute)
        if value is None:
            return ""
        if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
            raise ModelError(f"{self.name!r}: {attribute} must be a literal string; it is {ast.unparse(value)}.")
        return value.value

    def has_method(self, name: str) -> bool:
        """Whether the class, or a base in the same module, defines a method of this name."""
        return any(isinstance(s, ast.FunctionDef) and s.name == name for node in self._classes() for s in node.body)

    def _declaration(self, attribute: str) -> ast.expr | None:
        """What the class, or the first of its bases in the same module that has one, assigns to an attribute."""
        for node in self._classes():
            for statement in node.body:
                if isinstance(statement, ast.Assign) and any(
                    isinstance(target, ast.Name) and target.id == attribute for target in statement.targets
                ):
                    return statement.value
        return None

    def _classes(self) -> Iterator[ast.ClassDef]:
        """The class, its first base, the first base of that, ..., as far as they are in the same module."""
        node = self._definitions.get(self.attribute)
        while isinstance(node, ast.ClassDef):
            yield node
            base = node.bases[0] if node.bases else None
            above = self._definitions.get(base.id) if isinstance(base, ast.Name) else None
            node = above if above is not node else None

    def folders(self, name: str) -> Iterator[Path]:
        """Where folders of a name may lie: beside the module, and beside the packages that it is in."""
        folder = self.file.parent
        yield folder / name
        while (folder / "__init__.py").is_file() and not self.is_user_file:
            folder = folder.parent
            yield folder / name

    @property
    def is_function(self) -> bool:
        """Whether the source defines a function of this name, rather than a class."""
        return isinstance(self._definitions.get(self.attribute), ast.FunctionDef)

    @cached_property
    def _definitions(self) -> dict[str, ast.ClassDef | ast.FunctionDef]:
        """The classes and functions of the module by name."""
        if self.file.suffix != ".py":
            return {}
        try:
            body = ast.parse(self.file.read_bytes()).body
        except (OSError, SyntaxError, ValueError) as error:
            raise self._unreadable(error) from error
        return {node.name: node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}

    def _unreadable(self, error: Exception) -> ModelError:
        return ModelError(f"{self.name!r}: its source cannot be read: {type(error).__name__}: {error}")

    def load(self) -> Any:
        """Import the class or function.

        Raises:
            UnknownNameError: The module has nothing of this name.
            ModelError: The import fails, for whatever reason the module has; or the source is no longer what was
                fingerprinted or imported, so that a result would be stored under the wrong key.
        """
        planned = self.fingerprint
        try:
            with calling_user_code():
                module = import_file(self.file) if self.is_user_file else importlib.import_module(self.module)
            component = getattr(module, self.attribute, _NOTHING)
        except ModelError:
            raise
        except (Exception, SystemExit) as error:
            place = user_error_place(error)
            reason = f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")
            raise ModelError(f"{self.name!r} cannot be imported: {reason}") from error
        if content_key(self.dependencies()) != planned:
            raise ModelError(f"{self.name!r}: its source changed while the run went on. Run the same command again.")
        if component is _NOTHING:
            where = self.file.name if self.is_user_file else self.module
            raise UnknownNameError(f"class or function of {where}", self.attribute, _public_names(module))
        if not self.is_user_file:
            self._check_import(module, planned)
        return component

    def _check_import(self, module: Any, planned: str) -> None:
        """What this process imported long ago, as in a notebook, may not be what the file says now."""
        imported, fingerprint = _imported.get(self.module, (None, planned))
        if imported is not module.__spec__:
            _imported[self.module] = (module.__spec__, planned)
        elif fingerprint != planned:
            raise ModelError(
                f"{self.name!r}: its source has changed since this process imported {self.module}. Restart Python, or "
                "reload the module (importlib.reload)."
            )


def _public_names(module: Any) -> list[str]:
    """The classes and functions that a module defines itself, but for those of a leading underscore."""
    own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__]
    return [name for name in own if callable(getattr(module, name)) and not name.startswith("_")]


def _strings(name: str, attribute: str, node: ast.expr) -> tuple[str, ...]:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = None
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ModelError(
            f'{name!r}: {attribute} must be a literal list of strings, as in {attribute} = ["..."]; it is '
            f"{ast.unparse(node)}."
        )
    return tuple(value)


def _constructor_parameters(definitions: Mapping[str, ast.stmt], name: str) -> dict[str, Any] | None:
    """Of a class, or of the first of its bases in the same module that has a constructor."""
    node = definitions.get(name)
    if not isinstance(node, ast.ClassDef):
        return None
    constructor = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if constructor is None:
        first = node.bases[0] if node.bases else None
        others = {key: value for key, value in definitions.items() if key != name}  # so that a circle comes to an end
        return _constructor_parameters(others, first.id) if isinstance(first, ast.Name) else None
    arguments = constructor.args
    if arguments.kwarg is not None:
        return None
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = [*zip(positional, [*missing, *arguments.defaults], strict=True)][2:]  # but for self and the shape
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {argument.arg: _literal(default) for argument, default in pairs}


def _literal(node: ast.expr | None) -> Any:
    try:
        return REQUIRED if node is None else ast.literal_eval(node)
    except ValueError:
        return REQUIRED
