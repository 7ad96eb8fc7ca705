"""Fingerprints: what a cached result depends on, as a hash of its content.

The fingerprint of source code covers the modules of the same top-level package that a module imports, directly or
through others. Other packages, comments, docstrings and layout do not count, nor does the version of Python.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganbench.files import content_key

__all__ = ["source_fingerprint"]


def source_fingerprint(path: Path, module: str) -> str:
    """sha256 of a module's source and of all that it imports from its own top-level package.

    Args:
        path: The file of the module.
        module: Its dotted name; a module outside of a package (or named by a path that ends in `.py`) stands alone.

    Raises:
        SyntaxError: A module is not Python.
    """
    package = module.split(".")[0]
    if module.endswith(".py") or ("." not in module and path.name != "__init__.py"):
        return content_key(_skeleton(ast.parse(path.read_bytes())))
    root = path.parents[module.count(".") - (path.name != "__init__.py")]
    found: dict[str, str] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        file = _module_file(root, package, name)
        if name in found or file is None:
            continue
        tree = ast.parse(file.read_bytes())
        found[name] = content_key(_skeleton(tree))
        pending.extend(_imports(tree, name if file.name == "__init__.py" else name.rpartition(".")[0], package))
    return content_key(found)


def _module_file(root: Path, package: str, module: str) -> Path | None:
    base = root.joinpath(*module.split(".")[1:])
    candidates = [base.with_suffix(".py")] if module != package else []
    return next((file for file in [*candidates, base / "__init__.py"] if file.is_file()), None)


def _imports(tree: ast.AST, parent: str, package: str) -> Iterator[str]:
    """Names that may be modules of `package`, of the import statements anywhere in a module of the package `parent`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parent.split(".")[: parent.count(".") + 2 - node.level]) if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            names = [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if f"{name}.".startswith(f"{package}."))


def _skeleton(node: Any) -> Any:
    """A syntax tree as nested lists, without docstrings, positions and empty fields."""
    if isinstance(node, ast.AST):
        fields = [(name, _skeleton(getattr(node, name, None))) for name in node._fields if name not in ("ctx", "kind")]
        return [type(node).__name__, *([name, value] for name, value in fields if value not in (None, []))]
    if isinstance(node, list):
        return [_skeleton(item) for item in node if not _is_docstring(item)]
    return repr(node) if node is not None else None


def _is_docstring(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
