"""The Python API: a page for each public module, an entry for each of its names."""

from __future__ import annotations

import importlib
import inspect

__all__ = ["MODULES", "pages"]

MODULES = {
    "ganbench": "The front door",
    "ganbench.metrics": "Metrics",
    "ganbench.modelling": "For authors of models",
}


def pages() -> dict[str, str]:
    """reStructuredText, as autodoc's directives are."""
    return {f"api/{module}.rst": _page(module, title) for module, title in MODULES.items()}


def _page(module: str, title: str) -> str:
    head = f"{title}: ``{module}``"
    lines = [head, "=" * len(head), "", f".. automodule:: {module}", ""]
    for name, thing in _exports(module).items():
        lines += _entry(module, name, thing)
    return "\n".join(lines)


def _exports(module: str) -> dict[str, object]:
    """The public names of a module that no module above it has."""
    here = importlib.import_module(module)
    above = {id(thing) for other in _before(module) for thing in _exports(other).values()}
    named = {name: getattr(here, name) for name in here.__all__ if not name.startswith("__")}
    return {name: thing for name, thing in named.items() if id(thing) not in above}


def _before(module: str) -> list[str]:
    return list(MODULES)[: list(MODULES).index(module)]


def _entry(module: str, name: str, thing: object) -> list[str]:
    if inspect.isclass(thing):
        kind, options = "class", ["   :members:", "   :exclude-members: __init__, __new__"]
    else:
        kind, options = ("function" if inspect.isroutine(thing) else "data"), []
    return [f".. auto{kind}:: {module}.{name}", *options, ""]
