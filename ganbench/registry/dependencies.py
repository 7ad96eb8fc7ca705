"""What a stored result depends on: the source that a model consists of, by name, as hashes of content.

Nothing is imported; what a module uses is read from its import statements, wherever they stand. Comments, docstrings
and layout do not count, nor do other installed packages and the version of Python.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ganbench.errors import ModelError
from ganbench.files import content_key, file_sha256

__all__ = ["dependencies", "is_neighbour", "source_fingerprint"]

_HARNESS = "ganbench"
_HARNESS_FOLDER = Path(__file__).parents[2]
_OURS = (_HARNESS, "ganbench_models")  # the packages of this distribution
_DECIDE_NO_NUMBER = ("ganbench.errors", "ganbench.hyperparameters")


def source_fingerprint(path: Path, module: str) -> str:
    """sha256 of all that `dependencies` names, with the same arguments and errors."""
    return content_key(dependencies(path, module))


def dependencies(path: Path, module: str) -> dict[str, str]:
    """What a module is made of: names and the sha256 of what they stand for.

    These count, directly or through others:

    - the module itself and the modules that it imports from its own top-level package;
    - for a file that is named by its path, the modules and packages beside it that it imports;
    - the modules of `ganbench` that define the names it uses (a re-export is followed to where the name is defined),
      and of `ganbench_models`; errors and checks decide no number and do not count;
    - where one of these two packages declares ``NUMBERS_OF``, the hash that it says instead of its own: that of an
      earlier source whose numbers it still gives, within a tolerance that tests hold. A faster kernel is no other
      metric, and results whose samples are gone stay what they are. One that says "" gives the numbers of its importer
      another way, and does not count;
    - files that one of these declares by ``depends_on = ["weights.npz"]`` at its top or in a class, relative to its
      folder; a folder stands for all files in it.

    Args:
        path: The file of the module.
        module: Its dotted name, or a path that ends in `.py`.

    Returns:
        The hashes by the dotted name of a module, or the path of a declared file relative to the module's folder.

    Raises:
        SyntaxError: A module is not Python.
        ModelError: A file that is declared does not exist, or the declaration is not a list of strings.
    """
    if path.suffix != ".py":
        return {module: file_sha256(path)}  # compiled
    return _Search(path, module).found


def is_neighbour(folder: Path, name: str) -> bool:
    """Whether ``import name`` in a user's file in `folder` means what stands beside it, as it does in a script.

    A module or a package does whatever else has its name, except for our own packages. A folder without `__init__.py`
    does where nothing installed has its name.
    """
    if name in _OURS:
        return False
    if (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file():
        return True
    return (folder / name).is_dir() and _installed(name) is None


def _installed(name: str) -> Path | None:
    """The file of a top-level package, found without importing it."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module that was made by hand is in its place
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


class _Search:
    """All modules that are reached from one."""

    def __init__(self, path: Path, module: str) -> None:
        self.found: dict[str, str] = {}
        self._neighbours: Path | None = None  # the folder of a file that is named by its path
        self._followed: set[tuple[str, str]] = set()
        self._folders: dict[str, Path | None] = {}  # of top-level names: where they lie; None for what does not count
        if module.endswith(".py"):
            path = path.resolve()  # neighbours are those of the file, not of a link to it
            module = path.stem
            self._neighbours = path.parent
        else:
            package = path.parents[module.count(".") - (path.name != "__init__.py")]
            self._folders[module.partition(".")[0]] = package.parent
        self._origin = path.parent
        self._pending = [(module, path)]
        self._seen = {module, *_DECIDE_NO_NUMBER}
        while self._pending:
            self._read(*self._pending.pop())

    def _read(self, module: str, path: Path) -> None:
        """Take a module, the files that it declares and what it imports."""
        try:
            source = _parsed(path.read_bytes())
            declared = [] if module.partition(".")[0] == _HARNESS else list(_declared_files(source.body))
        except SyntaxError as error:
            error.filename = str(path)
            raise
        except ModelError as error:
            raise ModelError(f"{path.name}: {error}") from None
        numbers = _numbers_of(source.body) if module.partition(".")[0] in _OURS else None
        if numbers != "":
            self.found[module] = numbers or source.skeleton
        for name in declared:
            self._take_files(path.parent / name, path)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for statement in source.imports:
            self._follow(*statement.absolute(package))

    def _take_files(self, path: Path, declared_in: Path) -> None:
        if not path.exists():
            raise ModelError(f"{declared_in.name} declares in depends_on that it reads {path}, which does not exist.")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                self.found[Path(os.path.relpath(file, self._origin)).as_posix()] = file_sha256(file)

    def _visit(self, module: str) -> None:
        """Take a module whole, if there is one of this name that counts."""
        path = self._locate(module)
        if path is not None and module not in self._seen:
            self._seen.add(module)
            self._pending.append((module, path))

    def _follow(self, module: str, name: str) -> None:
        """Take what ``from module import name`` needs; ``import module`` has no name, a name may have attributes."""
        if (module, name) in self._followed:
            return
        self._followed.add((module, name))
        in_harness = module.partition(".")[0] == _HARNESS
        if in_harness and name not in ("", "*"):
            self._follow_to_definition(module, *name.partition(".")[::2])
            return
        parts = module.split(".")
        with_packages_above = not name or (self._neighbours is not None and not in_harness)
        for end in range(1 if with_packages_above else len(parts), len(parts) + 1):
            self._visit(".".join(parts[:end]))
        if name:
            self._visit(f"{module}.{name}")

    def _follow_to_definition(self, module: str, name: str, attribute: str) -> None:
        path = self._locate(module)
        if path is None or module in _DECIDE_NO_NUMBER:
            return
        imports = _parsed(path.read_bytes()).imports
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        origins = [statement.absolute(package) for statement in imports if statement.bound == name]
        for origin in origins:
            self._follow(*origin)
        submodule = f"{module}.{name}"
        if not origins and attribute and self._locate(submodule) is not None:
            self._follow(submodule, attribute)
        elif not origins:
            self._visit(submodule if self._locate(submodule) is not None else module)

    def _locate(self, module: str) -> Path | None:
        """The file of a module that counts."""
        top, *_ = parts = module.split(".")
        if top not in self._folders:
            self._folders[top] = self._folder(top)
        folder = self._folders[top]
        if folder is None:
            return None
        base = folder.joinpath(*parts)
        return next(
            (file for file in (base / "__init__.py", base.with_name(f"{base.name}.py")) if file.is_file()), None
        )

    def _folder(self, top: str) -> Path | None:
        if top == _HARNESS:
            return _HARNESS_FOLDER
        if top in _OURS:
            file = _installed(top)
            return file.parents[1] if file is not None else None
        return self._neighbours if self._neighbours is not None and is_neighbour(self._neighbours, top) else None


class _Import(NamedTuple):
    """``from module import name as bound``; `level` counts the leading dots, ``import module`` has no name."""

    level: int
    module: str
    name: str
    bound: str

    def absolute(self, package: str) -> tuple[str, str]:
        """The module and the name, where the statement stands in a module of `package`."""
        if not self.level:
            return self.module, self.name
        parents = package.split(".")[: package.count(".") + 2 - self.level] if package else []
        module = ".".join([*parents, *filter(None, [self.module])])
        return (module, self.name) if module else (self.name, "")  # from . import helper, beside a user's file


@dataclass(frozen=True)
class _Source:
    """What counts of a file of Python: a hash of its syntax, its imports, and statements that may declare files."""

    skeleton: str
    imports: tuple[_Import, ...]
    body: tuple[ast.stmt, ...]


@lru_cache(maxsize=1024)
def _parsed(source: bytes) -> _Source:
    tree = ast.parse(source)
    words: list[str] = []
    statements: list[ast.AST] = []
    _write_skeleton(tree, words.append, statements.append)
    imports = [found for node in statements for found in _imports(node, tree)]
    skeleton = hashlib.sha256(" ".join(words).encode()).hexdigest()
    return _Source(skeleton, tuple(imports), tuple(tree.body))


def _write_skeleton(node: Any, write: Callable[[str], None], found_import: Callable[[ast.AST], None]) -> None:
    """A syntax tree in words, without docstrings, positions and empty fields."""
    if isinstance(node, ast.AST):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found_import(node)
        write(f"{type(node).__name__}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if name not in ("ctx", "kind") and value is not None and value != []:
                write(name)
                _write_skeleton(value, write, found_import)
        write(")")
    elif isinstance(node, list):
        write("[")
        for item in node:
            if not _is_docstring(item):
                _write_skeleton(item, write, found_import)
        write("]")
    else:
        write(repr(node))


def _is_docstring(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(node: ast.AST, tree: ast.AST) -> Iterator[_Import]:
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield _Import(node.level, node.module or "", alias.name, alias.asname or alias.name)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            module, bound = (alias.name, alias.asname) if alias.asname else (top, top)
            used = _attributes_used(tree, bound) if top == _HARNESS else {""}
            yield from (_Import(0, module, name, bound) for name in sorted(used) if name)
            if "" in used or not used:  # import a.b as c is from a import b as c
                whole = alias.name.rpartition(".")[::2] if alias.asname and "." in alias.name else (alias.name, "")
                yield _Import(0, *whole, bound)


def _attributes_used(tree: ast.AST, name: str) -> set[str]:
    """What follows a name in a module: {"metrics.f"} where it is used as `name.metrics.f`, "" for the bare name."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
            top, _, rest = ast.unparse(node).partition(".")
            if top == name:
                used.add(rest)
    return used


def _numbers_of(body: Iterable[ast.stmt]) -> str | None:
    """What a module of ours declares by ``NUMBERS_OF = "..."``; None where it declares nothing."""
    for node in body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["NUMBERS_OF"]:
            return str(ast.literal_eval(node.value))
    return None


def _declared_files(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _declared_files(node.body)
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "depends_on" for target in targets):
            yield from _literal_strings(node)


def _literal_strings(node: Any) -> list[str]:
    try:
        files = ast.literal_eval(node.value)
    except (ValueError, TypeError):
        files = None
    if not isinstance(files, list | tuple) or not all(isinstance(file, str) for file in files):
        raise ModelError(
            f'line {node.lineno}: depends_on must be a literal list of file names, as in depends_on = ["weights.npz"]; '
            f"it is {ast.unparse(node.value) if node.value else 'without a value'}."
        )
    return list(files)
