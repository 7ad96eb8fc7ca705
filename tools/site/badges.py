"""The badges of the README, from `pyproject.toml`: `python -m tools.site.badges > docs/pictures/badges.svg`."""

from __future__ import annotations

import re
import sys
import tomllib
from html import escape
from typing import Any

from tools.site.results import ROOT

__all__ = ["badges"]

_CHARACTER, _PADDING, _GAP, _HEIGHT = 7.2, 8.0, 8.0, 22
_STYLE = (
    "text { font: 12px ui-monospace, monospace; fill: #ffffff; } .name { fill: #3d444d; } .value { fill: #0550ae; }"
)


def badges() -> str:
    """An SVG: version, license, versions of Python and of torch, side by side."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = _facts(project)
    parts, left = [], 0.0
    for name, value in found.items():
        middle = left + _CHARACTER * len(name) + 2 * _PADDING
        right = middle + _CHARACTER * len(value) + 2 * _PADDING
        for kind, text, begin, end in (("name", name, left, middle), ("value", value, middle, right)):
            parts.append(f'<rect class="{kind}" x="{begin:.1f}" width="{end - begin:.1f}" height="{_HEIGHT}"/>')
            parts.append(f'<text x="{begin + _PADDING:.1f}" y="15">{escape(text)}</text>')
        left = right + _GAP
    title = escape(", ".join(f"{name} {value}" for name, value in found.items()))
    size = f'width="{left - _GAP:.0f}" height="{_HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join([head, f"<title>{title}</title>", f"<style>{_STYLE}</style>", *parts, "</svg>\n"])


def _facts(project: dict[str, Any]) -> dict[str, str]:
    pythons = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    torch = next(requirement for requirement in project["dependencies"] if requirement.startswith("torch>="))
    return {
        "version": project["version"],
        "license": project["license"],
        "python": f"{pythons[0]} to {pythons[-1]}",
        "torch": f"{torch.removeprefix('torch>=')} or newer",
    }


if __name__ == "__main__":
    sys.stdout.write(badges())
