"""Figure 2: fair samples of a model, and the training examples that are nearest to those of the last column."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ganbench.errors import StoreError, UserError
from ganbench.files import file_name
from ganbench.metrics import nearest_neighbors
from ganbench.records.record import Record
from ganbench.reports.captions import describe, provenance
from ganbench.reports.figures.drawing import PIXELS_PER_INCH, Drawing, pixel_figure
from ganbench.reports.figures.source import Source
from ganbench.reports.sheets import figure2_pixels, is_image

__all__ = ["drawings"]

_ROWS, _COLUMNS = 6, 6
_CAPTION = (
    "{title}. As in Figure 2 of the paper: the first {n} stored samples, not picked; the last column, framed in "
    "yellow, is the training image that is nearest (in Euclidean distance) to the sample at its left."
)


def drawings(source: Source) -> Iterator[Drawing]:
    """One figure for every model and data set, of the first fold and seed."""
    for record in source.first_cells():
        name = file_name(f"figure2-{record.dataset.identity}-{record.model.identity}")
        try:
            yield _drawing(source, record, name)
        except UserError as error:
            yield Drawing(name, reason=str(error))


def _drawing(source: Source, record: Record, name: str) -> Drawing:
    samples = source.samples(record)[: _ROWS * _COLUMNS]
    if not is_image(samples.shape[1:]):
        raise StoreError(f"The examples of {record.dataset.name} are no images.")
    if len(samples) < _ROWS * _COLUMNS:
        raise StoreError(f"There are {len(samples)} samples; the figure shows {_ROWS * _COLUMNS}.")
    train = source.split(record).train
    rows = samples.reshape(_ROWS, _COLUMNS, *samples.shape[1:])
    nearest = train[nearest_neighbors(np.ascontiguousarray(rows[:, -1]), train)[1][:, 0].numpy()]
    caption = _CAPTION.format(title=describe(record), n=len(samples))
    figure = pixel_figure(figure2_pixels(rows, nearest))
    return Drawing(name, figure, caption, metadata=provenance(record), dpi=PIXELS_PER_INCH)
