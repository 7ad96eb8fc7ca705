"""Section 4 of the paper on the line, by our layers and update rules.

Data and generator are Gaussians, so that optimum and divergence are known; integrals are scipy's. Every statement is of
several independent trainings, each on data of its own, and holds within so many standard errors across them.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganbench_models.adversarial.layers import Linear, Maxout, Sigmoid
from ganbench_models.adversarial.networks import DiscriminatorNet, GeneratorNet
from ganbench_models.adversarial.noise import Noise
from ganbench_models.adversarial.schedules import LearningRateDecay
from ganbench_models.adversarial.training import Players, Rules, train_epoch
from scipy.integrate import quad
from scipy.stats import norm

_N_TRAININGS = 6
_NEVER = 10**9
_POINTS = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0])
_DATA = norm(0, 1)


def _players(shift: float, scale: float, generator: torch.Generator, *, maxout: bool = True) -> Players:
    """G(z) = shift + scale z, and a discriminator with a hidden layer of maxout units, or without one."""
    top = Linear((1,), units=1, weight_range=1)
    hidden = [Maxout((1,), units=24, pieces=4, weight_range=0.5)] if maxout else []
    last = Sigmoid((24,) if maxout else (1,), units=1, weight_range=0.5)
    keep = {"input_keep_probability": 1, "hidden_keep_probability": 1}
    nets = GeneratorNet([top], (1,)), DiscriminatorNet([*hidden, last], **keep)
    for net in nets:
        for layer in net.materialise("cpu"):
            layer.initialise(torch.zeros(1, 1), generator=generator)
    with torch.no_grad():
        top.weight.fill_(scale)
        top.bias.fill_(shift)
    return Players(*nets)


def _train(players: Players, steps: int, generator: torch.Generator, *, rate: float = 0.3, **rules) -> None:
    """Steps on fresh data, 500 at a time, whose learning rate falls thirtyfold."""
    decay = 30 ** (1 / steps)
    game = Rules(Noise("gaussian", 1), **{"generator_loss": "non-saturating", "updates": "simultaneous"} | rules,
                 learning_rate=LearningRateDecay(rate, decay, 0.0))  # fmt: skip
    players.updates = 0
    minibatches = (torch.randn(500, 1, generator=generator) for _ in range(steps))
    train_epoch(players, minibatches, game, momentum=0.5, generator=generator)


@torch.no_grad()
def _logit(players: Players, x: np.ndarray) -> np.ndarray:
    return players.discriminator.net(torch.tensor(x, dtype=torch.float32).reshape(-1, 1)).double().numpy()


def _divergence(shift: float, scale: float) -> float:
    """The Jensen-Shannon divergence from the data, in nats."""
    generated = norm(shift, scale)

    def half(p, q):
        return quad(lambda x: p.pdf(x) * (p.logpdf(x) - np.logaddexp(p.logpdf(x), q.logpdf(x)) + np.log(2)), -12, 12)[0]

    return (half(_DATA, generated) + half(generated, _DATA)) / 2


def _value(players: Players, shift: float, scale: float) -> float:
    """V(D, G) by integration."""
    x = np.linspace(-12, 12, 4801)
    logit = _logit(players, x)
    terms = _DATA.pdf(x) * -np.logaddexp(0, -logit) + norm(shift, scale).pdf(x) * -np.logaddexp(0, logit)
    return float(np.trapezoid(terms, x))


def _fixed_generator(shift: float, scale: float, *, maxout: bool = True) -> list[Players]:
    trained = []
    for seed in range(_N_TRAININGS):
        generator = torch.Generator().manual_seed(seed)
        trained.append(_players(shift, scale, generator, maxout=maxout))
        _train(trained[-1], 500, generator, discriminator_steps=_NEVER)
    return trained


def _mean_with_error(values) -> tuple[np.ndarray, np.ndarray]:
    return np.mean(values, axis=0), np.std(values, axis=0, ddof=1) / np.sqrt(len(values))


def _optimum(shift: float, scale: float) -> np.ndarray:
    return _DATA.pdf(_POINTS) / (_DATA.pdf(_POINTS) + norm(shift, scale).pdf(_POINTS))


def test_the_discriminator_approaches_its_optimum():
    """Proposition 1: D(x) = p_data / (p_data + p_g), within 4 standard errors across trainings, and those below .005.

    Of N(1, 1) the optimum is 1 / (1 + exp(x - 1/2)), which a single sigmoid layer can be.
    """
    trained = _fixed_generator(1, 1, maxout=False)
    mean, error = _mean_with_error([1 / (1 + np.exp(-_logit(players, _POINTS))) for players in trained])
    assert (error < 0.005).all()
    assert (np.abs(mean - _optimum(1, 1)) < 4 * error).all()


def test_a_maxout_net_comes_near_an_optimum_that_it_cannot_be():
    """To N(1, 0.8^2) belongs a quadratic logit; planes come within .02 of D, and 4 standard errors."""
    trained = _fixed_generator(1, 0.8)
    mean, error = _mean_with_error([1 / (1 + np.exp(-_logit(players, _POINTS))) for players in trained])
    assert (np.abs(mean - _optimum(1, 0.8)) < 0.02 + 4 * error).all()
    assert (error < 0.005).all()


def test_the_value_follows_the_divergence():
    """Theorem 1: V = -log 4 + 2 JSD at the trained discriminator, never above it, and least where the two agree."""
    gaps, values = [], {}  # by integration, so that nothing but D is random
    for shift, scale in [(0, 1), (1, 0.8), (2, 1.2)]:
        measured = [_value(players, shift, scale) for players in _fixed_generator(shift, scale)]
        optimum = -np.log(4) + 2 * _divergence(shift, scale)
        values[shift] = np.mean(measured)
        gaps.append(optimum - np.array(measured))
    assert (np.array(gaps) > -1e-9).all()
    assert (np.mean(gaps, axis=1) < 0.003).all()
    assert list(values) == sorted(values, key=values.get)
    assert values[0] == pytest.approx(-np.log(4), abs=0.003)


@pytest.mark.parametrize("rules", [
    {"updates": "alternating", "discriminator_steps": 5},
    {"updates": "alternating", "discriminator_steps": 5, "generator_loss": "minimax"},
    {"updates": "simultaneous", "discriminator_steps": 5},
], ids=lambda rules: " ".join(map(str, rules.values())))  # fmt: skip
def test_training_both_brings_the_densities_together(rules):
    """The minimum of Theorem 1, from N(1.5, 0.6²): mean and deviation of the generator within 4 standard errors.

    By the program's simultaneous step and by Algorithm 1, with either objective.
    """
    ends, values = [], []
    for seed in range(_N_TRAININGS):
        generator = torch.Generator().manual_seed(100 + seed)
        players = _players(1.5, 0.6, generator)
        _train(players, 1000, generator, **rules)
        layer = players.generator.net.layers[0]
        end = layer.bias.item(), abs(layer.weight.item())
        ends.append(end)
        values.append((_divergence(*end), _value(players, *end)))
    mean, error = _mean_with_error(ends)
    assert (error < 0.03).all()
    assert (np.abs(mean - (0, 1)) < 4 * error).all()
    divergence, value = np.mean(values, axis=0)
    assert divergence < 0.002 < _divergence(1.5, 0.6) / 50
    assert value == pytest.approx(-np.log(4), abs=0.004)
