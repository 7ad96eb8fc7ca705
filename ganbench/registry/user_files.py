"""Models in a file of the user's: importing it and its neighbours, and calling code that is not ours."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from ganbench.errors import ModelError
from ganbench.files import content_key
from ganbench.registry.dependencies import dependencies, is_neighbour

__all__ = ["calling_user_code", "import_file", "user_error_place"]

_PREFIX = "_ganbench_user_"
_STDOUT, _STDERR = 1, 2
_NOT_THE_USERS = {"ganbench", "numpy", "torch", *sys.stdlib_module_names}


def import_file(path: Path) -> ModuleType:
    """Import a file of Python as a module of a private package, in which its neighbours are found.

    The package is named after the folder and the content of the file and of the neighbours that it imports: what has
    changed is imported anew, two folders never share a `helper`, and nothing becomes importable for anybody else.
    While the file is imported `sys.argv` is ``[path]`` and what it prints goes to stderr.

    Raises:
        ModelError: There is no such file, or the import fails or ends the program; with the line of the user's code.
    """
    path = path.resolve()
    try:
        content = dependencies(path, str(path))
        package = _private_package(path.parent, content)
        name = f"{package}.{path.stem.replace('.', '_')}"
        if name not in sys.modules:
            with calling_user_code(path):
                _execute(name, path)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path.name} cannot be imported: {_what_and_where(error)}.") from error
    return sys.modules[name]


@contextlib.contextmanager
def calling_user_code(path: Path | None = None) -> Iterator[None]:
    """While the code of a model runs: what it prints goes to stderr, as stdout is for results.

    So does what its libraries in C and the programs that it starts write to the file descriptor of stdout.

    Args:
        path: The file that is imported; it sees ``sys.argv == [path]`` rather than our arguments.
    """
    arguments = sys.argv
    try:
        if path is not None:
            sys.argv = [str(path)]
        with _descriptor_of_stdout_to_stderr(), contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.argv = arguments


@contextlib.contextmanager
def _descriptor_of_stdout_to_stderr() -> Iterator[None]:
    _flush_stdout()
    kept = None
    with contextlib.suppress(OSError):  # one of the two is closed, and what is written there arrives nowhere
        kept = os.dup(_STDOUT)
        os.dup2(_STDERR, _STDOUT)
    try:
        yield
    finally:
        if kept is not None:
            _flush_stdout()
            os.dup2(kept, _STDOUT)
            os.close(kept)


def _flush_stdout() -> None:
    """What is still in Python's buffer goes where it went when it was written."""
    if sys.__stdout__ is not None:
        with contextlib.suppress(OSError, ValueError):  # the other end has gone, which the next print tells of
            sys.__stdout__.flush()


def user_error_place(error: BaseException) -> str:
    """Where an exception left the user's code: "my_model.py, line 12, in fit"; empty if it never was there.

    The user's code is the module that the harness called, and all of its top-level package.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _is_users(frame)]
    if not frames:
        return ""
    own = _top_level(frames[0][0])
    frame, line = next((frame, line) for frame, line in reversed(frames) if _top_level(frame) == own)
    module = frame.f_globals.get("__name__", "").split(".")
    depth = max(1, len(module) - module[0].startswith(_PREFIX))
    file = "/".join(Path(frame.f_code.co_filename).parts[-depth:])
    function = frame.f_code.co_name
    return f"{file}, line {line}" + ("" if function == "<module>" else f", in {function}")


def _is_users(frame: Any) -> bool:
    return _top_level(frame) not in _NOT_THE_USERS and not frame.f_code.co_filename.startswith("<frozen")


def _top_level(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _what_and_where(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({user_error_place(error)})"
    place = user_error_place(error)
    return f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")


def _private_package(folder: Path, content: Mapping[str, str]) -> str:
    """The name of the package whose only folder is the user's."""
    name = f"{_PREFIX}{content_key([str(folder), content])[:16]}"
    if name not in sys.modules:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = importlib.util.module_from_spec(spec)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return name


def _execute(name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a file of Python")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


class _Finder(MetaPathFinder):
    """Finds the modules of the private packages."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_PREFIX) or not path:
            return None
        return FileFinder(path[0], (_Loader, [".py"])).find_spec(fullname)


class _Loader(SourceFileLoader):
    """Compiles what the file holds now, and makes import statements in it look beside it first, whenever they run."""

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self.get_data(self.path), self.path)  # compiled files go by time stamps

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.partition(".")[0]
        folder = Path(sys.modules[package].__path__[0])

        def import_beside(
            name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] = (), level: int = 0
        ) -> Any:
            top = name.partition(".")[0]
            if level or not is_neighbour(folder, top):
                return builtins.__import__(name, globals, locals, fromlist, level)
            found = builtins.__import__(f"{package}.{name}", globals, locals, fromlist, 0)
            return found if fromlist else sys.modules[f"{package}.{top}"]

        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": import_beside}
        super().exec_module(module)
