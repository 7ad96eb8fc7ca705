"""What a figure is before it is written, and how it becomes files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PIXELS_PER_INCH", "Drawing", "WrittenFigure", "blank", "pixel_figure", "save"]

PIXELS_PER_INCH = 100
"""Dots per inch of pictures."""

_STYLE: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "pdf.fonttype": 42}


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure in memory, or the reason why there is none.

    Attributes:
        name: The stem of its files.
        figure: The figure; None where it cannot be made.
        caption: What it shows.
        reason: Why it cannot be made.
        metadata: Where it comes from.
        dpi: Dots per inch of the PNG.
    """

    name: str
    figure: Figure | None = None
    caption: str = ""
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    dpi: int = 200


@dataclass(frozen=True)
class WrittenFigure:
    """A figure on disk, or the reason why there is none.

    Attributes:
        name: The stem of its files.
        files: A PNG and a PDF; empty where the figure cannot be made.
        caption: What it shows.
        reason: Why it cannot be made; empty where it has been.
    """

    name: str
    files: tuple[Path, ...] = ()
    caption: str = ""
    reason: str = ""


def blank(width: float, height: float, rows: int = 1, columns: int = 1, **subplots: Any) -> tuple[Figure, Any]:
    """A figure of so many inches and its axes, `[rows, columns]`, in the common style, without global state."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False, **subplots)


def pixel_figure(pixels: np.ndarray) -> Figure:
    """A figure that is a picture, uint8 `[height, width, 3]`: pixel by pixel in a PNG of `PIXELS_PER_INCH`."""
    from matplotlib.figure import Figure

    height, width = pixels.shape[:2]
    figure = Figure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(pixels, interpolation="none", aspect="auto")
    return figure


def save(drawing: Drawing, folder: Path) -> WrittenFigure:
    """Write a figure as PNG and as PDF; both say what they show and where it comes from.

    The same figure gives the same bytes.

    Raises:
        StoreError: A file cannot be written.
    """
    if drawing.figure is None:
        return WrittenFigure(drawing.name, reason=drawing.reason)
    origin = "; ".join(f"{key} {value}" for key, value in drawing.metadata.items())
    png = {"Software": None, "Title": drawing.name, "Description": drawing.caption, **drawing.metadata}
    pdf = {"Title": drawing.name, "Subject": drawing.caption, "Keywords": origin, "CreationDate": None}
    files = (folder / f"{drawing.name}.png", folder / f"{drawing.name}.pdf")
    for path, metadata in zip(files, (png, pdf), strict=True):
        buffer = io.BytesIO()
        drawing.figure.savefig(buffer, format=path.suffix[1:], dpi=drawing.dpi, metadata=metadata)
        write_atomically(path, buffer.getvalue())
    return WrittenFigure(drawing.name, files, drawing.caption)
