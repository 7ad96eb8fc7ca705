"""Figure 3: images between images, decoded from the points of straight lines between random codes."""

from __future__ import annotations

from collections.abc import Iterator

from ganbench.errors import ModelError, UserError
from ganbench.experiment.trained import trained_model
from ganbench.files import file_name
from ganbench.model import Decoder
from ganbench.records.record import Record
from ganbench.reports.captions import describe, provenance
from ganbench.reports.figures.drawing import PIXELS_PER_INCH, Drawing, pixel_figure
from ganbench.reports.figures.source import Source
from ganbench.reports.sheets import grid_pixels, is_image
from ganbench.runtime.seeding import derive_seed, torch_generator

__all__ = ["drawings"]

_LINES, _STEPS = 4, 11
_CAPTION = (
    "{title}. As in Figure 3 of the paper: every row goes in {steps} equal steps along a straight line from one "
    "random code z to another, both drawn, not picked."
)


def drawings(source: Source) -> Iterator[Drawing]:
    """One figure for every model that decodes codes, and data set, of the first fold and seed."""
    for record in source.first_cells():
        name = file_name(f"figure3-{record.dataset.identity}-{record.model.identity}")
        try:
            yield _drawing(source, record, name)
        except UserError as error:
            yield Drawing(name, reason=str(error))


def _drawing(source: Source, record: Record, name: str) -> Drawing:
    import torch

    model = trained_model(record, source.store, data_root=source.data_root)
    if not isinstance(model, Decoder):
        raise ModelError(f"{record.model.spec} has no codes to interpolate between (no method decode).")
    seed = derive_seed(record.seed, "figure3")
    starts, ends = model.draw_codes(2 * _LINES, generator=torch_generator(seed, "cpu")).chunk(2)
    codes = [torch.lerp(starts, ends, step / (_STEPS - 1)) for step in range(_STEPS)]
    images = model.decode(torch.stack(codes, dim=1).flatten(0, 1)).numpy()
    if not is_image(images.shape[1:]):
        raise ModelError(f"The examples of {record.dataset.name} are no images.")
    caption = _CAPTION.format(title=describe(record), steps=_STEPS - 1)
    figure = pixel_figure(grid_pixels(images, _STEPS))
    return Drawing(name, figure, caption, metadata=provenance(record), dpi=PIXELS_PER_INCH)
