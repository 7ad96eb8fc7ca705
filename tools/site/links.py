"""Whether links and pictures of a built site that point into it lead somewhere: `python -m tools.site.links FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["broken"]


class _Page(HTMLParser):
    """The targets of a page, and the places in it that can be targets."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for every tag."""
        for name, value in attrs:
            if value and name in ("href", "src", "srcset"):
                self.targets.append(value)
            elif value and name == "id":
                self.anchors.add(value)


def broken(folder: Path) -> Iterator[str]:
    """One line on each target that is not there."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue  # elsewhere, which `tox -e links` looks at
            file = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            lost = not file.is_file() or folder.resolve() not in file.resolve().parents
            anchors = pages[file].anchors if file in pages else set()
            if lost or (parts.fragment and file in pages and unquote(parts.fragment) not in anchors):
                yield f"{path.relative_to(folder)}: {target}"


if __name__ == "__main__":
    found = list(broken(Path(sys.argv[1]).resolve()))
    sys.exit("\n".join(found) if found else 0)
