"""Games on the line, Figure 1 and the figure of the theory."""

from __future__ import annotations

import numpy as np
import pytest

from ganbench.reports.figures import figure1, theory
from ganbench.reports.figures.line import (
    AXIS,
    DISCRIMINATOR_ONLY,
    Game,
    Position,
    integral,
    jensen_shannon,
    normal_density,
)


def test_densities_and_divergences():
    p = normal_density(AXIS)
    assert integral(p) == pytest.approx(1)
    assert jensen_shannon(p, p) == pytest.approx(0, abs=1e-12)
    far = normal_density(AXIS, 5, 0.1)
    assert jensen_shannon(normal_density(AXIS, -5, 0.1), far) == pytest.approx(np.log(2))


def test_a_generator_that_is_not_trained_stays():
    data = np.random.default_rng(0).standard_normal(2000).astype(np.float32)
    game = Game("test", shift=0.7)
    game.train(data, 1, discriminator_steps=DISCRIMINATOR_ONLY)
    first = game.position()
    game.train(data, 3, discriminator_steps=DISCRIMINATOR_ONLY)
    second = game.position()
    assert (first.shift, first.scale) == (second.shift, second.scale)
    assert first.shift == pytest.approx(0.7)
    assert np.abs(first.discriminator - second.discriminator).max() > 1e-3
    game.train(data, 1, discriminator_steps=1)
    assert game.position().shift != second.shift


def test_the_value_of_the_optimal_discriminator():
    """V(D*) = -log 4 + 2 JSD, within 4 standard errors, which cover a new sample."""
    p, q = normal_density(AXIS), normal_density(AXIS, 1, 0.8)
    rng = np.random.default_rng(0)
    value, error = theory.measured_value(Position(p / (p + q), 1, 0.8), rng.standard_normal(20_000), rng)
    assert 0.002 < error < 0.01
    assert abs(value - (2 * jensen_shannon(p, q) - np.log(4))) < 4 * error


@pytest.fixture
def positions(monkeypatch):
    """Ends of games that need no training: optimal discriminators against generators ever nearer."""

    def position(shift: float, scale: float) -> Position:
        p, q = normal_density(AXIS), normal_density(AXIS, shift, scale)
        return Position(p / (p + q), shift, scale)

    positions = tuple(position(*end) for end in [(2, 0.5), (1, 0.7), (0.5, 0.9), (0, 1)])
    monkeypatch.setattr(figure1, "stages", lambda: positions)
    monkeypatch.setattr(theory, "_positions", lambda: positions * 2)
    return positions


def test_figure_1_draws_the_functions_and_the_arrows(positions):
    (drawing,) = figure1.drawings()
    axes = drawing.figure.axes
    for above, below, position in zip(axes[:4], axes[4:], positions, strict=True):
        data, generator, discriminator = above.lines
        assert [line.get_linestyle() for line in above.lines] == [":", "-", "--"]
        x = data.get_xdata()
        np.testing.assert_allclose(data.get_ydata(), normal_density(x))
        np.testing.assert_allclose(generator.get_ydata(), normal_density(x, position.shift, position.scale))
        np.testing.assert_allclose(discriminator.get_ydata(), np.interp(x, AXIS, position.discriminator))
        arrows = [text for text in below.texts if text.get_text() == ""]
        assert len(arrows) == 13
        for arrow in arrows:
            (end, one), (code, zero) = arrow.xy, arrow.xyann
            assert (one, zero) == (1, 0)
            assert end == pytest.approx(position.shift + position.scale * code)


def test_the_figure_of_the_theory_has_its_points_on_the_line(positions):
    (drawing,) = theory.drawings()
    right = drawing.figure.axes[1]
    assert len(right.containers) == 9
    for points in right.containers:
        ((x,), (y,)) = points.lines[0].get_data()
        assert abs(y - (2 * x - np.log(4))) < 0.06
