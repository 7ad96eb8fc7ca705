"""Samples of others made like the data: layouts, scales, doubts."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from ganbench.datasets import Split, fit_samples, load_dataset
from ganbench.datasets.cifar10 import global_contrast_normalise
from ganbench.errors import DataError, UsageError

UNIT, FREE = (0.0, 1.0), (-math.inf, math.inf)


def pictures(rng, n: int, *shape: int) -> np.ndarray:
    """Grey levels / 255 whose mean image is bright in the upper left part and dark elsewhere."""
    slope = np.linspace(1, 0.1, shape[-2])[:, None] * np.linspace(1, 0.6, shape[-1]) ** 2
    levels = np.rint(255 * np.clip(slope * rng.uniform(0.5, 1.05, (n, *shape)), 0, 1))
    levels[0].flat[:2] = 0, 255
    return (levels / 255).astype(np.float32)


@pytest.fixture
def grey(rng) -> np.ndarray:
    return pictures(rng, 60, 6, 5)


@pytest.fixture
def colour(rng) -> np.ndarray:
    return pictures(rng, 60, 3, 8, 8) * np.float32([1, 0.8, 0.2])[:, None, None]


def fit(samples, train, value_range=UNIT, **settings):
    return fit_samples(samples, train=train, value_range=value_range, origin="mine", **settings)


def codes(fitted) -> list[str]:
    return [note.code for note in fitted.notes]


# Layout


@pytest.mark.parametrize(
    ("arrange", "layout"),
    [
        (lambda x: x, ""),
        (lambda x: x.reshape(60, 30), ""),
        (lambda x: x[:, None], "NHW"),
        (lambda x: x[..., None], "NHW"),
        (lambda x: x.reshape(60, 1, 30), "NHW"),
        (lambda x: x.transpose(1, 2, 0), "HWN"),
        (lambda x: x.reshape(60, 30).T, "HWN"),
        (lambda x: np.stack([x] * 3, 1), "NCHW"),
        (lambda x: np.stack([x] * 3, 3), "NHWC"),
        (lambda x: np.stack([x] * 3, 2).transpose(1, 3, 2, 0), "HWCN"),
    ],
)
def test_layouts_of_grey_images_are_found_and_said(grey, arrange, layout):
    fitted = fit(arrange(grey), grey)
    assert np.array_equal(fitted.samples, grey)
    assert codes(fitted) == ["layout"] * bool(layout)
    assert all(f"read as {layout}" in note.text for note in fitted.notes)


@pytest.mark.parametrize(
    ("arrange", "layout"),
    [
        (lambda x: x, ""),
        (lambda x: x.reshape(60, 192), ""),
        (lambda x: x.transpose(0, 2, 3, 1), "NHWC"),
        (lambda x: x.transpose(2, 3, 1, 0), "HWCN"),
        (lambda x: x.transpose(1, 2, 3, 0), "CHWN"),
    ],
)
def test_layouts_of_colour_images(colour, arrange, layout):
    fitted = fit(arrange(colour), colour)
    assert np.array_equal(fitted.samples, colour)
    assert [f"read as {layout}" in note.text for note in fitted.notes] == [True] * bool(layout)


def test_one_sample_keeps_its_axis(grey):
    for array in (grey[:1], grey[:1, None], grey[:1, ..., None]):
        assert np.array_equal(fit(array, grey).samples, grey[:1])


def test_data_with_one_channel_take_images_without(grey):
    train = grey[:, None]
    for array in (grey, train, grey[..., None], np.stack([grey] * 3, 3)):
        assert np.array_equal(fit(array, train).samples, train)


def test_vectors_and_their_transpose(rng):
    train = rng.normal(size=(50, 10)).astype(np.float32)
    assert np.array_equal(fit(train, train, FREE).samples, train)
    assert np.array_equal(fit(train[:40].T, train, FREE).samples, train[:40])
    assert np.array_equal(fit(train[:, None, :], train, FREE).samples, train)


@pytest.mark.parametrize(
    ("layout", "axes"),
    [("NWH", (0, 2, 1)), ("nwh", (0, 2, 1)), ("WHN", (2, 1, 0)), ("HWN", (1, 2, 0)), ("NHW", (0, 1, 2))],
)
def test_a_layout_that_is_given_is_used_flat_or_not(rng, layout, axes):
    square = pictures(rng, 40, 7, 7)
    stored = square.transpose(axes)
    assert np.array_equal(fit(stored, square, layout=layout).samples, square)
    rows = stored.reshape(40, 49) if layout.upper().startswith("N") else stored.reshape(49, 40)
    assert np.array_equal(fit(rows, square, layout=layout).samples, square)


def test_colour_strung_together_with_channels_last_is_doubted_and_can_be_said(colour):
    rows = colour.transpose(0, 2, 3, 1).reshape(60, 192)
    (note,) = fit(rows, colour).notes
    assert note.is_warning
    assert "channels last (correlation 1.00)" in note.text
    assert "--layout NHWC" in note.text
    assert np.array_equal(fit(rows, colour, layout="NHWC").samples, colour)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((60, 29), r"shape \[60, 29\]; expected \[n, 6, 5\] or \[n, 30\] with n >= 1. If axes are in another order"),
        ((60, 5, 6), r"--layout"),
        ((60, 6, 5, 3), "three different channels, and the data are grey: convert them to grey"),
        ((60, 90), "three different channels"),
        ((0, 30), r"shape \[0, 30\]"),
        ((30,), r"shape \[30\]; expected \[n, 6, 5\]"),
        ((), r"shape \[\]"),
        ((1, 13, 10), "does not divide into tiles of .6, 5."),
    ],
)
def test_layouts_that_do_not_fit(grey, rng, shape, said):
    with pytest.raises(DataError, match=f"^mine: .*{said}"):
        fit(rng.random(shape), grey)


def test_layouts_that_fit_in_several_ways_are_asked_for(colour):
    with pytest.raises(DataError, match="read in 2 ways; say which: --layout NHWC or --layout CHWN"):
        fit(np.zeros((3, 8, 8, 3), np.float32), colour[:, :, :, :])
    assert fit(np.zeros((3, 8, 8, 3), np.float32), colour, layout="NHWC").samples.shape == (3, 3, 8, 8)


@pytest.mark.parametrize("layout", ["NXY", "NHH", "HW", "N", "", "NDH"])
def test_layouts_that_are_none(grey, layout):
    if layout:
        with pytest.raises(UsageError, match=f"layout '{layout}' is not known. Expected a letter for each axis"):
            fit(grey, grey, layout=layout)
    with pytest.raises(DataError, match=r"By the layout NCHW they do not fit"):
        fit(grey, grey, layout="NCHW")


@pytest.mark.parametrize(("n", "margin"), [(12, 0), (12, 1), (12, 2), (10, 1), (10, 2)])
def test_a_grid_is_cut(grey, margin, n):
    import torchvision

    tiles = torch.from_numpy(grey[:n, None]).clamp(min=1 / 255)
    sheet = torchvision.utils.make_grid(tiles, nrow=4, padding=margin)[:1].numpy()
    for picture in (sheet, np.repeat(sheet[..., None], 3, -1), np.rint(sheet * 255).astype(np.uint8)):
        fitted = fit(picture, grey)
        np.testing.assert_allclose(fitted.samples, tiles[:, 0].numpy(), atol=1e-6)
        assert f"cut in {n} tiles of 6x5 with margins of {margin}" in fitted.notes[0].text


# Scale


@pytest.mark.parametrize(
    ("store", "scale"),
    [
        (lambda x: x, ""),
        (lambda x: x.astype(np.float64), ""),
        (lambda x: torch.from_numpy(x), ""),
        (lambda x: np.rint(x * 255).astype(np.uint8), "0..255"),
        (lambda x: np.rint(x * 255).astype(np.int64), "0..255"),
        (lambda x: np.rint(x * 255), "0..255"),
        (lambda x: 2 * x - 1, "-1..1"),
    ],
)
def test_scales_of_images_are_found_and_said(grey, store, scale):
    fitted = fit(store(grey), grey)
    np.testing.assert_allclose(fitted.samples, grey, atol=1e-6)
    assert codes(fitted) == ["scale"] * bool(scale)
    assert all(f"taken for {scale}: " in note.text for note in fitted.notes)


def test_binary_samples_may_be_booleans_or_whole_numbers(grey):
    for array in (grey > 0.5, (grey > 0.5).astype(np.int64)):
        assert np.array_equal(fit(array, grey).samples, (grey > 0.5).astype(np.float32))


@pytest.mark.parametrize(
    ("change", "asked", "scale", "inverse"),
    [
        (lambda x: x * 250 + 0.5, "fractions: say --scale=0..255", "0.5..250.5", None),
        (
            lambda x: np.rint(x * 16),
            "whole numbers up to 16: say --scale=0..255, or the true one, as --scale=0..16",
            "0..16",
            None,
        ),
        (lambda x: np.rint(x * 100).astype(np.uint8), "whole numbers up to 100", "0..100", None),
        (lambda x: x - 0.5, r"-0.5 to 0.5.*may be on -1..1: say --scale=-1..1 if so", "-0.5..0.5", None),
        (lambda x: x / 255, "divided by 255 twice", "0..0.0039215686", None),
        (lambda x: (x - x.mean()) / x.std(), "look standardised: say --scale=standardised", "standardised", None),
        (lambda x: (x > 0.5).astype(np.uint8), "uint8 with 0 and 1 only", "0..1", lambda x: x > 0.5),
        (lambda x: x * 1000, "name theirs by its black and white", "0..1000", None),
    ],
)
def test_scales_that_are_not_certain_are_asked_for_and_can_be_said(grey, change, asked, scale, inverse):
    with pytest.raises(DataError, match=rf"^mine: samples range from .*{asked}"):
        fit(change(grey), grey)
    fitted = fit(change(grey), grey, scale=scale)
    np.testing.assert_allclose(
        fitted.samples, grey if inverse is None else inverse(grey), atol=0.51 / 16 if "16" in scale else 6e-3
    )
    assert all("as --scale says" in note.text for note in fitted.notes)


def test_contrast_that_was_normalised_cannot_be_undone(grey):
    with pytest.raises(DataError, match="contrast was normalised, which cannot be undone"):
        fit(global_contrast_normalise(grey), grey)


def test_a_scale_that_does_not_bring_samples_into_the_range_is_refused(grey):
    with pytest.raises(DataError, match=r"range from 0 to 255; the data lie in .0, 1.. They look like 0\.\.255"):
        fit(grey * 255, grey, scale="0..1")


@pytest.mark.parametrize("scale", ["255", "0..", "a..b", "1..1", "uint8"])
def test_scales_that_are_none(grey, scale):
    with pytest.raises(UsageError, match=f"scale '{scale}' is not known. Expected the values of black and white"):
        fit(grey, grey, scale=scale)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_what_is_not_finite_is_counted(grey, bad):
    samples = grey.astype(np.float64)
    samples[[3, 7], 0, 0] = bad
    with pytest.raises(DataError, match="mine: 2 of 60 samples hold NaN or infinity"):
        fit(samples, grey)


# Contrast-normalised data


@pytest.mark.parametrize("store", [lambda x: x, lambda x: np.rint(x * 255).astype(np.uint8)])
def test_images_beside_contrast_normalised_data_are_normalised(colour, store):
    train = global_contrast_normalise(colour, 55.0)
    fitted = fit(store(colour).transpose(0, 2, 3, 1), train, (-55.0, 55.0))
    np.testing.assert_allclose(fitted.samples, global_contrast_normalise(store(colour), 55.0), atol=2e-3)
    assert "normalised in contrast to mean 0 and norm 55" in fitted.notes[-1].text


def test_samples_like_contrast_normalised_data_are_left_alone(colour, rng):
    train = global_contrast_normalise(colour, 55.0)
    samples = (train * rng.uniform(0.3, 0.9, (60, 1, 1, 1))).astype(np.float32)
    fitted = fit(samples, train, (-55.0, 55.0))
    assert np.array_equal(fitted.samples, samples)
    assert fitted.notes == ()


def test_a_scale_far_from_contrast_normalised_data_is_refused(colour):
    train = global_contrast_normalise(colour, 55.0)
    with pytest.raises(DataError, match=r"training data have mean .*--scale=data .as they are., --scale=0..255"):
        fit((colour - 0.5) / 100, train, (-55.0, 55.0))
    fitted = fit(2 * colour - 1, train, (-55.0, 55.0), scale="-1..1")
    np.testing.assert_allclose(fitted.samples, train, atol=2e-3)


# Real-valued vectors


def test_real_valued_vectors_need_no_range_but_a_like_size(rng):
    train = rng.normal(size=(500, 10)).astype(np.float32) * 3 - 1
    samples = rng.normal(size=(300, 10)) * 5
    assert np.array_equal(fit(samples, train, FREE).samples, samples.astype(np.float32))
    for wrong in (samples * 1000, samples / 1000, samples + 500):
        with pytest.raises(DataError, match=r"mine: samples range from .*training data have mean -1"):
            fit(wrong, train, FREE)
        assert np.allclose(fit(wrong, train, FREE, scale="data").samples, wrong)
    assert np.array_equal(fit(np.ones((5, 10)), train, FREE).samples, np.ones((5, 10)))  # collapse is no scale
    with pytest.raises(DataError, match="is for images; these data have no black and white"):
        fit(samples, train, FREE, scale="0..255")
    standardised = (train - train.mean()) / train.std()
    np.testing.assert_allclose(fit(standardised, train, FREE, scale="standardised").samples, train, atol=1e-4)


# Doubts


@pytest.mark.parametrize(
    ("spoil", "what", "settings"),
    [
        (lambda x: x.swapaxes(1, 2), "transposed", {"layout": "NWH"}),
        (lambda x: 1 - x, "inverted", {"scale": "1..0"}),
        (lambda x: 1 - x.swapaxes(1, 2), "inverted and transposed", {"layout": "NWH", "scale": "1..0"}),
    ],
)
def test_images_that_are_like_the_data_only_when_turned_get_a_warning(rng, spoil, what, settings):
    train, images = pictures(rng, 60, 7, 7), pictures(rng, 40, 7, 7)
    assert fit(images, train).notes == ()
    (note,) = fit(spoil(images), train).notes
    assert (note.code, note.is_warning) == ("orientation", True)
    assert f"when it is {what} (correlation" in note.text
    for name, value in settings.items():
        assert re.search(f"--{name}[ =]{re.escape(value)}", note.text)
    fitted = fit(spoil(images), train, **settings)
    np.testing.assert_allclose(fitted.samples, images, atol=1e-6)
    assert not any(note.is_warning for note in fitted.notes)


def test_noise_and_a_constant_are_not_doubted(grey, rng):
    assert fit(rng.random((60, 6, 5)), grey).notes == ()
    assert fit(np.full((3, 6, 5), 0.5), grey).notes == ()


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["mnist", "fer2013"])
def test_real_images_of_few_examples_are_judged_right(real_root, name):
    split: Split = load_dataset(name, real_root).splits[0]
    for n in (50, 1000):
        assert fit(split.test[:n], split.train).notes == ()
        for spoiled, what in ((split.test[:n].swapaxes(1, 2), "transposed"), (1 - split.test[:n], "inverted")):
            assert f"when it is {what} " in fit(spoiled, split.train).notes[-1].text
