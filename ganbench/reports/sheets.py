"""Contact sheets: samples in a grid, and samples beside their nearest training example, as in the paper's Figure 2."""

from __future__ import annotations

import io

import numpy as np

__all__ = ["is_image", "neighbor_sheet", "sample_sheet"]

_GAP = 2  # pixels of background between images
_LEAST_SIDE = 32  # smaller images are enlarged by a whole factor


def is_image(event_shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape can be shown: `[height, width]`, or `[channels, height, width]` with 1 or 3."""
    return len(event_shape) == 2 or (len(event_shape) == 3 and event_shape[0] in (1, 3))


def sample_sheet(images: np.ndarray, columns: int = 10) -> bytes:
    """A PNG of images `[n, *event_shape]`, row by row.

    Values in [0, 1] are shown as they are; other ranges are stretched over all images together.
    """
    return _png(_grid(_to_pixels(images), columns))


def neighbor_sheet(generated: np.ndarray, nearest: np.ndarray, pairs_per_row: int = 6) -> bytes:
    """A PNG of pairs: each generated image `[n, *event_shape]` and, in a yellow frame, its nearest example."""
    pixels = _to_pixels(np.concatenate([generated, nearest]))
    left, right = pixels[: len(generated)], _framed(pixels[len(generated) :])
    left = np.pad(left, ((0, 0), (_GAP, _GAP), (_GAP, _GAP), (0, 0)), constant_values=255)
    interleaved = np.stack([left, right], axis=1).reshape(-1, *left.shape[1:])
    return _png(_grid(interleaved, 2 * pairs_per_row))


def _to_pixels(images: np.ndarray) -> np.ndarray:
    """uint8 `[n, height, width, 3]`, small images enlarged."""
    images = np.asarray(images, dtype=np.float64)
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        images = (images - low) / max(high - low, 1e-12)
    images = images[:, None] if images.ndim == 3 else images
    images = np.broadcast_to(images, (len(images), 3, *images.shape[2:])).transpose(0, 2, 3, 1)
    factor = max(1, -(-_LEAST_SIDE // images.shape[1]))
    return np.round(255 * images).astype(np.uint8).repeat(factor, axis=1).repeat(factor, axis=2)


def _framed(pixels: np.ndarray) -> np.ndarray:
    n, height, width, _ = pixels.shape
    framed = np.empty((n, height + 2 * _GAP, width + 2 * _GAP, 3), dtype=np.uint8)
    framed[:] = (255, 210, 0)
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


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
