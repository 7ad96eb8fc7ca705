"""Pictures of samples inside the page: small, and those of the record or none."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from ganbench.errors import UserError
from ganbench.records.record import Record
from ganbench.reports.figures.source import Source
from ganbench.reports.record_sheets import DESCRIPTION, SHEETS, draw_sheets, sheet_text
from ganbench.reports.sheets import TITLE_HEIGHT

__all__ = ["pictures"]

_ALT = dict(zip(SHEETS, ("Samples", "Samples beside training examples", "The most suspicious samples"), strict=True))
_GREYS, _COLOURS = 16, 64


def pictures(source: Source, record: Record) -> tuple[list[dict[str, Any]], str]:
    """The sheets of a record as data URIs, with captions and sizes; or the reason why there are none.

    Sheets of the results folder are taken where they say that they show the samples of the record; others are drawn
    from the stored samples and the data.
    """
    try:
        sheets = _stored(source, record) or draw_sheets(source.samples(record), source.split(record), record)
    except UserError as error:
        return [], str(error)
    return [_picture(name, content) for name, content in sheets.items()], ""


def _stored(source: Source, record: Record) -> dict[str, bytes]:
    """Those of the record that there are; none where one of the first two is not."""
    place = source.store.record_path(record.protocol, record.place).parent.relative_to(source.store.root / "records")
    found = {}
    for name in SHEETS:
        path = source.store.root / "sheets" / place / name
        content = path.read_bytes() if path.is_file() else b""
        if record.samples and sheet_text(content).get("samples sha256") == record.samples.sha256:
            found[name] = content
    return found if all(name in found for name in SHEETS[:2]) else {}


def _picture(name: str, content: bytes) -> dict[str, Any]:
    """A sheet without its title, which is text on the page, and with few colours, which halves it and is not seen."""
    from PIL import Image

    text = sheet_text(content)
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image = image.crop((0, int(text.get(TITLE_HEIGHT, "0")), image.width, image.height))
    pixels = np.asarray(image)
    grey = bool((pixels.max(-1).astype(int) - pixels.min(-1) < 4).mean() > 0.5)
    buffer = io.BytesIO()
    image.quantize(_GREYS if grey else _COLOURS, dither=Image.Dither.NONE).save(buffer, format="PNG")
    return {
        "uri": f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}",
        "caption": text.get(DESCRIPTION) or text.get("Title", _ALT[name]),
        "alt": f"{_ALT[name]}; see the caption",
        "width": image.width,
        "height": image.height,
    }
