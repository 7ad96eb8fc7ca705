"""Updates, with their one backward pass, against their definition: a gradient of each objective, and momentum."""

import copy
import itertools

import pytest
import torch
from ganbench_models.adversarial.dropout import dropout_mask
from ganbench_models.adversarial.networks import DiscriminatorNet, GeneratorNet, build_layers
from ganbench_models.adversarial.noise import Noise
from ganbench_models.adversarial.objective import discriminator_objective, generator_objective
from ganbench_models.adversarial.schedules import LearningRateDecay
from ganbench_models.adversarial.training import METRICS, UPDATES, Players, Rules, train_epoch
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
    generator: list[dict] = GENERATOR,
    shape: tuple[int, ...] = (PIXELS,),
) -> Players:
    nets = (
        GeneratorNet(build_layers(generator, (NOISE,)), shape),
        DiscriminatorNet(build_layers(discriminator, shape), input_keep_probability=0.8, hidden_keep_probability=0.5),
    )
    for net in nets:
        for layer in net.materialise("cpu"):
            layer.initialise(torch.zeros(1), generator=_generator(3))
            with torch.no_grad():  # pieces that see only dropped inputs must not tie
                layer.bias.uniform_(-0.1, 0.1, generator=_generator(4))
            if precision is torch.float64:
                layer.double()
    return Players(*nets, max_column_norm, precision)


def _rules(loss: str = "non-saturating", steps: int = 1, updates: str = "simultaneous") -> Rules:
    return Rules(Noise("uniform", NOISE), loss, steps, LearningRateDecay(0.1, 1.01, 1e-6), updates)


def _data(n: int = N) -> torch.Tensor:
    return torch.rand(n, PIXELS, generator=_generator(5))


def _copies(net: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone().requires_grad_() for parameter in net.parameters()]


def _masks(generator: torch.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """For every layer the masks of real and of generated images."""
    shapes = ((PIXELS, 0.8), (UNITS, 0.5), (UNITS, 0.5))
    return [dropout_mask((2 * N, size), keep, generator=generator).split(N) for size, keep in shapes]


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


CONVOLUTIONAL = (
    [
        {"layer": "relu", "units": 18, "weight_range": 0.7, "bias": 0.1},
        {"layer": "transposed-convolution", "image_shape": [2, 3, 3], "channels": 1, "kernel": 4, "stride": 2}
        | {"weight_range": 0.7},
    ],
    [
        {"layer": "maxout-convolution", "channels": 2, "pieces": 2, "kernel": 3, "padding": 1, "pool": 2}
        | {"pool_stride": 2, "weight_range": 0.7},
        {"layer": "relu", "units": 5, "weight_range": 0.7, "bias": 0.1},
        {"layer": "sigmoid", "units": 1, "weight_range": 0.7},
    ],
    (1, 8, 8),
)
GAMES = {"fully connected": (GENERATOR, DISCRIMINATOR, (PIXELS,)), "convolutional": CONVOLUTIONAL}


def _move(net, gradients, velocities, rate, momentum, limit):
    """v ← m·v − η·g and θ ← θ + v; the rows of unit weights are shortened to the limit."""
    for parameter, gradient, velocity in zip(net.parameters(), gradients, velocities, strict=True):
        velocity.mul_(momentum).sub_(rate * gradient)
        parameter.data += velocity
    for weights in net.unit_weights if limit else ():
        for row in weights:
            row *= min(float(row.norm()), limit) / (1e-7 + float(row.norm()))


def _by_definition(nets, velocities, real, rules, rate, momentum, limit, both, generator):
    """One update, as the paper and the program write it."""
    g, d = nets

    def generated():
        return g(rules.noise.sample(len(real), generator=generator).double())

    def judged():
        return d(torch.cat((real, generated())), dropout=generator).view(2, -1)

    begun = generator.get_state()
    d_gradients = torch.autograd.grad(discriminator_objective(*judged()), d.parameters())
    if both and rules.updates == "simultaneous":
        generator.set_state(begun)
        cost = generator_objective(judged()[1], rules.generator_loss)
        _move(g, torch.autograd.grad(cost, g.parameters()), velocities[0], rate, momentum, limit)
    _move(d, d_gradients, velocities[1], rate, momentum, limit)
    if both and rules.updates == "alternating":
        cost = generator_objective(d(generated(), dropout=generator), rules.generator_loss)
        _move(g, torch.autograd.grad(cost, g.parameters()), velocities[0], rate, momentum, limit)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
@pytest.mark.parametrize(("updates", "steps", "limit"), [*itertools.product(UPDATES, (1, 2), (None, 0.8))])
def test_updates_are_those_of_the_definition(game, loss, updates, steps, limit):
    g_tables, d_tables, shape = GAMES[game]
    players = _players(limit, torch.float64, d_tables, g_tables, shape)
    mine = players.generator, players.discriminator
    nets = [copy.deepcopy(player.net) for player in mine]
    velocities = [[torch.zeros_like(parameter) for parameter in net.parameters()] for net in nets]
    rules, generator = _rules(loss, steps, updates), _generator(11)
    batches = torch.rand(4 * N, *shape, generator=_generator(5), dtype=torch.float64).split(N)
    for t, real in enumerate(batches):
        rate, both = rules.learning_rate.after(t), (t + 1) % steps == 0
        _by_definition(nets, velocities, real, rules, rate, 0.6, limit, both, generator)
    train_epoch(players, batches, rules, momentum=0.6, generator=_generator(11))
    for player, net, expected in zip(mine, nets, velocities, strict=True):
        for parameter, other in zip(player.net.parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(parameter, other, rtol=1e-10, atol=1e-12)
        for velocity, other in zip(player.momentum.velocities, expected, strict=True):
            torch.testing.assert_close(velocity, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("logit", [-1000.0, -60.0, 60.0])
@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
def test_a_discriminator_that_is_sure_of_itself_loses_no_gradient(logit, loss):
    """With D(G(z)) of exp(-60) or 1 - exp(-60), one player's factor is 1e26 times the other's; exp(-1000) is none."""
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
