"""Contact sheets: samples in a grid, and samples beside their nearest training example, as in the paper's Figure 2."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = [
    "FRAME",
    "TITLE_HEIGHT",
    "figure2_pixels",
    "grid_pixels",
    "is_image",
    "neighbor_sheet",
    "sample_sheet",
    "shown_values",
    "suspicion_sheet",
]

FRAME = (255, 210, 0)
"""The colour around training examples: yellow."""

TITLE_HEIGHT = "Title height"
"""The text chunk of a PNG that says how many of its rows of pixels show its title."""

_GAP = 2  # pixels of background between images
_LEAST_SIDE = 64  # smaller images are enlarged by a whole factor
_FONT_SIZE, _LINE = 14, 19  # pixels


def is_image(event_shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape can be shown: `[height, width]`, or `[channels, height, width]` with 1 or 3."""
    return len(event_shape) == 2 or (len(event_shape) == 3 and event_shape[0] in (1, 3))


def sample_sheet(
    samples: np.ndarray, nearest: np.ndarray, *, title: str = "", metadata: Mapping[str, str] | None = None
) -> bytes:
    """A PNG as the paper's Figure 2, see `figure2_pixels`.

    Args:
        samples: `[rows, columns, *event_shape]`.
        nearest: `[rows, *event_shape]`.
        title: Text above them.
        metadata: What the PNG says of itself, as text chunks.
    """
    return _png(figure2_pixels(samples, nearest), title, metadata)


def neighbor_sheet(
    generated: np.ndarray,
    nearest: np.ndarray,
    pairs_per_row: int = 6,
    *,
    title: str = "",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A PNG of pairs: each generated image `[n, *event_shape]` and, in a yellow frame, its nearest example.

    Args:
        generated: The generated images.
        nearest: An example for each.
        pairs_per_row: Pairs in a row.
        title: Text above them.
        metadata: What the PNG says of itself, as text chunks.
    """
    pixels = _to_pixels(np.concatenate([generated, nearest]))
    left, right = pixels[: len(generated)], _framed(pixels[len(generated) :])
    left = np.pad(left, ((0, 0), (_GAP, _GAP), (_GAP, _GAP), (0, 0)), constant_values=255)
    interleaved = np.stack([left, right], axis=1).reshape(-1, *left.shape[1:])
    return _png(_grid(interleaved, 2 * pairs_per_row), title, metadata)


def suspicion_sheet(
    generated: np.ndarray,
    nearest: np.ndarray,
    columns: int = 12,
    *,
    title: str = "",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A PNG of pairs: each generated image `[n, *event_shape]` above, in a yellow frame, its nearest example.

    Args:
        generated: The generated images.
        nearest: An example for each.
        columns: Pairs in a row.
        title: Text above them.
        metadata: What the PNG says of itself, as text chunks.
    """
    pixels = _to_pixels(np.concatenate([generated, nearest]))
    above, below = pixels[: len(generated)], _framed(pixels[len(generated) :])
    above = np.pad(above, ((0, 0), (_GAP, 0), (_GAP, _GAP), (0, 0)), constant_values=255)
    return _png(_grid(np.concatenate([above, below], axis=1), columns), title, metadata)


def grid_pixels(images: np.ndarray, columns: int) -> np.ndarray:
    """Images `[n, *event_shape]`, row by row, as one picture: uint8 `[height, width, 3]`."""
    return _grid(_to_pixels(images), columns)


def figure2_pixels(samples: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """A picture as in the paper's Figure 2: samples, and at the right, framed, the nearest example of the last column.

    Args:
        samples: `[rows, columns, *event_shape]`.
        nearest: `[rows, *event_shape]`, the training example that is nearest to the last sample of each row.

    Returns:
        uint8 `[height, width, 3]`.
    """
    rows, columns = samples.shape[:2]
    pixels = _to_pixels(np.concatenate([samples.reshape(-1, *samples.shape[2:]), nearest]))
    left = _grid(pixels[: rows * columns], columns)
    height, width = pixels.shape[1:3]
    right = np.full((len(left), width + 2 * _GAP, 3), 255, dtype=np.uint8)
    for row, image in enumerate(_framed(pixels[rows * columns :])):
        top = row * (height + _GAP)
        right[top : top + height + 2 * _GAP] = image
    return np.concatenate([left, right], axis=1)


def shown_values(images: np.ndarray) -> np.ndarray:
    """The brightness in [0, 1] with which images `[n, *event_shape]` are shown.

    Values in [0, 1] are shown as they are. Where some are negative, as after contrast normalisation, each image is
    shown by itself and symmetrically about zero, as 1/2 + x / (2 max|x|): zero is grey. Otherwise, where some exceed 1,
    all are divided by the largest.
    """
    images = np.asarray(images, dtype=np.float64)
    if images.min() < 0:
        largest = np.abs(images).max(axis=tuple(range(1, images.ndim)), keepdims=True)
        return 0.5 + images / (2 * np.maximum(largest, 1e-12))
    return images / max(1.0, float(images.max()))


def _to_pixels(images: np.ndarray) -> np.ndarray:
    """uint8 `[n, height, width, 3]`, small images enlarged."""
    images = shown_values(images)
    images = images[:, None] if images.ndim == 3 else images
    images = np.broadcast_to(images, (len(images), 3, *images.shape[2:])).transpose(0, 2, 3, 1)
    factor = max(1, -(-_LEAST_SIDE // images.shape[1]))
    return np.round(255 * images).astype(np.uint8).repeat(factor, axis=1).repeat(factor, axis=2)


def _framed(pixels: np.ndarray) -> np.ndarray:
    n, height, width, _ = pixels.shape
    framed = np.empty((n, height + 2 * _GAP, width + 2 * _GAP, 3), dtype=np.uint8)
    framed[:] = FRAME
    framed[:, _GAP:-_GAP, _GAP:-_GAP] = pixels
    return framed


def _grid(pixels: np.ndarray, columns: int) -> np.ndarray:
    n, height, width, _ = pixels.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    sheet = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 255, dtype=np.uint8)
    for position, image in enumerate(pixels):
        top = _GAP + position // columns * (height + _GAP)
        left = _GAP + position % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _png(pixels: np.ndarray, title: str, metadata: Mapping[str, str] | None) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    image = _titled(Image.fromarray(pixels), title)
    height = image.height - len(pixels)
    information = PngInfo()
    for key, text in {"Title": title, TITLE_HEIGHT: str(height) if title else "", **(metadata or {})}.items():
        if text:
            information.add_itxt(key, text)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=information)  # to optimise takes five times as long and saves 4 %
    return buffer.getvalue()


def _titled(image: Any, title: str) -> Any:
    """The image below its title, whose lines are broken where they would be wider."""
    from PIL import Image, ImageDraw, ImageFont

    if not title:
        return image
    font = ImageFont.load_default(_FONT_SIZE)
    lines = [""]
    for word in title.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= image.width - 2 * _GAP:
            lines[-1] = longer
        else:
            lines.append(word)
    lines = [line for line in lines if line]
    above = len(lines) * _LINE + _GAP
    sheet = Image.new("RGB", (image.width, above + image.height), "white")
    sheet.paste(image, (0, above))
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        draw.text((_GAP, number * _LINE), line, fill="black", font=font)
    return sheet
