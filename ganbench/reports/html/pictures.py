"""Pictures of samples inside the page: small, and those of the record or none."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from ganbench.errors import UserError
from ganbench.records.record import Record
from ganbench.reports.captions import describe
from ganbench.reports.figures.source import Source
from ganbench.reports.sheets import is_image, neighbor_sheet, sample_sheet

__all__ = ["pictures"]

_SHEETS = {
    "samples.png": "Samples, the first in order, not picked",
    "neighbors.png": "Samples; at the right of each, framed, the nearest training example",
}
_SHOWN, _PICTURED = 60, 24
_GREYS, _COLOURS = 16, 64


def pictures(source: Source, record: Record) -> tuple[list[dict[str, Any]], str]:
    """The sheets of a record as data URIs, with captions and sizes; or the reason why there are none.

    Sheets of the results folder are taken where they say that they show the samples of the record; others are drawn
    from the stored samples and the data.
    """
    try:
        sheets = _stored(source, record) or _drawn(source, record)
    except UserError as error:
        return [], str(error)
    return [_picture(name, content, record) for name, content in sheets.items()], ""


def _stored(source: Source, record: Record) -> dict[str, bytes]:
    from PIL import Image

    place = source.store.record_path(record.protocol, record.place).parent.relative_to(source.store.root / "records")
    found = {}
    for name in _SHEETS:
        path = source.store.root / "sheets" / place / name
        if not path.is_file():
            return {}
        content = path.read_bytes()
        try:
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                said = getattr(image, "text", {}).get("samples sha256")
        except (OSError, SyntaxError, ValueError):  # what Pillow raises for a damaged file; it is drawn anew
            return {}
        if record.samples is None or said != record.samples.sha256:
            return {}
        found[name] = content
    return found


def _drawn(source: Source, record: Record) -> dict[str, bytes]:
    from ganbench.metrics import nearest_neighbors

    samples = source.samples(record)
    if not is_image(samples.shape[1:]):
        return {}
    found = {"samples.png": sample_sheet(samples[:_SHOWN])}
    train, shown = source.split(record).train, np.ascontiguousarray(samples[:_PICTURED])
    found["neighbors.png"] = neighbor_sheet(shown, train[nearest_neighbors(shown, train)[1][:, 0].numpy()])
    return found


def _picture(name: str, content: bytes, record: Record) -> dict[str, Any]:
    """A sheet with few colours, which halves it and is not seen."""
    from PIL import Image

    image = Image.open(io.BytesIO(content)).convert("RGB")
    pixels = np.asarray(image)
    grey = bool((pixels.max(-1).astype(int) - pixels.min(-1) < 4).mean() > 0.5)
    buffer = io.BytesIO()
    image.quantize(_GREYS if grey else _COLOURS, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    smaller = min(buffer.getvalue(), content, key=len)
    return {
        "uri": f"data:image/png;base64,{base64.b64encode(smaller).decode()}",
        "caption": _SHEETS[name],
        "alt": f"{_SHEETS[name]}: {describe(record)}",
        "width": image.width,
        "height": image.height,
    }
