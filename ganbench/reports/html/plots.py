"""Plots as inline SVG.

They are text that any browser draws at once, in the colours of the page, light or dark, on paper and without
JavaScript. A plotting library in JavaScript would alone take the 5 MB that the page may have, and a page of twenty
models has hundreds of plots. Every point has its numbers as a `<title>`, which browsers show under the pointer and
screen readers speak.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ganbench.reports.formats import with_error

__all__ = ["Landmark", "Plot", "Point", "Series", "near", "plain", "short"]

_WIDTH, _HEIGHT, _ROW = 420.0, 250.0, 24.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 12.0, 14.0, 40.0
_TICKS = 5
_COLOURS = 8
_GAP, _BESIDE = 11.0, 126.0  # between labels of landmarks; the room for them at the right of the axes


class Point(NamedTuple):
    """A point, how far its bar goes to both sides along y (of a forest plot along x), and what it says of itself."""

    x: float
    y: float
    error: float = 0.0
    text: str = ""


class Landmark(NamedTuple):
    """A value of known standing, drawn as a line across."""

    value: float
    label: str


@dataclass(frozen=True)
class Series:
    """Points of one name, joined by a line or not."""

    label: str
    points: Sequence[Point]
    joined: bool = True
    css: str = ""


def short(value: float) -> str:
    """A number on an axis.

    >>> short(10000.0), short(0.123456), short(-0.0)
    ('10000', '0.1235', '0')
    """
    return f"{float(f'{value:.4g}'):g}" if value else "0"


def plain(label: str, labels: Collection[str]) -> bool:
    """Whether a row of known standing is a landmark: one of several settings is none beside that without."""
    name, bracket, _ = label.partition("[")
    return not bracket or name not in labels


def near(landmarks: Sequence[Landmark], series: Sequence[Series]) -> list[Landmark]:
    """The landmarks that do not squeeze the points together: those within twice their height."""
    ys = [end for one in series for p in one.points for end in _ends(p.y, p.error)]
    if not ys:
        return []
    reach = 2 * (max(ys) - min(ys)) or abs(max(ys)) or 1.0
    return [mark for mark in landmarks if min(ys) - reach <= mark.value <= max(ys) + reach]


@dataclass(frozen=True)
class Plot:
    """A plot: what the template draws, in pixels of the view box.

    Attributes:
        title: What it shows, for those who hear it.
        x_name: Of the horizontal axis.
        y_name: Of the vertical axis.
        series: What is drawn.
        landmarks: Values on the vertical axis, of a forest plot on the horizontal one.
        log_x: Whether the horizontal axis is logarithmic; it is not where a value is not positive.
        rows: Of a forest plot: the labels of y = 0, 1, ...
    """

    title: str
    x_name: str
    y_name: str
    series: Sequence[Series]
    landmarks: Sequence[Landmark] = ()
    log_x: bool = False
    rows: Sequence[str] = field(default=())

    @cached_property
    def is_log(self) -> bool:
        """Whether the horizontal axis is logarithmic after all."""
        return self.log_x and all(point.x > 0 for series in self.series for point in series.points)

    @property
    def summary(self) -> str:
        """First and last point of every series in words."""
        parts = []
        for series in self.series:
            if series.points:
                ends = [f"{short(p.y)} at {short(p.x)}" for p in (series.points[0], series.points[-1])]
                parts.append(f"{series.label}: {' to '.join(dict.fromkeys(ends))}")
        return f"{self.title}. {self.y_name} against {self.x_name}. {'; '.join(parts)}."

    @property
    def height(self) -> float:
        """Of the view box."""
        return _TOP + _BOTTOM + _ROW * len(self.rows) if self.rows else _HEIGHT

    @cached_property
    def frame(self) -> tuple[float, float, float, float]:
        """Left, right, top and bottom of the axes."""
        left = min(190.0, 12 + 6.4 * max(map(len, self.rows))) if self.rows else _LEFT
        beside = _BESIDE if self.landmarks and not self.rows else 0.0
        return left, _WIDTH - _RIGHT - beside, _TOP, self.height - _BOTTOM

    @cached_property
    def _x_range(self) -> tuple[float, float]:
        return self._range(True)

    @cached_property
    def _y_range(self) -> tuple[float, float]:
        return self._range(False)

    def _range(self, along_x: bool) -> tuple[float, float]:
        points = [point for series in self.series for point in series.points]
        barred = along_x == bool(self.rows)
        values = [v for p in points for v in _ends(p.x if along_x else p.y, p.error if barred else 0.0)]
        values += [mark.value for mark in self.landmarks if barred]
        values = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
        if along_x and self.is_log:
            values = [math.log10(v) for v in values if v > 0]
        low, high = min(values), max(values)
        margin = 0.05 * (high - low) or 0.05 * abs(low) or 0.5
        return low - margin, high + margin

    def x(self, value: float) -> float:
        """Pixel of a value on the horizontal axis."""
        low, high = self._x_range
        left, right = self.frame[:2]
        place = math.log10(value) if self.is_log else value
        return round(left + (place - low) / (high - low) * (right - left), 1)

    def y(self, value: float) -> float:
        """Pixel of a value, or of a row, on the vertical axis."""
        top, bottom = self.frame[2:]
        if self.rows:
            return round(top + _ROW * (value + 0.5), 1)
        low, high = self._y_range
        return round(bottom - (value - low) / (high - low) * (bottom - top), 1)

    def x_ticks(self) -> Iterator[tuple[float, str]]:
        """Places and labels."""
        low, high = self._x_range
        for value in _powers(low, high) if self.is_log else _steps(low, high):
            yield self.x(value), short(value)

    def y_ticks(self) -> Iterator[tuple[float, str]]:
        """Places and labels."""
        if self.rows:
            yield from ((self.y(number), label) for number, label in enumerate(self.rows))
        else:
            yield from ((self.y(value), short(value)) for value in _steps(*self._y_range))

    def lines(self) -> Iterator[tuple[int, Series, str, list[tuple[float, float, float, float, str]]]]:
        """Of each series the number of its colour, itself, its path, and its points with the ends of their bars."""
        for number, series in enumerate(self.series):
            drawn = []
            for p in series.points:
                low, high = _ends(p.x if self.rows else p.y, p.error)
                ends = (self.x(low), self.x(high)) if self.rows else (self.y(low), self.y(high))
                text = p.text or f"{series.label}: {with_error(p.y, p.error)} at {short(p.x)}"
                drawn.append((self.x(p.x), self.y(p.y), *ends, text))
            path = " ".join(f"{x:g},{y:g}" for x, y, *_ in drawn) if series.joined and len(drawn) > 1 else ""
            yield number % _COLOURS, series, path, drawn

    def marks(self) -> Iterator[tuple[float, float, str, str]]:
        """Landmarks: the place of the line, that of its label, the label and its value; labels do not overlap."""
        at = self.x if self.rows else self.y
        ordered = sorted(self.landmarks, key=lambda mark: at(mark.value))
        labels: list[float] = []
        for mark in ordered:
            labels.append(max(at(mark.value), labels[-1] + _GAP if labels else -math.inf))
        lowest = self.frame[3]
        for number in reversed(range(len(labels))):  # those that were pushed out below go up again
            labels[number] = min(labels[number], lowest)
            lowest = labels[number] - _GAP
        for mark, label in zip(ordered, labels, strict=True):
            yield at(mark.value), label, mark.label, short(mark.value)


def _ends(value: float, error: float) -> tuple[float, float]:
    error = error if math.isfinite(error) else 0.0
    return value - error, value + error


def _steps(low: float, high: float) -> list[float]:
    """Round numbers between two."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _powers(low: float, high: float) -> list[float]:
    """Round numbers between two powers of ten: each 1, 2 and 5, or fewer where there are many."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        values = [d * 10.0**n for n in decades for d in digits if low <= math.log10(d * 10.0**n) <= high]
        if len(values) <= _TICKS + 2:
            break
    return values if len(values) > 1 else _steps(10**low, 10**high)
