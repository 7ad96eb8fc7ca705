"""One simultaneous step, with one backward pass of the discriminator, against the two of automatic differentiation."""

import pytest
import torch
from ganbench_models.adversarial.dropout import dropout_mask
from ganbench_models.adversarial.networks import DiscriminatorNet, GeneratorNet, build_layers
from ganbench_models.adversarial.noise import Noise
from ganbench_models.adversarial.schedules import LearningRateDecay
from ganbench_models.adversarial.training import METRICS, Players, Rules, train_epoch
from torch.nn.functional import linear, logsigmoid, softplus

PIXELS, NOISE, UNITS, PIECES, N = 6, 4, 5, 3, 7
GENERATOR = [
    {"layer": "relu", "units": 8, "weight_range": 0.7, "bias": 0.1},
    {"layer": "sigmoid", "units": PIXELS, "weight_range": 0.7},
]
DISCRIMINATOR = [
    {"layer": "maxout", "units": UNITS, "pieces": PIECES, "weight_range": 0.7},
    {"layer": "maxout", "units": UNITS, "pieces": PIECES, "weight_range": 0.7},
    {"layer": "sigmoid", "units": 1, "weight_range": 0.7},
]


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _players(
    max_column_norm: float | None = None,
    precision: torch.dtype = torch.float32,
    discriminator: list[dict] = DISCRIMINATOR,
) -> Players:
    nets = (
        GeneratorNet(build_layers(GENERATOR, (NOISE,)), (PIXELS,)),
        DiscriminatorNet(
            build_layers(discriminator, (PIXELS,)), input_include_probability=0.8, hidden_include_probability=0.5
        ),
    )
    for net in nets:
        for layer in net.materialise("cpu"):
            layer.initialise(torch.zeros(1), generator=_generator(3))
            with torch.no_grad():  # pieces that see only dropped inputs must not tie
                layer.bias.uniform_(-0.1, 0.1, generator=_generator(4))
    return Players(*nets, max_column_norm, precision)


def _rules(loss: str = "non-saturating", steps: int = 1) -> Rules:
    return Rules(Noise("uniform", NOISE), loss, steps, LearningRateDecay(0.1, 1.01, 1e-6))


def _data(n: int = N) -> torch.Tensor:
    return torch.rand(n, PIXELS, generator=_generator(5))


def _copies(net: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone().requires_grad_() for parameter in net.parameters()]


def _masks(generator: torch.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """For every layer the masks of real and of generated images."""
    shapes = ((PIXELS, 0.8), (UNITS, 0.5), (UNITS, 0.5))
    return [dropout_mask((2 * N, size), include, generator=generator).split(N) for size, include in shapes]


def _straightforward_logits(x, parameters, masks):
    for i in range(2):
        x = linear(x * masks[i], parameters[2 * i], parameters[2 * i + 1]).view(-1, PIECES, UNITS).max(1).values
    return linear(x * masks[2], parameters[4], parameters[5])[:, 0]


def _straightforward_step(players, real, loss, rate, momentum, seed):
    """Parameters and velocities after one step from velocities v0 = 0.01, and the objectives before it."""
    g, d, generator = _copies(players.generator.net), _copies(players.discriminator.net), _generator(seed)
    z = torch.empty(N, NOISE).uniform_(-(3**0.5), 3**0.5, generator=generator)
    real_masks, fake_masks = zip(*_masks(generator), strict=True)
    fake = torch.sigmoid(linear(torch.relu(linear(z, g[0], g[1])), g[2], g[3]))
    a_real, a_fake = _straightforward_logits(real, d, real_masks), _straightforward_logits(fake, d, fake_masks)
    d_cost = 0.5 * (softplus(-a_real).mean() + softplus(a_fake).mean())
    g_cost = softplus(-a_fake).mean() if loss == "non-saturating" else logsigmoid(-a_fake).mean()
    gradients = [*torch.autograd.grad(g_cost, g, retain_graph=True), *torch.autograd.grad(d_cost, d)]
    velocities = [momentum * torch.full_like(x, 0.01) - rate * x for x in gradients]
    return [(p + v).detach() for p, v in zip([*g, *d], velocities, strict=True)], velocities, (d_cost, g_cost)


@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
def test_one_simultaneous_update_agrees_with_a_straightforward_one(loss):
    players, real = _players(), _data()
    optimisers = (players.generator.momentum, players.discriminator.momentum)
    for optimiser in optimisers:
        for velocity in optimiser.velocities:
            velocity.fill_(0.01)
    parameters, velocities, costs = _straightforward_step(players, real, loss, 0.1, 0.6, seed=11)
    metrics = train_epoch(players, [real], _rules(loss), momentum=0.6, generator=_generator(11))
    # Float32 sums of at most 18 terms of order 1.
    close = {"rtol": 1e-5, "atol": 1e-6}
    for mine, expected in zip([p for o in optimisers for p in o.parameters], parameters, strict=True):
        torch.testing.assert_close(mine.detach(), expected, **close)
    for mine, expected in zip([v for o in optimisers for v in o.velocities], velocities, strict=True):
        torch.testing.assert_close(mine, expected, **close)
    assert metrics["discriminator_objective"] == pytest.approx(costs[0].item(), rel=1e-5)
    assert metrics["generator_objective"] == pytest.approx(costs[1].item(), rel=1e-5)


@pytest.mark.parametrize("logit", [-60.0, 60.0])
@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
def test_a_discriminator_that_is_sure_of_itself_loses_no_gradient(logit, loss):
    """With D(G(z)) of exp(-60) or 1 - exp(-60), one player's factor is 1e26 times the other's."""
    players, real = _players(), _data()
    with torch.no_grad():
        players.discriminator.net.layers[2].bias.fill_(logit)
    _, velocities, _ = _straightforward_step(players, real, loss, 0.1, 0.6, seed=11)
    expected = [v - 0.6 * 0.01 for v in velocities]  # the test above starts from velocities of .01, this one from 0
    train_epoch(players, [real], _rules(loss), momentum=0.6, generator=_generator(11))
    mine = [v for player in (players.generator, players.discriminator) for v in player.momentum.velocities]
    for velocity, gradient in zip(mine, expected, strict=True):
        torch.testing.assert_close(velocity, gradient, rtol=1e-4, atol=1e-8)


def test_real_and_generated_images_have_masks_of_their_own():
    real_masks, fake_masks = zip(*_masks(_generator()), strict=True)
    assert not any(map(torch.equal, real_masks, fake_masks))


def test_without_dropout_the_discriminator_is_plain():
    players, x = _players(), _data()
    ones = [torch.ones(N, size) for size in (PIXELS, UNITS, UNITS)]
    expected = _straightforward_logits(x, _copies(players.discriminator.net), ones)
    torch.testing.assert_close(players.discriminator.net(x), expected)


def test_lower_precision_follows_float32_within_its_rounding():
    """Bfloat16 has 8 bits, and now and then another piece wins: velocities differ by some percent of their size."""
    wide = [layer | ({"units": 40} if layer["layer"] == "maxout" else {}) for layer in DISCRIMINATOR]
    exact, rounded = _players(discriminator=wide), _players(precision=torch.bfloat16, discriminator=wide)
    for players in (exact, rounded):
        train_epoch(players, [_data(200)], _rules(), momentum=0.5, generator=_generator(11))
    for mine, other in ((exact.generator, rounded.generator), (exact.discriminator, rounded.discriminator)):
        for velocity, close in zip(mine.momentum.velocities, other.momentum.velocities, strict=True):
            assert close.dtype is torch.float32
            assert 0 < float((velocity - close).norm() / velocity.norm()) < 0.1
        for parameter, close in zip(mine.net.parameters(), other.net.parameters(), strict=True):
            torch.testing.assert_close(parameter, close, rtol=0, atol=0.01)


def test_the_column_limit_holds_for_every_layer_after_every_update():
    players = _players(max_column_norm=0.5)
    train_epoch(players, _data(20).split(N), _rules(), momentum=0.5, generator=_generator())
    for player in (players.generator, players.discriminator):
        for weights in player.net.unit_weights:
            assert float(weights.norm(dim=1).max()) <= 0.5 * (1 + 1e-6)


def test_the_learning_rate_is_that_of_the_update_counter(monkeypatch):
    asked = []
    rules = _rules()
    monkeypatch.setattr(LearningRateDecay, "after", lambda self, updates: asked.append(updates) or 0.1)
    players = _players()
    players.updates = 2
    train_epoch(players, _data(20).split(N), rules, momentum=0.5, generator=_generator())
    assert asked == [2, 3, 4]


def test_the_generator_moves_at_every_kth_minibatch_across_epochs():
    players, moved = _players(), []
    rules, generator = _rules(steps=3), _generator()
    for _ in range(7):
        g, d = _copies(players.generator.net), _copies(players.discriminator.net)
        metrics = train_epoch(players, [_data()], rules, momentum=0.5, generator=generator)
        assert set(metrics) == set(METRICS)
        assert not all(map(torch.equal, d, players.discriminator.net.parameters()))
        moved.append(not all(map(torch.equal, g, players.generator.net.parameters())))
    assert moved == [False, False, True, False, False, True, False]


def test_metrics_are_means_over_updates():
    batches = _data(21).split(N)
    together = train_epoch(_players(), batches, _rules(), momentum=0.5, generator=_generator(2))
    players, generator = _players(), _generator(2)
    single = [train_epoch(players, [batch], _rules(), momentum=0.5, generator=generator) for batch in batches]
    for name, mean in together.items():
        assert mean == pytest.approx(sum(metrics[name] for metrics in single) / 3, rel=1e-6)
