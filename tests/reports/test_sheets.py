"""Contact sheets, pixel by pixel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ganbench.reports.sheets import FRAME, figure2_pixels, is_image, neighbor_sheet, sample_sheet, shown_values

_WHITE, _YELLOW = (255, 255, 255), (255, 210, 0)


def _pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def test_grey_images_lie_row_by_row():
    images = np.linspace(0, 1, 3)[:, None, None] * np.ones((3, 40, 50))
    sheet = _pixels(sample_sheet(images, columns=2))
    assert sheet.shape == (2 * 42 + 2, 2 * 52 + 2, 3)
    assert tuple(sheet[0, 0]) == _WHITE
    assert [int(sheet[22, 30, 0]), int(sheet[22, 82, 0]), int(sheet[64, 30, 0])] == [0, 128, 255]
    assert tuple(sheet[64, 82]) == _WHITE  # the fourth place is empty
    assert (sheet[2:42, 2:52] == 0).all()


def test_small_images_are_enlarged_by_a_whole_factor():
    image = np.random.default_rng(1).random((1, 8, 8))
    sheet = _pixels(sample_sheet(image))
    assert sheet.shape == (36, 36, 3)
    np.testing.assert_array_equal(sheet[2:-2:4, 2:-2:4, 0], np.round(255 * image[0]))


def test_colours_are_channels():
    image = np.zeros((1, 3, 32, 32))
    image[0, 1] = 1
    assert (_pixels(sample_sheet(image))[2:-2, 2:-2] == (0, 255, 0)).all()
    one_channel = np.ones((1, 1, 32, 32))
    assert (_pixels(sample_sheet(one_channel))[2:-2, 2:-2] == 255).all()


def test_signed_images_are_scaled_each_by_itself_about_zero():
    images = np.stack([np.full((32, 32), 0.1), np.full((32, 32), -50.0), np.zeros((32, 32))])
    images[0, 0] = -0.2
    sheet = _pixels(sample_sheet(images))
    assert [int(sheet[10, 10 + 34 * k, 0]) for k in range(3)] == [191, 0, 128]
    assert int(sheet[2, 10, 0]) == 0
    np.testing.assert_allclose(shown_values(images)[0, 1], 0.75)


def test_a_neighbour_is_seen_whatever_the_range_of_its_sample():
    rng = np.random.default_rng(1)
    generated, nearest = 1e4 * rng.standard_normal((2, 3, 32, 32)), rng.standard_normal((2, 3, 32, 32))
    sheet = _pixels(neighbor_sheet(generated, nearest)).astype(float)
    assert sheet[4:36, 42:74].std() > 25  # and not flat grey


def test_values_above_one_share_one_scale():
    images = np.stack([np.full((32, 32), v) for v in (0.0, 1.0, 4.0)])
    assert shown_values(images).max(axis=(1, 2)).tolist() == [0, 0.25, 1]


def test_a_title_stands_above_and_metadata_inside():
    images, metadata = np.zeros((4, 32, 32)), {"protocol": "digits", "samples sha256": "ab"}
    plain, titled = sample_sheet(images), sample_sheet(images, title="model ± 2 " * 8, metadata=metadata)
    below, whole = _pixels(plain), _pixels(titled)
    assert whole.shape[1] == below.shape[1]
    above = len(whole) - len(below)
    assert above > 3 * 16  # lines are broken
    np.testing.assert_array_equal(whole[above:], below)
    assert whole[:above].min() < 100  # there is text
    with Image.open(io.BytesIO(titled)) as image:
        image.load()
        assert image.text == {"Title": "model ± 2 " * 8} | metadata


def test_figure_2_frames_the_neighbours_of_the_last_column():
    samples, nearest = np.zeros((3, 2, 32, 32)), np.ones((3, 32, 32))
    pixels = figure2_pixels(samples, nearest)
    assert pixels.shape == (3 * 34 + 2, 2 * 34 + 2 + 36, 3)
    for row in range(3):
        assert (pixels[2 + 34 * row : 34 + 34 * row, 72:104] == 255).all()
        assert (pixels[2 + 34 * row : 34 + 34 * row, 36:68] == 0).all()
        assert (pixels[2 + 34 * row : 34 + 34 * row, [70, 71, 104, 105]] == FRAME).all()


def test_pairs_stand_side_by_side():
    generated, nearest = np.zeros((3, 32, 32)), np.ones((3, 32, 32))
    sheet = _pixels(neighbor_sheet(generated, nearest, pairs_per_row=2))
    assert sheet.shape == (2 * 38 + 2, 4 * 38 + 2, 3)
    assert tuple(sheet[20, 20]) == (0, 0, 0)
    assert tuple(sheet[20, 58]) == _WHITE  # the nearest example
    assert tuple(sheet[2, 58]) == _YELLOW  # and its frame
    assert tuple(sheet[2, 20]) == _WHITE
    assert tuple(sheet[58, 20]) == (0, 0, 0)  # the third pair begins the second row


@pytest.mark.parametrize(
    ("shape", "shown"), [((8, 8), True), ((3, 32, 32), True), ((1, 8, 8), True), ((2, 8, 8), False), ((10,), False)]
)
def test_what_is_an_image(shape, shown):
    assert is_image(shape) is shown
