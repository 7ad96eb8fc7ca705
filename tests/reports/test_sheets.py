"""Contact sheets, pixel by pixel."""

from __future__ import annotations

import io
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from made_records import make_record
from PIL import Image

from ganbench.datasets import Split
from ganbench.reports.record_sheets import SHEETS, draw_sheets, is_of, sheet_text
from ganbench.reports.sheets import (
    FRAME,
    TITLE_HEIGHT,
    figure2_pixels,
    grid_pixels,
    is_image,
    neighbor_sheet,
    sample_sheet,
    shown_values,
)
from ganbench.reports.suspicion import suspects

_WHITE, _YELLOW = (255, 255, 255), (255, 210, 0)


def _pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def test_grey_images_lie_row_by_row():
    images = np.linspace(0, 1, 3)[:, None, None] * np.ones((3, 70, 80))
    sheet = grid_pixels(images, columns=2)
    assert sheet.shape == (2 * 72 + 2, 2 * 82 + 2, 3)
    assert tuple(sheet[0, 0]) == _WHITE
    assert [int(sheet[22, 30, 0]), int(sheet[22, 92, 0]), int(sheet[94, 30, 0])] == [0, 128, 255]
    assert tuple(sheet[94, 92]) == _WHITE  # the fourth place is empty
    assert (sheet[2:72, 2:82] == 0).all()


def test_small_images_are_enlarged_by_a_whole_factor():
    image = np.random.default_rng(1).random((1, 8, 8))
    sheet = grid_pixels(image, 10)
    assert sheet.shape == (68, 68, 3)
    np.testing.assert_array_equal(sheet[2:-2:8, 2:-2:8, 0], np.round(255 * image[0]))
    assert grid_pixels(np.zeros((1, 28, 28)), 10).shape == (88, 88, 3)


def test_colours_are_channels():
    image = np.zeros((1, 3, 64, 64))
    image[0, 1] = 1
    assert (grid_pixels(image, 10)[2:-2, 2:-2] == (0, 255, 0)).all()
    one_channel = np.ones((1, 1, 64, 64))
    assert (grid_pixels(one_channel, 10)[2:-2, 2:-2] == 255).all()


def test_signed_images_are_scaled_each_by_itself_about_zero():
    images = np.stack([np.full((64, 64), 0.1), np.full((64, 64), -50.0), np.zeros((64, 64))])
    images[0, 0] = -0.2
    sheet = grid_pixels(images, 10)
    assert [int(sheet[10, 10 + 66 * k, 0]) for k in range(3)] == [191, 0, 128]
    assert int(sheet[2, 10, 0]) == 0
    np.testing.assert_allclose(shown_values(images)[0, 1], 0.75)


def test_a_neighbour_is_seen_whatever_the_range_of_its_sample():
    rng = np.random.default_rng(1)
    generated, nearest = 1e4 * rng.standard_normal((2, 3, 64, 64)), rng.standard_normal((2, 3, 64, 64))
    sheet = _pixels(neighbor_sheet(generated, nearest)).astype(float)
    assert sheet[4:68, 74:138].std() > 25  # and not flat grey


def test_values_above_one_share_one_scale():
    images = np.stack([np.full((32, 32), v) for v in (0.0, 1.0, 4.0)])
    assert shown_values(images).max(axis=(1, 2)).tolist() == [0, 0.25, 1]


def test_a_title_stands_above_and_metadata_inside():
    samples, metadata = np.zeros((2, 2, 32, 32)), {"protocol": "digits", "samples sha256": "ab"}
    title = "model ± 2 " * 12
    plain = sample_sheet(samples, samples[:, -1])
    titled = sample_sheet(samples, samples[:, -1], title=title, metadata=metadata)
    below, whole = _pixels(plain), _pixels(titled)
    assert whole.shape[1] == below.shape[1]
    above = len(whole) - len(below)
    assert above > 3 * 16  # lines are broken
    np.testing.assert_array_equal(whole[above:], below)
    assert whole[:above].min() < 100  # there is text
    assert sheet_text(titled) == {"Title": title, TITLE_HEIGHT: str(above)} | metadata
    assert sheet_text(plain) == sheet_text(titled[:100]) == sheet_text(b"") == {}


def test_figure_2_frames_the_neighbours_of_the_last_column():
    samples, nearest = np.zeros((3, 2, 64, 64)), np.ones((3, 64, 64))
    pixels = figure2_pixels(samples, nearest)
    assert pixels.shape == (3 * 66 + 2, 2 * 66 + 2 + 68, 3)
    np.testing.assert_array_equal(_pixels(sample_sheet(samples, nearest)), pixels)
    for row in range(3):
        assert (pixels[2 + 66 * row : 66 + 66 * row, 136:200] == 255).all()
        assert (pixels[2 + 66 * row : 66 + 66 * row, 68:132] == 0).all()
        assert (pixels[2 + 66 * row : 66 + 66 * row, [134, 135, 200, 201]] == FRAME).all()


def test_pairs_stand_side_by_side():
    generated, nearest = np.zeros((3, 64, 64)), np.ones((3, 64, 64))
    sheet = _pixels(neighbor_sheet(generated, nearest, pairs_per_row=2))
    assert sheet.shape == (2 * 70 + 2, 4 * 70 + 2, 3)
    assert tuple(sheet[20, 20]) == (0, 0, 0)
    assert tuple(sheet[20, 90]) == _WHITE  # the nearest example
    assert tuple(sheet[2, 90]) == _YELLOW  # and its frame
    assert tuple(sheet[2, 20]) == _WHITE
    assert tuple(sheet[90, 20]) == (0, 0, 0)  # the third pair begins the second row


@pytest.fixture
def split() -> Split:
    train = np.random.default_rng(0).random((40, 6, 6), np.float32)
    return Split("fold0", train, train[:5], np.random.default_rng(1).random((30, 6, 6), np.float32))


def test_the_first_sheet_is_in_the_layout_of_figure_2(split):
    """Ten columns and the neighbours of the last; what does not fill a row is left out, and counted out."""
    samples = np.random.default_rng(2).random((37, 6, 6), np.float32)
    distances = ((samples[9:30:10, None] - split.train) ** 2).sum((2, 3))
    sheets = draw_sheets(samples, split, make_record())
    assert tuple(sheets) == SHEETS
    text = sheet_text(sheets["samples.png"])
    whole = _pixels(sheets["samples.png"])[int(text[TITLE_HEIGHT]) :]
    expected = figure2_pixels(samples[:30].reshape(3, 10, 6, 6), split.train[distances.argmin(1)])
    np.testing.assert_array_equal(whole, expected)
    assert "The first 30 samples, not picked; in the last column, framed in yellow" in text["Title"]
    assert "The first 24 samples" in sheet_text(sheets["neighbors.png"])["Description"]
    one = draw_sheets(samples[:1], split, make_record())["samples.png"]
    assert _pixels(one)[int(sheet_text(one)[TITLE_HEIGHT]) :].shape == (66 + 4, 66 + 4 + 2 * 35, 3)


def test_the_suspicious_come_with_their_null(split):
    samples = np.concatenate([split.train[:2], np.random.default_rng(2).random((98, 6, 6), np.float32)])
    found = suspects(samples, split.train, split.test, 24)
    title = sheet_text(draw_sheets(samples, split, make_record())["suspicion.png"])["Title"]
    assert "Of all 100 samples the 24 that look most like copies" in title
    assert f"is 0.00 to {found.ratios[-1]:.2f} (0 is a copy)" in title
    assert title.endswith(f"as large a share is below {found.usual:.2f}.")
    few = replace(split, test=split.test[:1])
    assert tuple(draw_sheets(samples, few, make_record())) == SHEETS[:2]
    assert draw_sheets(samples.reshape(100, 36), split, make_record()) == {}


def test_a_sheet_knows_whether_it_is_of_a_record(split, tmp_path):
    record = make_record((1.0, 2.0, 3.0), provenance={"commit": "c" * 40})
    path = tmp_path / "samples.png"
    assert not is_of(path, record)
    path.write_bytes(draw_sheets(np.zeros((10, 6, 6)), split, record)["samples.png"])
    assert (
        sheet_text(path.read_bytes()).items() >= {"commit": "c" * 40, "samples sha256": record.samples.sha256}.items()
    )
    assert is_of(path, record)
    for other in (
        make_record((1.0, 2.0, 4.0), provenance=record.provenance),  # scored otherwise
        msgspec.structs.replace(record, samples=msgspec.structs.replace(record.samples, sha256="a" * 64)),
        msgspec.structs.replace(record, seed=1),
    ):
        assert not is_of(path, other)


@pytest.mark.parametrize(
    ("shape", "shown"), [((8, 8), True), ((3, 32, 32), True), ((1, 8, 8), True), ((2, 8, 8), False), ((10,), False)]
)
def test_what_is_an_image(shape, shown):
    assert is_image(shape) is shown
