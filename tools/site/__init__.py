"""The pages of the documentation that are made from data when it is built: tables, models, metrics, the Python API.

`docs/conf.py` calls `write_pages`; nothing that these pages say is written by hand.
"""

from __future__ import annotations

from pathlib import Path

from tools.site import api, command_line, metrics, models, published, results

__all__ = ["write_pages"]


def write_pages(docs: Path) -> None:
    """Write all of them into `generated/` below the folder of the documentation; what is unchanged stays untouched."""
    folder = docs / "generated"
    pages: dict[str, str] = {}
    for room in (api, command_line, metrics, models, published, results):
        pages |= room.pages()
    for old in folder.rglob("*.*"):
        if old.is_file() and old.relative_to(folder).as_posix() not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
