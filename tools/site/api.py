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
    exports = importlib.import_module(module)
    for name in exports.__all__:
        if not name.startswith("__"):
            lines += _entry(module, name, getattr(exports, name))
    return "\n".join(lines)


def _entry(module: str, name: str, thing: object) -> list[str]:
    if inspect.isclass(thing):
        kind, options = "class", ["   :members:", "   :exclude-members: __init__, __new__"]
    else:
        kind, options = ("function" if inspect.isroutine(thing) else "data"), []
    return [f".. auto{kind}:: {module}.{name}", *options, ""]
