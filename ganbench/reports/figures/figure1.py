"""Figure 1: data density, generator density and discriminator of a game on the line, at four stages of its training."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from ganbench.datasets import load_dataset
from ganbench.reports.figures.drawing import Drawing, blank
from ganbench.reports.figures.line import AXIS, DISCRIMINATOR_ONLY, PRESET, Game, Position, normal_density

__all__ = ["drawings", "stages"]

_ROUNDS_BEFORE, _INNER_EPOCHS, _ROUNDS_AFTER = 2, 60, 200
_CODES = np.linspace(-2.25, 2.25, 13)
_SHOWN = (np.abs(AXIS) <= 4).nonzero()[0]
_CAPTION = (
    "Adversarial nets trained on numbers, as in Figure 1 of the paper. Dotted: density of the data, N(0, 1). "
    "Green: density of the generator. Blue, dashed: discriminator D(x). Arrows: from codes z, evenly spaced on "
    "the lower line, to x = G(z) on the upper one; z is N(0, 1) here and uniform in the paper. (a) After "
    "{before} rounds of Algorithm 1 (10 steps of the discriminator, then one of the generator). (b) After "
    "{inner} more steps of the discriminator alone: close to p_data / (p_data + p_g) where examples are many. "
    "(c) After one more round: the generator has followed the gradient of D. (d) After {after} more rounds. The "
    "generator is x = b + w z, so its density is exact."
)


@cache
def stages(
    before: int = _ROUNDS_BEFORE, inner: int = _INNER_EPOCHS, after: int = _ROUNDS_AFTER
) -> tuple[Position, Position, Position, Position]:
    """The positions (a) to (d) of one training of the model "adversarial" by its preset "toy-figure1".

    Args:
        before: Rounds of Algorithm 1 before (a).
        inner: Epochs of the discriminator alone between (a) and (b).
        after: Rounds between (c) and (d).
    """
    data = load_dataset(PRESET).splits[0].train[:, 0]
    game = Game("figure1")
    game.train(data, before)
    start = game.position()
    game.train(data, inner, discriminator_steps=DISCRIMINATOR_ONLY)
    optimal = game.position()
    game.train(data, 1)
    followed = game.position()
    game.train(data, after)
    return start, optimal, followed, game.position()


def drawings() -> Iterator[Drawing]:
    """The figure."""
    figure, axes = blank(9.6, 2.9, 2, 4, height_ratios=[3, 1], sharex=True)
    for letter, position, (above, below) in zip("abcd", stages(), axes.T, strict=True):
        _draw_functions(above, position)
        _draw_codes(below, position)
        below.set_xlabel(f"({letter})")
    axes[0, 0].legend(loc="upper right", frameon=False, fontsize=7)
    axes[1, 0].annotate("$x$", (-4.0, 1), ha="right", va="center", annotation_clip=False)
    axes[1, 0].annotate("$z$", (-4.0, 0), ha="right", va="center", annotation_clip=False)
    caption = _CAPTION.format(before=_ROUNDS_BEFORE, inner=10 * _INNER_EPOCHS, after=_ROUNDS_AFTER)
    yield Drawing("figure1", figure, caption, metadata={"model": "adversarial", "preset": PRESET, "seed": "0"})


def _draw_functions(axes: Any, position: Position) -> None:
    x = AXIS[_SHOWN]
    axes.plot(x, normal_density(x), ":", color="black", lw=1.4, label="data")
    axes.plot(x, position.density[_SHOWN], "-", color="#1a8a1a", lw=1.4, label="generator")
    axes.plot(x, position.discriminator[_SHOWN], "--", color="#1f3fd0", lw=1.4, label="$D(x)$")
    axes.set(xlim=(-4, 4), ylim=(0, 1.05), yticks=[0, 0.5, 1])
    axes.tick_params(labelbottom=False, bottom=False)


def _draw_codes(axes: Any, position: Position) -> None:
    """The lines of x and z, and the arrows from one to the other."""
    axes.hlines([0, 1], -4, 4, color="black", lw=1)
    for code in _CODES:
        arrow = {"arrowstyle": "->", "color": "black", "lw": 0.7, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (position.shift + position.scale * code, 1), (code, 0), arrowprops=arrow)
    axes.set(ylim=(-0.1, 1.1))
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
