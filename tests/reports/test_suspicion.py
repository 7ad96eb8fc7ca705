"""Samples ordered by suspicion: near to a training image, for where they lie."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import ganbench
from ganbench.reports.results import write_reports
from ganbench.reports.sheets import FRAME, suspicion_sheet
from ganbench.reports.suspicion import suspects


def clusters(n: int, seed: int) -> np.ndarray:
    """Half of the points lie close together, the others a hundred times as far apart, in five dimensions."""
    rng = np.random.default_rng(seed)
    tight = 0.01 * rng.standard_normal((n // 2, 5))
    return rng.permutation(np.concatenate([tight, 10 + rng.standard_normal((n - n // 2, 5))])).astype(np.float32)


def test_copies_come_first_wherever_they_lie():
    """Near copies among spread points are farther from their originals than tight points are from anything."""
    train, held_out, samples = clusters(400, 0), clusters(400, 1), clusters(300, 2)
    spread = train[train[:, 0] > 5]
    samples[[7, 100]] = spread[:2]
    samples[[40, 250]] = spread[2:4] + 0.05
    found = suspects(samples, train, held_out, 20)
    assert set(found.rows[:2]) == {7, 100}
    assert set(found.rows[2:4]) == {40, 250}
    np.testing.assert_array_equal(train[found.nearest[:2]], samples[found.rows[:2]])
    assert found.ratios[:2].tolist() == [0, 0]
    assert (np.diff(found.ratios) >= 0).all()
    assert found.ratios[3] < 0.5 * found.usual < 0.5


def test_ratios_are_those_of_the_definition():
    train, held_out, samples = clusters(60, 0), clusters(50, 1), clusters(20, 2)

    def distances(one, other):
        return np.sqrt(((one[:, None].astype(float) - other[None]) ** 2).sum(2))

    nearest = distances(held_out, train).min(1)
    around = distances(samples, held_out).argsort(1)[:, :10]
    expected = distances(samples, train).min(1) / nearest[around].mean(1)
    null = nearest / nearest[distances(held_out, held_out).argsort(1)[:, 1:11]].mean(1)
    found = suspects(samples, train, held_out, 5)
    np.testing.assert_array_equal(found.rows, expected.argsort()[:5])
    np.testing.assert_allclose(found.ratios, np.sort(expected)[:5], rtol=1e-5)
    assert found.usual == pytest.approx(np.quantile(null, 0.25), rel=1e-5)


def test_honest_samples_reach_what_held_out_examples_reach():
    """As many of either: the same quantile, within four of its standard errors, by forty repetitions."""
    differences = [
        (found := suspects(clusters(200, 3 * k), clusters(200, 3 * k + 1), clusters(200, 3 * k + 2), 20)).ratios[-1]
        - found.usual
        for k in range(40)
    ]
    assert abs(np.mean(differences)) < 4 * np.std(differences, ddof=1) / np.sqrt(40)


def test_few_samples_and_few_held_out_examples_will_do():
    found = suspects(clusters(3, 2), clusters(10, 0), clusters(2, 1), 24)
    assert len(found.rows) == len(found.ratios) == 3
    assert np.isfinite(found.ratios).all()


def test_each_sample_stands_above_its_framed_neighbour():
    with Image.open(io.BytesIO(suspicion_sheet(np.zeros((3, 64, 64)), np.ones((3, 64, 64)), columns=2))) as image:
        sheet = np.asarray(image)
    assert sheet.shape == (2 * (66 + 68 + 2) + 2, 2 * (68 + 2) + 2, 3)
    assert (sheet[4:68, 4:68] == 0).all()
    assert (sheet[70:134, 4:68] == 255).all()
    assert tuple(sheet[68, 20]) == tuple(sheet[135, 20]) == FRAME
    assert (sheet[140:204, 4:68] == 0).all()  # the third begins the second row


def test_it_is_written_beside_the_others_with_its_numbers(tmp_path, toy_images):
    with np.load(toy_images) as arrays:
        samples = np.concatenate([arrays["train"][:2], np.random.default_rng(0).random((38, 3, 3), np.float32)])
    outcome = ganbench.evaluate(samples, toy_images, results=tmp_path / "results")
    (sheet,) = [path for path in write_reports(outcome) if path.name == "suspicion.png"]
    with Image.open(sheet) as image:
        image.load()
        title = image.text["Title"]
    assert "Of all 40 samples the 24 that look most like copies" in title
    assert "is 0.00 to " in title
