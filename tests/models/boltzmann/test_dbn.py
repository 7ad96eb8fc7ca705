from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from ganbench_models.boltzmann.dbn import DeepBeliefNetwork
from ganbench_models.boltzmann.rbm import RestrictedBoltzmannMachine, contrastive_update, draw_binary

from ganbench.model import MarkovChain

VISIBLE, HIDDEN = 4, 3


def all_states(units: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=units)), dtype=torch.float64)


def energies(weights: torch.Tensor, visible_bias: torch.Tensor, hidden_bias: torch.Tensor) -> torch.Tensor:
    """E(v, h) of every pair of states, term by term: [2 ** visible, 2 ** hidden]."""
    table = [
        [-(v @ weights @ h) - v @ visible_bias - h @ hidden_bias for h in all_states(len(hidden_bias))]
        for v in all_states(len(visible_bias))
    ]
    return torch.stack([torch.stack(row) for row in table])


def log_marginal(*parameters: torch.Tensor) -> torch.Tensor:
    """log P(v) of every visible state."""
    joint = -energies(*parameters)
    return torch.logsumexp(joint, 1) - torch.logsumexp(joint.flatten(), 0)


@pytest.fixture
def rbm() -> RestrictedBoltzmannMachine:
    generator = torch.Generator().manual_seed(3)
    draws = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((4, 3), (4,), (3,))]
    return RestrictedBoltzmannMachine(*draws)


@pytest.fixture
def data() -> torch.Tensor:
    return torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0, 1]], dtype=torch.float64)


def likelihood_gradient(rbm: RestrictedBoltzmannMachine, data: torch.Tensor) -> dict[str, torch.Tensor]:
    """Gradient of the mean log P(v) over `data`, by enumeration and automatic differentiation."""
    parameters = {name: tensor.clone().requires_grad_() for name, tensor in rbm.state().items()}
    log_p = log_marginal(*parameters.values())
    index = [int(sum(int(bit) << (VISIBLE - 1 - i) for i, bit in enumerate(row))) for row in data]
    gradients = torch.autograd.grad(log_p[index].mean(), list(parameters.values()))
    return dict(zip(parameters, gradients, strict=True))


def update(rbm, data, model, *, learning_rate=1.0, momentum=0.0, weight_decay=0.0):
    """The velocity after one update from rest."""
    velocity = rbm.zeros_like()
    contrastive_update(
        rbm, velocity, data, model, learning_rate=learning_rate, momentum=momentum, weight_decay=weight_decay
    )
    return velocity


def test_free_energy_sums_the_hidden_states_out(rbm):
    summed = torch.logsumexp(-energies(*rbm.state().values()), 1)
    torch.testing.assert_close(-rbm.free_energy(all_states(VISIBLE)), summed)


def test_up_and_down_are_the_conditional_means(rbm):
    joint = (-energies(*rbm.state().values())).exp()
    given_visible = (joint / joint.sum(1, keepdim=True)) @ all_states(HIDDEN)
    given_hidden = (joint / joint.sum(0)).T @ all_states(VISIBLE)
    torch.testing.assert_close(rbm.up(all_states(VISIBLE)), given_visible)
    torch.testing.assert_close(rbm.down(all_states(HIDDEN)), given_hidden)


def test_update_with_the_exact_model_average_is_the_likelihood_gradient(rbm, data):
    expected = likelihood_gradient(rbm, data)
    states = all_states(VISIBLE)
    hidden = rbm.up(states)
    # the average over rows becomes the expectation once rows are weighted by P(v) times their number
    weights = log_marginal(*rbm.state().values()).exp().unsqueeze(1) * len(states)
    positive = (data, rbm.up(data))
    by_visible = update(rbm, positive, (weights * states, hidden), learning_rate=0.5)
    assert not torch.equal(rbm.up(states), hidden)  # the velocity was added to the parameters
    by_hidden = update(rbm, positive, (states, weights * hidden), learning_rate=0.5)
    torch.testing.assert_close(by_visible.weights, 0.5 * expected["weights"])
    torch.testing.assert_close(by_visible.visible_bias, 0.5 * expected["visible_bias"])
    torch.testing.assert_close(by_hidden.hidden_bias, 0.5 * expected["hidden_bias"])


def test_long_contrastive_divergence_is_the_likelihood_gradient(rbm, data):
    expected = likelihood_gradient(rbm, data)
    generator = torch.Generator().manual_seed(5)
    copies = 20_000
    start = draw_binary(rbm.up(data).repeat(copies, 1), generator=generator)
    visible, hidden = rbm.gibbs(start, 100, generator=generator)
    products = visible.unsqueeze(2) * hidden.unsqueeze(1)
    errors = {
        name: rows.std(0) / math.sqrt(len(rows))
        for name, rows in (("weights", products), ("visible_bias", visible), ("hidden_bias", hidden))
    }
    velocity = update(rbm, (data, rbm.up(data)), (visible, hidden)).state()
    for name, error in errors.items():
        assert ((velocity[name] - expected[name]).abs() <= 5 * error).all(), name


def test_one_step_of_contrastive_divergence_points_uphill(rbm, data):
    expected = likelihood_gradient(rbm, data)
    generator = torch.Generator().manual_seed(6)
    model = rbm.gibbs(draw_binary(rbm.up(data).repeat(5000, 1), generator=generator), 1, generator=generator)
    velocity = update(rbm, (data, rbm.up(data)), model).state()
    assert sum((velocity[name] * expected[name]).sum() for name in expected) > 0


def test_gibbs_chains_reach_the_enumerated_distribution(rbm):
    generator = torch.Generator().manual_seed(8)
    chains = 60_000
    visible, _ = rbm.gibbs(torch.zeros(chains, HIDDEN, dtype=torch.float64), 100, generator=generator)
    probability = log_marginal(*rbm.state().values()).exp()
    frequency = torch.stack([(visible == state).all(1).double().mean() for state in all_states(VISIBLE)])
    standard_error = (probability * (1 - probability) / chains).sqrt()
    assert ((frequency - probability).abs() <= 5 * standard_error).all()


def test_momentum_and_weight_decay(rbm, data):
    positive, negative = (data, rbm.up(data)), (1 - data, rbm.up(1 - data))
    before = rbm.weights.clone()
    gradient = (positive[0].T @ positive[1] - negative[0].T @ negative[1]) / len(data)
    velocity = rbm.zeros_like()
    velocity.weights += 2.0
    velocity.visible_bias += 4.0
    contrastive_update(rbm, velocity, positive, negative, learning_rate=0.1, momentum=0.5, weight_decay=0.2)
    torch.testing.assert_close(velocity.weights, 0.5 * 2.0 + 0.1 * (gradient - 0.2 * before))
    torch.testing.assert_close(velocity.visible_bias, 0.5 * 4.0 + 0.1 * (data.mean(0) - (1 - data).mean(0)))
    torch.testing.assert_close(rbm.weights, before + velocity.weights)


def test_draw_binary_has_the_means():
    means = torch.tensor([0.0, 0.1, 0.5, 1.0]).repeat(40_000, 1)
    drawn = draw_binary(means, generator=torch.Generator().manual_seed(0))
    assert drawn.unique().tolist() == [0, 1]
    standard_error = (means[0] * (1 - means[0]) / len(means)).sqrt()
    assert ((drawn.mean(0) - means[0]).abs() <= 5 * standard_error).all()


def random_images(n: int) -> torch.Tensor:
    return torch.rand(n, 4, generator=torch.Generator().manual_seed(4))


def fit(model: DeepBeliefNetwork, images: torch.Tensor) -> None:
    for _ in model.fit(images, generator=torch.Generator().manual_seed(0)):
        pass


def test_training_finds_two_patterns():
    """Two patterns, equally likely: chains from noise come near both, in equal shares."""
    patterns = torch.tensor([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], dtype=torch.float32)
    model = DeepBeliefNetwork((6,), hidden_sizes=(8, 8), epochs=60, batch_size=10, learning_rate=0.3, particles=50)
    fit(model, patterns.repeat(50, 1))
    n = 200
    samples = model.sample(n, generator=torch.Generator().manual_seed(2))
    distances = torch.cdist(samples, patterns)
    assert distances.amin(1).mean() < 0.4
    share = float((distances[:, 0] < distances[:, 1]).float().mean())
    # the particles are the only memory of the shares: as uncertain as 50 fair coins, 4 standard errors
    assert abs(share - 0.5) <= 4 * math.sqrt(0.25 / 50)


def large_dbn() -> DeepBeliefNetwork:
    """Three layers with parameters of order one, so that draws with other means are other draws."""
    model = DeepBeliefNetwork((4,), hidden_sizes=(6, 5, 3), epochs=1)
    fit(model, random_images(10))
    state, generator = model.state_dict(), torch.Generator().manual_seed(6)
    for layer in state["layers"]:
        for tensor in layer.values():
            tensor.copy_(2 * torch.randn(tensor.shape, generator=generator))
    model.load_state_dict(state)
    return model


def expectation(means: torch.Tensor, of: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """E[of(h)] over all binary states h with independent units of the given means."""
    states = all_states(len(means)).float()
    probability = torch.where(states == 1, means, 1 - means).prod(1)
    return probability @ torch.stack([of(state) for state in states])


def test_binary_states_pass_down_and_means_come_out():
    """The draws of `step_chains` and `chain_samples`, repeated by hand."""
    hidden = torch.randint(2, (200, 3), generator=torch.Generator().manual_seed(5)).float()
    model = large_dbn()
    low, middle, top = model.layers
    generator = torch.Generator().manual_seed(1)
    h2 = draw_binary(top.down(hidden), generator=generator)
    h3 = draw_binary(top.up(h2), generator=generator)
    h1 = draw_binary(middle.down(h2), generator=generator)

    generator = torch.Generator().manual_seed(1)
    state = model.step_chains({"hidden": hidden}, generator=generator)
    assert torch.equal(state["hidden"], h3)
    assert torch.equal(model.chain_samples(state, generator=generator), low.down(h1))


def test_samples_have_the_enumerated_mean():
    """One step from a hidden state, E[x] over all states of the two layers between; means passed down give another."""
    hidden, n = torch.tensor([1.0, 0.0, 0.0]), 20_000
    model = large_dbn()
    low, middle, top = model.layers
    generator = torch.Generator().manual_seed(2)
    state = model.step_chains({"hidden": hidden.expand(n, 3)}, generator=generator)
    samples = model.chain_samples(state, generator=generator)
    standard_error = samples.std(0) / math.sqrt(n)

    h2_means = top.down(hidden)

    def drawn(h2: torch.Tensor) -> torch.Tensor:
        return expectation(middle.down(h2), low.down)

    def passed(h2: torch.Tensor) -> torch.Tensor:
        return low.down(middle.down(h2))

    assert ((samples.mean(0) - expectation(h2_means, drawn)).abs() <= 5 * standard_error).all()
    for mean_field in (drawn(h2_means), expectation(h2_means, passed), passed(h2_means)):
        assert ((samples.mean(0) - mean_field).abs() > 20 * standard_error).any()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_chains_have_the_enumerated_mean_from_any_start(layers):
    """Parameters of order one: the top machine's marginal, passed down in binary draws, from noise and from images."""
    model = DeepBeliefNetwork((VISIBLE,), hidden_sizes=(4, 5, 3)[-layers:], epochs=1)
    fit(model, random_images(10))
    generator = torch.Generator().manual_seed(9)
    for layer in model.layers:
        for tensor in layer.state().values():
            tensor.copy_(1.5 * torch.randn(tensor.shape, generator=generator))
    *below, top = model.layers
    probability = log_marginal(*(tensor.double() for tensor in top.state().values())).exp().float()
    for layer in reversed(below[1:]):
        states = all_states(len(layer.visible_bias)).float()
        means = layer.down(all_states(len(layer.hidden_bias)).float())
        probability = probability @ torch.where(states == 1, means.unsqueeze(1), 1 - means.unsqueeze(1)).prod(2)
    states = all_states(len(below[0].hidden_bias) if below else VISIBLE).float()
    mean = probability @ (below[0].down(states) if below else states)

    chains = 20_000
    assert isinstance(model, MarkovChain)
    for examples in (None, torch.ones(chains, VISIBLE)):
        state = model.start_chains(chains, examples=examples, generator=generator)
        for _ in range(100):
            state = model.step_chains(state, generator=generator)
        samples = model.chain_samples(state, generator=generator)
        assert ((samples.mean(0) - mean).abs() <= 5 * samples.std(0) / math.sqrt(chains)).all()


def test_chains_start_at_the_codes_of_examples_or_at_fair_coins():
    model, n = large_dbn(), 20_000
    image = torch.tensor([0.0, 1.0, 0.3, 0.9])
    generator = torch.Generator().manual_seed(2)
    for examples, mean in ((image.expand(n, 4), model.encode(image.unsqueeze(0))[0]), (None, torch.full((3,), 0.5))):
        hidden = model.start_chains(n, examples=examples, generator=generator)["hidden"]
        assert hidden.shape == (n, 3)
        assert hidden.unique().tolist() == [0, 1]
        assert ((hidden.mean(0) - mean).abs() <= 5 * (mean * (1 - mean) / n).sqrt()).all()


def test_mean_reconstructions(rbm):
    hidden = all_states(HIDDEN)
    visible, means = rbm.gibbs(hidden, 1, generator=torch.Generator().manual_seed(0), mean_visible=True)
    torch.testing.assert_close(visible, rbm.down(hidden))
    torch.testing.assert_close(means, rbm.up(visible))


@pytest.mark.parametrize("mean_reconstructions", [True, False])
def test_only_contrastive_divergence_uses_mean_reconstructions(mean_reconstructions):
    model = DeepBeliefNetwork(
        (4,), hidden_sizes=(3, 3), epochs=1, batch_size=12, mean_reconstructions=mean_reconstructions
    )
    binary = []
    original = RestrictedBoltzmannMachine.gibbs

    def spy(self, *arguments, **settings):
        visible, means = original(self, *arguments, **settings)
        binary.append(bool(((visible == 0) | (visible == 1)).all()))
        return visible, means

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RestrictedBoltzmannMachine, "gibbs", spy)
        fit(model, random_images(12))
    assert binary == [not mean_reconstructions, True]


def test_particles_go_on_from_minibatch_to_minibatch():
    """With Gibbs steps that only flip the hidden units, the particles of a step are the flipped ones of the last."""
    model = DeepBeliefNetwork((4,), hidden_sizes=(3,), epochs=1, batch_size=5, particles=7, gibbs_steps=2)
    seen = []

    def flip(self, hidden, steps, *, generator):
        seen.append((hidden.clone(), steps))  # the particles move in place
        return self.down(hidden), 1 - hidden

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RestrictedBoltzmannMachine, "gibbs", flip)
        fit(model, random_images(12))
    assert [(tuple(hidden.shape), steps) for hidden, steps in seen] == [((7, 3), 2)] * 3
    assert torch.equal(seen[1][0], 1 - seen[0][0])
    assert torch.equal(seen[2][0], seen[0][0])
    assert torch.equal(model.state_dict()["particles"], 1 - seen[0][0])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("gibbs_steps", 0),
        ("gibbs_steps", (1,)),
        ("particles", 0),
        ("weight_decay", -1.0),
        ("mean_reconstructions", 1),
    ],
)
def test_settings_are_checked(setting, value):
    with pytest.raises(ValueError, match=f"^{setting} is .*; accepted: "):
        DeepBeliefNetwork((2, 2), hidden_sizes=(3, 3), **{setting: value})
