"""The order of axes in arrays that others wrote, brought to ours: examples, channels, rows, columns.

A layout is written by letters, one an axis: N examples, C channels, H rows, W columns, D all values of an example. In
an array of two axes the letters besides N say in which order the values of an example are strung together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ganbench.errors import DataError, UsageError

__all__ = ["Note", "arranged", "check_layout", "find_layout", "guess_layout", "one_channel"]

_CHANNELS = (1, 3)


class Note(NamedTuple):
    """What was found in data and what was made of it, or what a reader should know of it.

    Attributes:
        code: For programs: words joined by hyphens.
        text: For people: a sentence.
        is_warning: Whether it makes what follows doubtful.
    """

    code: str
    text: str
    is_warning: bool = False


def check_layout(layout: str) -> str:
    """The letters of a layout in capitals.

    Raises:
        UsageError: They are no layout.
    """
    letters = layout.upper()
    if len(set(letters)) < len(letters) or set(letters) not in map(set, ("ND", "NHW", "NCHW")):
        raise UsageError(
            f"The layout {layout!r} is not known. Expected a letter for each axis as it is stored: N examples, C "
            "channels, H rows, W columns, D all values of an example; as NHWC, HWN, NWH (transposed images), ND or DN."
        )
    return letters


def arranged(array: np.ndarray, layout: str, sizes: Mapping[str, int]) -> np.ndarray | None:
    """The array as N, C, H, W (those that the layout has) or N, D; None where it does not fit the sizes.

    Args:
        array: As stored, with an axis for each letter, or with two axes.
        layout: Its letters.
        sizes: The size that each letter but N must have; those that are not named may have any, in an array with an
            axis for each.
    """
    if array.ndim == 2 and len(layout) > 2:
        rest = layout.replace("N", "")
        if "N" not in (layout[0], layout[-1]) or not all(letter in sizes for letter in rest):
            return None
        rows = array.T if layout.endswith("N") else array
        if rows.shape[1] != math.prod(sizes[letter] for letter in rest):
            return None
        array, layout = rows.reshape(-1, *(sizes[letter] for letter in rest)), f"N{rest}"
    if array.ndim != len(layout):
        return None
    found = dict(zip(layout, array.shape, strict=True))
    if any(found[letter] != size for letter, size in sizes.items() if letter in found):
        return None
    return array.transpose([layout.index(letter) for letter in "NCHWD" if letter in layout])


def find_layout(
    array: np.ndarray, event_shape: Sequence[int], layout: str | None, where: str
) -> tuple[np.ndarray, list[Note]]:
    """Samples as `[n, *event_shape]`, by the layout that is given, or the only one that fits.

    Examples first in the order of the data, flat or not, is taken where it fits.

    Raises:
        DataError: No layout fits, or several do and none is given.
    """
    shape = tuple(event_shape)
    if layout is None and array.ndim >= 2 and array.shape[1:] in (shape, (math.prod(shape),)):
        return array.reshape(len(array), *shape), []
    found = {}
    for candidate in [check_layout(layout)] if layout else _candidates(shape):
        rows = _fit(array, candidate, shape)
        if rows is not None:
            found[candidate] = rows
    if not found and array.ndim >= 3 and len(array) == 1 and len(shape) >= 2 and not layout:
        return _from_grid(array[0], shape, where)
    if not found and layout:
        raise DataError(f"{_misfit(array, shape, where)} By the layout {layout} they do not fit.")
    if not found:
        raise DataError(_misfit(array, shape, where) + _not_grey(array, shape))
    if len(found) > 1:
        names = " or ".join(f"--layout {name}" for name in found)
        raise DataError(f"{_misfit(array, shape, where)} That can be read in {len(found)} ways; say which: {names}.")
    ((name, rows),) = found.items()
    note = f"Found the shape {list(array.shape)}, read as {name}" + _kept_channel(array, rows)
    return rows, [Note("layout", f"{note}; the data are {_shown(shape)}.")]


def _kept_channel(array: np.ndarray, rows: np.ndarray) -> str:
    return "" if array.size == rows.size else ", grey in three equal channels, of which one is kept"


def _misfit(array: np.ndarray, shape: tuple[int, ...], where: str) -> str:
    accepted = f"{_shown(shape)} or [n, {math.prod(shape)}]" if len(shape) > 1 else _shown(shape)
    return f"{where}: samples have shape {list(array.shape)}; expected {accepted} with n >= 1."


def _shown(shape: tuple[int, ...]) -> str:
    return f"[n, {', '.join(map(str, shape))}]"


def _not_grey(array: np.ndarray, shape: tuple[int, ...]) -> str:
    if _is_grey(shape) and any(_arranged_as(array, name, shape) is not None for name in _candidates(shape)):
        return " They have three different channels, and the data are grey: convert them to grey."
    return " If axes are in another order, name it by --layout, as in --layout NHWC."


def _is_grey(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[0] == 1)


def _candidates(shape: tuple[int, ...]) -> list[str]:
    if _is_grey(shape):
        return ["NHW", "HWN", "NCHW", "NHWC", "HWCN", "CHWN"]
    return ["NCHW", "NHWC", "HWCN", "CHWN"] if len(shape) == 3 else ["ND", "DN"]


def _fit(array: np.ndarray, layout: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array as `[n, *shape]` if it has this layout."""
    rows = _arranged_as(array, layout, shape)
    if rows is not None and _is_grey(shape) and "C" in layout:
        rows = one_channel(rows)
    return None if rows is None else rows.reshape(len(rows), *shape)


def _arranged_as(array: np.ndarray, layout: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array as N, C, H, W or N, D, where it has these axes, perhaps with further ones of length 1."""
    sizes = {"D": math.prod(shape)}
    if len(shape) in (2, 3):
        sizes |= dict(zip("CHW"[-len(shape) :], shape, strict=True))
    if _is_grey(shape) and "C" in layout:
        sizes["C"] = 3
    for n_axes in dict.fromkeys((array.ndim, len(layout), 2)):
        rows = arranged(_squeezed(array, n_axes), layout, sizes)
        if rows is not None and len(rows):
            return rows
    return None


def _squeezed(array: np.ndarray, n_axes: int) -> np.ndarray:
    """Without axes of length 1 as far as there are too many; the first, which may be that of one example, stays."""
    ones = [axis for axis in range(1, array.ndim) if array.shape[axis] == 1]
    return array.squeeze(tuple(ones[: max(array.ndim - n_axes, 0)]))


def one_channel(images: np.ndarray) -> np.ndarray | None:
    """The first channel of `[n, c, ...]` where all are equal, else None."""
    return images[:, 0] if all(np.array_equal(images[:, 0], images[:, c]) for c in range(1, images.shape[1])) else None


def _from_grid(picture: np.ndarray, shape: tuple[int, ...], where: str) -> tuple[np.ndarray, list[Note]]:
    """The tiles of one picture `[height, width]`, `[height, width, c]` or `[c, height, width]`, row by row.

    Tiles touch each other, or have a margin of the same width around each and between two, as torchvision's
    `make_grid` leaves; tiles at the end that are as empty as the margin are no samples.

    Raises:
        DataError: The picture does not divide into tiles of this shape.
    """
    grey = _is_grey(shape)
    channels_last = picture[..., None] if picture.ndim == 2 else picture
    if channels_last.shape[0] in _CHANNELS and channels_last.shape[-1] not in _CHANNELS:
        channels_last = np.moveaxis(channels_last, 0, -1)
    image = np.moveaxis(channels_last, -1, 0)
    if grey and len(image) == 3:
        image = image[:1] if all(np.array_equal(image[0], other) for other in image[1:]) else image
    height, width = shape[-2:]
    for margin in range(min(height, width)):
        tiles = _tiles(image, height, width, margin)
        if tiles is not None and math.prod(tiles.shape[1:]) == math.prod(shape):
            text = (
                f"Found one picture of {image.shape[1]}x{image.shape[2]}, cut in {len(tiles)} tiles of {height}x{width}"
            )
            return tiles.reshape(-1, *shape), [Note("grid", f"{text} with margins of {margin}.")]
    raise DataError(
        f"{where}: one picture of shape {list(picture.shape)} does not divide into tiles of [{_shown(shape)[4:]}, "
        "touching or with equal margins. Give the samples one by one, in a folder or an array."
    )


def _tiles(image: np.ndarray, height: int, width: int, margin: int) -> np.ndarray | None:
    """Tiles `[n, c, height, width]` of `[c, ..., ...]`; None where margins are not of one colour or sizes not whole."""
    (rows, row_rest), (columns, column_rest) = (
        divmod(size - margin, tile + margin) for size, tile in zip(image.shape[1:], (height, width), strict=True)
    )
    if row_rest or column_rest or rows * columns < 1:
        return None
    cells = image[:, margin:, margin:].reshape(len(image), rows, height + margin, columns, width + margin)
    tiles = cells[:, :, :height, :, :width].transpose(1, 3, 0, 2, 4).reshape(-1, len(image), height, width)
    if margin == 0:
        return tiles
    empty = image[:, :1, :1]
    between = (cells[:, :, :, :, width:], cells[:, :, height:])
    borders = (image[:, :margin], image[:, :, :margin], *(gap.reshape(len(image), -1, 1) for gap in between))
    if any((border != empty).any() for border in borders):
        return None
    filled = (tiles != empty[None]).any((1, 2, 3))
    return tiles[: int(np.flatnonzero(filled)[-1]) + 1] if filled.any() else tiles


def guess_layout(
    array: np.ndarray, layout: str | None, n_labels: int | None, where: str
) -> tuple[np.ndarray, list[Note]]:
    """Data of a user's own, whose shape nothing is known of, as `[n, ...]` with channels first.

    Axes of length 1 are dropped, and of three equal channels one is kept. The axis of examples is the first, unless
    labels or the sizes say the last; channels are the axis of size 3.

    Raises:
        DataError: Several layouts fit, or the one that is given does not.
    """
    shape = array.shape
    if layout is None and array.ndim >= 3:
        keep = [axis for axis in range(array.ndim) if axis == 0 or shape[axis] != 1]
        array = array.reshape([shape[axis] for axis in keep])
    letters = check_layout(layout) if layout else _guessed(array.shape, n_labels, where)
    if letters is None:
        return array, [] if array.shape == shape else [_read_as(shape, array.shape, "axes of length 1 dropped")]
    rows = arranged(array if layout is None else _squeezed(array, max(len(letters), 2)), letters, {})
    if rows is None:
        raise DataError(f"{where}: found the shape {list(shape)}, which has not the layout {letters}.")
    how = f"read as {letters}"
    if "C" in letters and (grey := one_channel(rows)) is not None:
        rows, how = grey, f"{how}, grey in equal channels, of which one is kept"
    if rows.shape == shape and letters in ("ND", "NHW", "NCHW"):
        return rows, []
    return rows, [_read_as(shape, rows.shape, how)]


def _read_as(found: Sequence[int], made: Sequence[int], how: str) -> Note:
    return Note("layout", f"Found the shape {list(found)}, {how}: {list(made)}.")


def _guessed(shape: tuple[int, ...], n_labels: int | None, where: str) -> str | None:
    """The letters of an array without axes of length 1; None to take it as it stands."""
    last = n_labels is not None and shape[0] != n_labels == shape[-1]
    if len(shape) == 2:
        return "DN" if last else None
    if len(shape) == 3:
        square = shape[0] == shape[1] != shape[2] and shape[2] > 4 * shape[0]
        return "HWN" if last or (square and n_labels is None) else None
    if len(shape) != 4:
        return None
    known_first = n_labels is not None and shape[0] == n_labels
    fitting = ["NCHW"] * (shape[1] == 3) + ["NHWC"] * (shape[3] == 3)
    fitting = [] if last else fitting
    if not known_first and shape[2] == 3 and shape[0] == shape[1]:
        fitting.append("HWCN")
    if len(fitting) > 1:
        ways = " or ".join(f"[layout={letters}]" for letters in fitting)
        raise DataError(
            f"{where}: the shape {list(shape)} can be read in {len(fitting)} ways; write behind the path {ways}."
        )
    return fitting[0] if fitting else None
