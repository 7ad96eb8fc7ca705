"""The picture of Table 1 that the README shows: `python -m tools.site.picture > docs/pictures/table1.svg`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

import pandas

import ganbench
from tools.site.results import ROOT

__all__ = ["table1_picture"]

_WIDTH, _HEAD, _LINE = 900, 76, 34
_COLUMNS = (16, 290, 390, 480, 606, 880)  # left edges of the columns; the last is the right edge of the axis
_STYLE = """\
text { font: 14px system-ui, sans-serif; fill: #1f2328; }
.head { font-weight: 600; } .quiet { fill: #59636e; font-size: 12px; }
.rule { stroke: #d1d9e0; } .ours { stroke: #0969da; fill: #0969da; } .theirs { stroke: #9a6700; fill: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .quiet { fill: #9198a1; } .rule { stroke: #3d444d; }
  .ours { stroke: #4493f8; fill: #4493f8; } .theirs { stroke: #d29922; }
}
"""


class _Row(NamedTuple):
    model: str
    measured: tuple[float, float] | None
    published: tuple[float, float] | None
    verdict: str


def table1_picture() -> str:
    """An SVG: a line for each model on MNIST, in numbers and on an axis."""
    rows = _rows()
    height = _HEAD + _LINE * len(rows) + 34
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{escape(' '.join(_described(rows)))}</title>",
            f"<style>\n{_STYLE}</style>",
            *_drawn(rows, height),
            "</svg>\n",
        ]
    )


def _rows() -> list[_Row]:
    protocol = ganbench.load_protocol("goodfellow2014")
    frame = ganbench.table(ROOT / "results", protocol, datasets=["mnist"])
    frame = frame[frame.standard_error_across.isin(["examples", ""])]
    return [
        _Row(
            " ".join([protocol.titles[name], *([f"({settings[:-1]})"] if settings else [])]),
            _pair(row.value, row.standard_error),
            _pair(row.published_mean, row.published_standard_error),
            row.verdict,
        )
        for _, row in frame.iterrows()
        for name, _, settings in [row.model.partition("[")]
    ]


def _pair(value: float, error: float) -> tuple[float, float] | None:
    return None if pandas.isna(value) else (value, error)


def _described(rows: Sequence[_Row]) -> Iterator[str]:
    yield "Table 1 on MNIST, mean log-likelihood in nats."
    for row in rows:
        yield f"{row.model}: measured {_ours(row)}, published {_theirs(row)}, {row.verdict}."


def _ours(row: _Row) -> str:
    return ganbench.with_error(*row.measured) if row.measured else "–"


def _theirs(row: _Row) -> str:
    return f"{row.published[0]:g} ± {row.published[1]:g}" if row.published else "–"


def _drawn(rows: Sequence[_Row], height: int) -> Iterator[str]:
    values = [pair[0] for row in rows for pair in (row.measured, row.published) if pair]
    low, high = 50 * (min(values) // 50), 50 * (max(values) // 50 + 1)
    heads = ("MNIST, nats", "measured", "published", "verdict", "measured", "published")
    yield from (_text(x, 28, head, "head") for x, head in zip((*_COLUMNS[:4], 626, 746), heads, strict=True))
    yield '<circle class="ours" cx="612" cy="23" r="5"/>'
    yield '<circle class="theirs" cx="732" cy="23" r="5" stroke-width="2"/>'
    yield _text(16, 50, "Gaussian Parzen windows on 10,000 samples; ± standard error across test images", "quiet")
    for tick in range(int(low), int(high) + 1, 50):
        x = _at(tick, low, high)
        yield f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{_HEAD - 12}" y2="{height - 28}"/>'
        yield _text(x, height - 10, f"{tick:g}", "quiet", "middle")
    for number, row in enumerate(rows):
        y = _HEAD + _LINE * number
        texts = (row.model, _ours(row), _theirs(row), row.verdict)
        yield f'<line class="rule" x1="{_COLUMNS[0]}" x2="{_COLUMNS[-1]}" y1="{y - 12}" y2="{y - 12}"/>'
        yield from (_text(x, y + 11, text) for x, text in zip(_COLUMNS, texts, strict=False))
        for pair, kind in ((row.published, "theirs"), (row.measured, "ours")):
            if pair:
                yield _mark(pair, kind, y + 6, low, high)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _mark(pair: tuple[float, float], kind: str, y: float, low: float, high: float) -> str:
    left, middle, right = (_at(value, low, high) for value in (pair[0] - pair[1], pair[0], pair[0] + pair[1]))
    return (
        f'<g class="{kind}" stroke-width="2"><line x1="{left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}"/>'
        f'<circle cx="{middle:.1f}" cy="{y}" r="5"/></g>'
    )


def _at(value: float, low: float, high: float) -> float:
    left, right = _COLUMNS[4], _COLUMNS[5]
    return left + (right - left) * (value - low) / (high - low)


if __name__ == "__main__":
    sys.stdout.write(table1_picture())
