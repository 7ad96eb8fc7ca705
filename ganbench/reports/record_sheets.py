"""The sheets of a record: which there are, what they show and say, and whether a stored one is still of the record."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.datasets import Split
from ganbench.records.record import Record
from ganbench.reports.captions import describe, provenance
from ganbench.reports.sheets import is_image, neighbor_sheet, sample_sheet, suspicion_sheet
from ganbench.reports.suspicion import suspects

__all__ = ["DESCRIPTION", "SHEETS", "draw_sheets", "is_of", "sheet_text"]

SHEETS = ("samples.png", "neighbors.png", "suspicion.png")
"""Names of files: samples as in Figure 2, pairs of samples and nearest training examples, the most suspicious pairs."""

DESCRIPTION = "Description"
"""The text chunk of a PNG that says what it shows, without the record."""

_COLUMNS, _ROWS, _PAIRS = 10, 10, 24
_SAMPLES = (
    "The first {n} samples, not picked; in the last column, framed in yellow, the training example nearest (in "
    "Euclidean distance) to the sample at its left."
)
_NEIGHBORS = (
    "The first {n} samples, not picked; at the right of each, framed in yellow, the training example nearest to it."
)
_SUSPICION = (
    "Of all {total} samples the {n} that look most like copies, the first most; below each, framed in yellow, the "
    "training example nearest to it. The distance between them, divided by that of the test examples around to their "
    "nearest training examples, is {least:.2f} to {most:.2f} (0 is a copy). Null: of test examples, which are no "
    "copies, as large a share is below {null:.2f}."
)


def draw_sheets(samples: np.ndarray, split: Split, record: Record) -> dict[str, bytes]:
    """The sheets of samples as PNG by name; none where they are no images, no suspicion without two test examples.

    Args:
        samples: All samples of the record, `[n, *event_shape]`.
        split: The data that they are held against.
        record: What the titles speak of.
    """
    if not is_image(samples.shape[1:]):
        return {}
    columns = min(_COLUMNS, len(samples))
    first = samples[: len(samples) // columns * columns][: _ROWS * columns]
    rows = first.reshape(-1, columns, *samples.shape[1:])
    text = _said(record, _SAMPLES.format(n=len(first)))
    found = {SHEETS[0]: sample_sheet(rows, _nearest(rows[:, -1], split), **text)}
    pairs = samples[:_PAIRS]
    text = _said(record, _NEIGHBORS.format(n=len(pairs)))
    found[SHEETS[1]] = neighbor_sheet(pairs, _nearest(pairs, split), **text)
    if len(split.test) > 1:
        found[SHEETS[2]] = _suspicion(samples, split, record)
    return found


def _suspicion(samples: np.ndarray, split: Split, record: Record) -> bytes:
    found = suspects(samples, split.train, split.test, _PAIRS)
    text = _SUSPICION.format(
        total=len(samples), n=len(found.rows), least=found.ratios[0], most=found.ratios[-1], null=found.usual
    )
    return suspicion_sheet(samples[found.rows], split.train[found.nearest], **_said(record, text))


def _said(record: Record, text: str) -> dict[str, Any]:
    """Title and metadata of a sheet that shows this."""
    return {"title": f"{describe(record)}. {text}", "metadata": {DESCRIPTION: text, **provenance(record)}}


def _nearest(samples: np.ndarray, split: Split) -> np.ndarray:
    from ganbench.metrics import nearest_neighbors

    return split.train[nearest_neighbors(np.ascontiguousarray(samples), split.train)[1][:, 0].numpy()]


def sheet_text(content: bytes) -> dict[str, str]:
    """What a PNG says of itself; nothing where it is damaged."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return dict(getattr(image, "text", {}))
    except (OSError, SyntaxError, ValueError):  # what Pillow raises
        return {}


def is_of(path: Path, record: Record) -> bool:
    """Whether a file is there and says what a sheet of this record would."""
    text = sheet_text(path.read_bytes()) if path.is_file() else {}
    said = all(text.get(key, "") == value for key, value in provenance(record).items())
    return said and text.get("Title", "").startswith(f"{describe(record)}. ")
