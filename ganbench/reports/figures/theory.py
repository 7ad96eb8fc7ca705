"""Proposition 1 and Theorem 1 on the line: the discriminator learnt against the optimal one, the value against the JSD.

For a fixed generator the optimum is D* = p_data / (p_data + p_g), and there the value is V = -log 4 + 2 JSD (Goodfellow
et al., 2014, section 4, https://arxiv.org/abs/1406.2661).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from ganbench.datasets import load_dataset
from ganbench.reports.figures import figure1
from ganbench.reports.figures.drawing import Drawing, blank
from ganbench.reports.figures.line import (
    AXIS,
    DISCRIMINATOR_ONLY,
    PRESET,
    Game,
    Position,
    jensen_shannon,
    normal_density,
)

__all__ = ["drawings", "measured_value"]

_SHIFTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
_EPOCHS = 60
_DRAWN = 3  # of these games, whose discriminators are drawn
_CAPTION = (
    "The theory of section 4, measured on the line (data N(0, 1)). Left: discriminators after {steps} steps "
    "against {drawn} generators that stay as they began (dashed), and p_data / (p_data + p_g) (grey); they part "
    "where examples are rare. Right: the value function at trained discriminators, from {n:,} test examples and "
    "as many samples, with bars of two standard errors, against the exact Jensen-Shannon divergence of data and "
    "generator; the line is -log 4 + 2 JSD. Star: both players trained by Algorithm 1, as in Figure 1(d)."
)


@cache
def _positions() -> tuple[Position, ...]:
    """The ends of games whose generators are not trained."""
    data = load_dataset(PRESET).splits[0].train[:, 0]
    ends = []
    for shift in _SHIFTS:
        game = Game("theory", shift=shift)
        game.train(data, _EPOCHS, discriminator_steps=DISCRIMINATOR_ONLY)
        ends.append(game.position())
    return tuple(ends)


def measured_value(position: Position, real: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """V = mean log D(x) + mean log(1 - D(G(z))) over real numbers and as many samples, and its standard error."""
    samples = position.shift + position.scale * rng.standard_normal(len(real))
    probability = position.discriminator.clip(1e-7, 1 - 1e-7)  # float32 rounds some to 1
    logit = np.log(probability / (1 - probability))
    terms = [-np.logaddexp(0, sign * np.interp(x, AXIS, logit)) for sign, x in ((-1, real), (1, samples))]
    return sum(float(t.mean()) for t in terms), float(np.sqrt(sum(t.var(ddof=1) / len(t) for t in terms)))


def drawings() -> Iterator[Drawing]:
    """The figure."""
    figure, ((left, right),) = blank(7.5, 2.9, 1, 2)
    real = load_dataset(PRESET).splits[0].test[:, 0].astype(np.float64)
    _draw_discriminators(left, _positions()[2 : 2 + _DRAWN])
    divergences = [_draw_value(right, position, real) for position in _positions()]
    _draw_value(right, figure1.stages()[-1], real, "*")
    ends = np.array([0, 1.05 * max(divergences)])
    right.plot(ends, 2 * ends - np.log(4), color="grey", lw=1, label="$-\\log 4 + 2\\,$JSD", zorder=0)
    right.set(xlabel="JSD of data and generator (nats)", ylabel="value at the trained $D$ (nats)")
    right.legend(frameon=False)
    caption = _CAPTION.format(steps=10 * _EPOCHS, drawn=_DRAWN, n=len(real))
    yield Drawing("theory", figure, caption, metadata={"model": "adversarial", "preset": PRESET, "seed": "0"})


def _draw_discriminators(axes: Any, positions: tuple[Position, ...]) -> None:
    data, shown = normal_density(AXIS), np.abs(AXIS) <= 4
    for number, position in enumerate(positions):
        label = f"$p_g = N({position.shift:.2f}, {abs(position.scale):.2f}^2)$"
        optimal = data / (data + position.density)
        axes.plot(AXIS[shown], optimal[shown], color="grey", lw=2.5, alpha=0.5)
        axes.plot(AXIS[shown], position.discriminator[shown], "--", color=f"C{number}", lw=1.4, label=label)
    axes.set(xlabel="$x$", ylabel="$D(x)$", ylim=(-0.02, 1.05))
    axes.legend(frameon=False, fontsize=7)


def _draw_value(axes: Any, position: Position, real: np.ndarray, marker: str = "o") -> float:
    """A point with its bar; returns the divergence."""
    value, error = measured_value(position, real, np.random.default_rng(0))
    divergence = jensen_shannon(normal_density(AXIS), position.density)
    size = 4 if marker == "o" else 11
    axes.errorbar(divergence, value, 2 * error, fmt=marker, ms=size, color="C0" if marker == "o" else "C3", capsize=2)
    return divergence
