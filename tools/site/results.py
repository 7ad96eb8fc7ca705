"""Table 1 and what was measured, from the committed records."""

from __future__ import annotations

import re
from pathlib import Path

import ganbench

__all__ = ["ROOT", "pages"]

ROOT = Path(__file__).parents[2]
_RESULTS = ROOT / "results"
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#:]+)\)")


def pages() -> dict[str, str]:
    """Markdown: a table for each protocol, which other pages include, and the text of `results/README.md`."""
    tables = {f"table1-{protocol.name}.md": _table(protocol) for protocol in ganbench.stored_protocols(_RESULTS)}
    text = (_RESULTS / "README.md").read_text(encoding="utf-8")
    return {**tables, "results.md": _LINK.sub(_link, text)}


def _table(protocol: ganbench.Protocol) -> str:
    """The title as a caption, the table, and its notes, which are long, behind a fold."""
    text = ganbench.render_table(ganbench.table(_RESULTS, protocol), protocol, "markdown")
    title, table, notes = text.strip().replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}").split("\n\n")
    return f"**{title}**\n\n{table}\n\n:::{{dropdown}} What the numbers are\n{notes}\n:::\n"


def _link(match: re.Match[str]) -> str:
    """A link to a file beside the text, as Sphinx takes it: to a page, or as a download."""
    text, target = match.groups()
    path = (_RESULTS / target).resolve()
    if not path.is_file():
        return text
    if path.parent == ROOT / "docs":
        return f"[{text}](/{path.name})"
    return f"{{download}}`{text.strip('`')} <{Path('..', '..', path.relative_to(ROOT)).as_posix()}>`"
