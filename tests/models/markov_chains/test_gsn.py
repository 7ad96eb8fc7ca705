from __future__ import annotations

import copy
import io
import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from ganbench_models.markov_chains.gsn import GenerativeStochasticNetwork
from ganbench_models.markov_chains.network import Corruption, TiedNetwork, salt_and_pepper
from ganbench_models.markov_chains.tied_product import add_product
from ganbench_models.markov_chains.walkback import walkback_costs
from ganbench_models.tied_layer import glorot_uniform

from ganbench import GenerativeModel, UserError, torch_generator
from ganbench.model import MarkovChain

SMALL: dict[str, Any] = {"hidden_sizes": (7, 5), "batch_size": 4, "epochs": 3}


def images(n: int = 10, shape: tuple[int, ...] = (2, 3), seed: int = 7) -> torch.Tensor:
    return torch.rand(n, *shape, generator=torch_generator(seed))


def trained(epochs: int = 3, **settings: Any) -> tuple[GenerativeStochasticNetwork, torch.Generator]:
    """A network stopped after `epochs` epochs, and the generator as it stands then."""
    model, generator = GenerativeStochasticNetwork((2, 3), **(SMALL | settings)), torch_generator(0)
    training = model.fit(images(), generator=generator)
    for _ in range(epochs):
        next(training)
    return model, generator


def flat(state: Any) -> list[Any]:
    """The leaves of a nested state, tensors as lists."""
    if isinstance(state, dict):
        return [leaf for key in sorted(state) for leaf in flat(state[key])]
    if isinstance(state, list):
        return [leaf for entry in state for leaf in flat(entry)]
    return [state.tolist()] if isinstance(state, torch.Tensor) else [state]


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


# An independent network in float64: plain matrices [n_in, n_out], formulas in the order of the source.


class ReferenceNetwork:
    def __init__(self, weights: list[torch.Tensor], biases: list[torch.Tensor], corruption: Corruption) -> None:
        self.weights = [w.detach().double().clone().requires_grad_() for w in weights]
        self.biases = [b.detach().double().clone().requires_grad_() for b in biases]
        self.corruption = corruption

    def uniform(self, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
        return torch.rand(shape, generator=generator).double()

    def corrupt(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        u, s = self.uniform(tuple(x.shape), generator), self.corruption.salt_and_pepper
        x = torch.where(u < s, torch.zeros_like(x), x)
        return torch.where(u < s / 2, torch.ones_like(x), x)

    def hidden(self, layers: list[torch.Tensor], i: int, generator: torch.Generator) -> torch.Tensor:
        above = layers[i + 1] @ self.weights[i].T if i + 1 < len(layers) else 0.0
        received = layers[i - 1] @ self.weights[i - 1] + above + self.biases[i]
        if i == 1 and self.corruption.noiseless_h1:
            return torch.tanh(received)
        noise = torch.randn((2, *received.shape), generator=generator).double() * self.corruption.hidden_noise
        return torch.tanh(received + noise[0]) + noise[1]

    def costs(self, x: torch.Tensor, walkbacks: int, generator: torch.Generator) -> list[torch.Tensor]:
        x = x.double()
        layers = [self.corrupt(x, generator)] + [x.new_zeros(len(x), w.shape[1]) for w in self.weights]
        costs = []
        for walkback in range(walkbacks):
            for i in range(1, len(layers), 2):
                layers[i] = self.hidden(layers, i, generator)
            p = torch.sigmoid(layers[1] @ self.weights[0].T + self.biases[0])
            costs.append(-(x * p.log() + (1 - x) * (1 - p).log()).mean())
            if walkback + 1 < walkbacks:
                for i in range(2, len(layers), 2):
                    layers[i] = self.hidden(layers, i, generator)
                layers[0] = self.next_visible(p.detach(), generator)
        return costs

    def next_visible(self, p: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if not self.corruption.input_sampling:
            return self.corrupt(p, generator)
        s = self.corruption.salt_and_pepper
        return (self.uniform(tuple(p.shape), generator) < s / 2 + (1 - s) * p).double()


@pytest.mark.parametrize("noiseless_h1", [True, False])
@pytest.mark.parametrize("input_sampling", [True, False])
@pytest.mark.parametrize(("hidden_sizes", "walkbacks"), [((7,), 3), ((7, 5), 4), ((7, 5), 1), ((7, 5, 4, 3), 4)])
def test_training_is_that_of_an_independent_implementation(
    hidden_sizes: tuple[int, ...], walkbacks: int, noiseless_h1: bool, input_sampling: bool
) -> None:
    """Two epochs of three steps (the last batch is smaller), against plain formulas in float64, draws replayed."""
    momentum, rate, decay = 0.7, 0.8, 0.9
    model = GenerativeStochasticNetwork(
        (2, 3), hidden_sizes=hidden_sizes, walkbacks=walkbacks, noiseless_h1=noiseless_h1, hidden_noise=0.6,
        input_sampling=input_sampling, momentum=momentum, learning_rate=rate, learning_rate_decay=decay,
        batch_size=4, epochs=2,
    )  # fmt: skip
    train = images()
    metrics = list(model.fit(train, generator=torch_generator(3)))

    replay = torch_generator(3)
    sizes = [6, *hidden_sizes]
    weights = [glorot_uniform(n_out, n_in, generator=replay).T for n_in, n_out in pairwise(sizes)]
    network = ReferenceNetwork(weights, [torch.zeros(size) for size in sizes], model.corruption)
    order = torch.randperm(10, generator=replay)
    parameters = [*network.weights, *network.biases]
    averages = [torch.zeros_like(p) for p in parameters]
    for epoch in range(2):
        last_costs = 0.0
        for first in (0, 4, 8):
            batch = train[order[first : first + 4]].reshape(-1, 6)
            costs = network.costs(batch, walkbacks, replay)
            gradients = torch.autograd.grad(sum(costs), parameters, materialize_grads=True, allow_unused=True)
            last_costs += float(costs[-1].detach()) * len(batch)
            with torch.no_grad():
                for i, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
                    averages[i] = momentum * averages[i] + (1 - momentum) * gradient
                    parameter -= rate * decay**epoch * averages[i]
        # tolerances: float32 against float64 over six steps
        assert metrics[epoch]["reconstruction_cross_entropy"] == pytest.approx(last_costs / 10, rel=1e-5)
        assert metrics[epoch]["learning_rate"] == pytest.approx(rate * decay**epoch, rel=1e-12)

    state = model.state_dict()
    for ours, reference in zip(state["weights"], network.weights, strict=True):
        torch.testing.assert_close(ours.double(), reference.detach(), rtol=1e-5, atol=1e-6)
    for ours, reference in zip(state["biases"], network.biases, strict=True):
        torch.testing.assert_close(ours.double(), reference.detach(), rtol=1e-5, atol=1e-6)
    for ours, reference in zip(state["velocity"], averages, strict=True):
        torch.testing.assert_close(ours.double(), reference, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("row", [True, False])
def test_add_product_has_the_gradients_of_autograd(row: bool) -> None:
    generator = torch_generator(0)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    total, source, matrix, upstream = normal(3) if row else normal(4, 3), normal(4, 5), normal(5, 3), normal(4, 3)
    leaves = [t.clone().requires_grad_() for t in (total, source, matrix)]
    expected = torch.autograd.grad(((leaves[0] + leaves[1] @ leaves[2]) * upstream).sum(), leaves)

    gradient = torch.ones(3, 5, dtype=torch.float64).t()  # what is there stays: the product is added
    total.requires_grad_()
    source.requires_grad_()
    (add_product(total, source, matrix, gradient) * upstream).sum().backward()
    torch.testing.assert_close(total.grad, expected[0])
    torch.testing.assert_close(source.grad, expected[1])
    torch.testing.assert_close(gradient, expected[2] + 1)


def test_a_weight_is_used_upwards_and_transposed_downwards() -> None:
    generator = torch_generator(0)
    weights = [torch.randn(4, 3, generator=generator), torch.randn(3, 2, generator=generator)]
    biases = [torch.zeros(4), torch.zeros(3), torch.zeros(2)]
    network = TiedNetwork(weights, biases, Corruption(0.0, 0.0, noiseless_h1=True, input_sampling=False))
    layers = network.start(images(5, (4,)), generator=generator)
    layers[2] = torch.rand(5, 2, generator=generator)
    h1 = network.update_odd(layers, generator=generator)[1]
    torch.testing.assert_close(h1, torch.tanh(layers[0] @ weights[0] + layers[2] @ weights[1].T))
    layers[1] = h1
    logits = network.reconstruct(layers)
    torch.testing.assert_close(logits, h1 @ weights[0].T)
    updated = network.update_even(layers, logits, generator=generator)
    torch.testing.assert_close(updated[0], logits.sigmoid())
    torch.testing.assert_close(updated[2], torch.tanh(h1 @ weights[1]))


def test_no_gradient_flows_through_the_drawn_visible_layer() -> None:
    """The gradient of the second cost is that of a network whose drawn input is handed to it as a constant."""
    generator = torch_generator(0)
    weights, biases = [torch.randn(4, 3, generator=generator)], [torch.zeros(4), torch.zeros(3)]
    gradients = [torch.zeros_like(weight) for weight in weights]
    for bias in biases:
        bias.requires_grad_()
    network = TiedNetwork(weights, biases, Corruption(0.0, 0.4, noiseless_h1=True, input_sampling=True), gradients)
    batch = images(5, (4,))
    walkback_costs(network, batch, 2, generator=torch_generator(1))[1].backward()

    replay = torch_generator(1)
    layers = network.update_odd(network.start(batch, generator=replay), generator=replay)
    drawn = network.update_even(layers, network.reconstruct(layers), generator=replay)[0]
    assert not drawn.requires_grad
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    leaves = [t.detach().clone().requires_grad_() for t in (*weights, *biases)]
    p = torch.sigmoid(torch.tanh(drawn @ leaves[0] + leaves[2]) @ leaves[0].T + leaves[1])
    torch.nn.functional.binary_cross_entropy(p, batch).backward()
    for ours, leaf in zip((*gradients, *(bias.grad for bias in biases)), leaves, strict=True):
        torch.testing.assert_close(ours, leaf.grad)


def test_salt_and_pepper_replaces_the_right_share_by_fair_coins() -> None:
    n, probability, k = 200_000, 0.4, 5
    corrupted = salt_and_pepper(torch.full((n,), 0.3), probability, generator=torch_generator(0))
    for value, share in ((0.0, probability / 2), (1.0, probability / 2), (0.3, 1 - probability)):
        met = float((corrupted == torch.tensor(value)).double().mean())
        assert abs(met - share) < k * math.sqrt(share * (1 - share) / n)
    untouched = torch.rand(50, generator=torch_generator(1))
    assert torch.equal(salt_and_pepper(untouched, 0.0, generator=torch_generator(2)), untouched)


def test_the_visible_layer_is_a_bernoulli_draw_then_salted_and_peppered() -> None:
    n, mean, probability, k = 200_000, 0.9, 0.4, 5
    biases = [torch.tensor([math.log(mean / (1 - mean))]), torch.zeros(1)]
    network = TiedNetwork([torch.zeros(1, 1)], biases, Corruption(0.0, probability, True, True))
    layers = [torch.zeros(n, 1), torch.zeros(n, 1)]
    drawn = network.update_even(layers, network.reconstruct(layers), generator=torch_generator(0))[0]
    share = probability * 0.5 + (1 - probability) * mean
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert abs(float(drawn.mean()) - share) < k * math.sqrt(share * (1 - share) / n)


def test_hidden_noise_has_the_stated_deviation_before_and_after_the_activation() -> None:
    """tanh of saturated noise is ±1 (variance 1 - ε), to which noise of variance s² is added."""
    n, scale, k = 200_000, 2.0, 5
    network = TiedNetwork(
        [torch.zeros(1, 1)], [torch.zeros(1), torch.full((1,), 0.5)], Corruption(scale, 0, False, True)
    )
    h1 = network.update_odd([torch.zeros(n, 1), None], generator=torch_generator(0))[1]
    grid = torch.linspace(-8, 8, 100_001, dtype=torch.float64)
    density = torch.exp(-(grid**2) / 2)
    inner = torch.tanh(0.5 + scale * grid)
    mean = float((inner * density).sum() / density.sum())
    variance = float(((inner - mean) ** 2 * density).sum() / density.sum()) + scale**2
    assert abs(float(h1.mean()) - mean) < k * math.sqrt(variance / n)
    # the fourth central moment of a sum of a bounded part and a normal part is below 3 variance²
    assert abs(float(h1.var()) - variance) < k * variance * math.sqrt(2 / n)


def test_initial_weights_fill_the_range_of_glorot() -> None:
    model = GenerativeStochasticNetwork((300,), hidden_sizes=(200,), epochs=1, learning_rate=1e-12)
    next(model.fit(images(2, (300,)), generator=torch_generator(0)))
    (weight,), bound = model.state_dict()["weights"], math.sqrt(6 / (300 + 200))
    assert weight.shape == (300, 200)
    assert 0.999 * bound < float(weight.max()) <= bound
    assert -bound <= float(weight.min()) < -0.999 * bound
    assert abs(float(weight.mean())) < 5 * bound / math.sqrt(3 * weight.numel())


def test_biases_start_where_the_mean_image_passes_through_the_visible_layer_and_leaves_h1_alone() -> None:
    """p is the clipped mean at h1 = 0, and h1 = 0 at the mean of corrupted images; both to the noise of float32."""
    train = images(50, (6,)) * torch.tensor([0.0, 1.0, 1.0, 0.5, 0.2, 1e-4])
    train[:, 1] = 1.0
    settings: dict[str, Any] = {"hidden_sizes": (7, 5), "epochs": 1, "learning_rate": 1e-12, "salt_and_pepper": 0.3}
    model = GenerativeStochasticNetwork((6,), **settings, biases_from_mean=True)
    next(model.fit(train, generator=torch_generator(0)))
    (w1, _), (b0, b1, b2) = model.weights, model.biases
    mean = train.double().mean(0)
    expected = mean.clone()
    expected[[0, 1, 5]] = torch.tensor([0.001, 0.999, 0.001], dtype=torch.float64)
    torch.testing.assert_close(torch.sigmoid(b0.double()), expected, rtol=1e-4, atol=1e-6)
    corrupted = mean * 0.7 + 0.5 * 0.3
    torch.testing.assert_close(corrupted @ w1.double() + b1, torch.zeros(7, dtype=torch.float64), rtol=0, atol=1e-6)
    assert float(b2.abs().max()) < 1e-9

    plain = GenerativeStochasticNetwork((6,), **settings)
    next(plain.fit(train, generator=torch_generator(0)))
    for weight, other in zip(plain.weights, model.weights, strict=True):
        torch.testing.assert_close(weight, other)  # nothing else is drawn
    assert max(float(bias.abs().max()) for bias in plain.biases) < 1e-9


def test_with_biases_from_the_mean_chains_from_noise_come_to_the_images() -> None:
    """Two prototypes, mostly off. Without, the negative image holds what begins half on."""
    train = torch.zeros(2, 40)
    train[0, :6], train[1, 6:12] = 1.0, 1.0
    train = train.repeat(50, 1)
    settings: dict[str, Any] = {
        "hidden_sizes": (20, 20), "hidden_noise": 0.5, "salt_and_pepper": 0.1, "learning_rate": 2.0, "epochs": 30,
        "batch_size": 10,
    }  # fmt: skip
    distance = {}
    for biases_from_mean in (True, False):
        model = GenerativeStochasticNetwork((40,), **settings, biases_from_mean=biases_from_mean)
        list(model.fit(train, generator=torch_generator(0)))
        distance[biases_from_mean] = (
            torch.cdist(model.sample(200, generator=torch_generator(1)), train[:2]).min(1).values
        )
    assert float((distance[True] < 1).double().mean()) > 0.95
    assert float((distance[False] < 1).double().mean()) < 0.05


def test_sampling_has_its_own_hidden_noise_and_training_does_not_see_it() -> None:
    """The deviation of h2 about tanh of its preactivation, its noise before the activation being lost in saturation."""
    plain, _ = trained(2, hidden_noise=0.5)
    noisy, _ = trained(2, hidden_noise=0.5, sampling_hidden_noise=3.0)
    assert flat(noisy.state_dict()) == flat(plain.state_dict())
    n, k = 20_000, 5
    for model, scale in ((plain, 0.5), (noisy, 3.0)):
        model.biases[2] = torch.full((5,), 100.0)
        state = model.start_chains(n, generator=torch_generator(0))
        h2 = model.step_chains(state, generator=torch_generator(1))["layers"][2]
        assert abs(float((h2 - 1).std()) - scale) < k * scale / math.sqrt(2 * h2.numel())


def test_the_learning_rate_decays_once_an_epoch() -> None:
    model = GenerativeStochasticNetwork((2, 3), **SMALL, learning_rate=0.2, learning_rate_decay=0.5)
    rates = [m["learning_rate"] for m in model.fit(images(), generator=torch_generator(0))]
    assert rates == pytest.approx([0.2, 0.1, 0.05], rel=1e-12)


def test_training_lowers_the_cross_entropy() -> None:
    """Two prototypes: a network that learns ends well below the entropy of the mean image, ln 2."""
    train = torch.tensor([[1.0, 0.0] * 4, [0.0, 1.0] * 4]).repeat(20, 1)
    model = GenerativeStochasticNetwork((8,), hidden_sizes=(20, 20), hidden_noise=0.5, epochs=60, batch_size=10)
    costs = [m["reconstruction_cross_entropy"] for m in model.fit(train, generator=torch_generator(0))]
    assert costs[-1] < 0.5 * math.log(2)
    samples = model.sample(200, generator=torch_generator(1))
    distance = torch.cdist(samples, train[:2])
    assert float((distance.min(1).values < 1).double().mean()) > 0.8
    assert set(distance.argmin(1).tolist()) == {0, 1}


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_stopping_and_going_on_gives_the_same_bits(epoch: int) -> None:
    undisturbed, end = trained(3)
    stopped, generator = trained(epoch)
    state, random_state = through_a_file(stopped.state_dict()), generator.get_state()
    resumed = GenerativeStochasticNetwork((2, 3), **SMALL)
    resumed.load_state_dict(state)
    later = torch.Generator()
    later.set_state(random_state)
    assert len(list(resumed.fit(images(), generator=later))) == 3 - epoch
    assert flat(resumed.state_dict()) == flat(undisturbed.state_dict())
    assert torch.equal(later.get_state(), end.get_state())
    samples = [m.sample(5, generator=torch_generator(9)) for m in (resumed, undisturbed)]
    assert torch.equal(*samples)


def test_a_loaded_state_is_a_copy() -> None:
    model, _ = trained(1)
    other = GenerativeStochasticNetwork((2, 3), **SMALL)
    other.load_state_dict(model.state_dict())
    before = flat(model.state_dict())
    list(other.fit(images(), generator=torch_generator(5)))
    assert flat(model.state_dict()) == before


def test_sampling_does_not_change_later_training() -> None:
    model, generator = trained(1)
    model.sample(4, generator=torch_generator(9))
    list(model.fit(images(), generator=generator))
    undisturbed, _ = trained(3)
    assert flat(model.state_dict()) == flat(undisturbed.state_dict())


@pytest.mark.parametrize("n", [1, 7])
def test_samples_are_visible_means(n: int) -> None:
    model, _ = trained(1)
    samples = model.sample(n, generator=torch_generator(9))
    assert samples.shape == (n, 2, 3)
    assert samples.dtype == torch.float32
    assert not samples.requires_grad
    assert bool(((samples > 0) & (samples < 1)).all())
    assert torch.equal(samples, model.sample(n, generator=torch_generator(9)))
    assert not torch.equal(samples, model.sample(n, generator=torch_generator(10)))


def test_the_first_sample_of_a_chain_is_the_reconstruction_of_its_corrupted_start() -> None:
    model, _ = trained(2)
    state, replay, generator = model.state_dict(), torch_generator(9), torch_generator(9)
    examples = images(4, seed=8)
    x = salt_and_pepper(examples.reshape(4, 6), 0.4, generator=replay)
    (w1, _), (b0, b1, _) = state["weights"], state["biases"]
    expected = torch.sigmoid(torch.tanh(x @ w1 + b1) @ w1.T + b0)
    after = model.step_chains(model.start_chains(4, examples=examples, generator=generator), generator=generator)
    torch.testing.assert_close(model.chain_samples(after, generator=generator).reshape(4, 6), expected)


def test_the_chain_can_be_taken_step_by_step() -> None:
    """From noise, the steps give what `sample` gives; a state that has been gone on from is as it was."""
    model, _ = trained(2)
    assert isinstance(model, MarkovChain)
    generator = torch_generator(9)
    at = model.start_chains(3, generator=generator)
    for _ in range(model.sampling_steps):
        before = copy.deepcopy(at)
        after = model.step_chains(at, generator=generator)
        assert flat(at) == flat(before)
        at = through_a_file(after)
    samples = model.chain_samples(at, generator=generator)
    assert torch.equal(samples, model.sample(3, generator=torch_generator(9)))


def test_the_network_is_a_model_and_leaves_its_input_alone() -> None:
    train = images()
    before = train.clone()
    model = GenerativeStochasticNetwork((2, 3), **SMALL)
    assert isinstance(model, GenerativeModel)
    assert model.total_epochs == len(list(model.fit(train, generator=torch_generator(0)))) == 3
    assert list(model.fit(train, generator=torch_generator(0))) == []
    assert torch.equal(train, before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_sizes": ()},
        {"hidden_sizes": (5, 0)},
        {"hidden_sizes": 5},
        {"walkbacks": 0},
        {"walkbacks": (1, 2)},
        {"noiseless_h1": 1},
        {"input_sampling": "yes"},
        {"hidden_noise": -1.0},
        {"hidden_noise": math.nan},
        {"salt_and_pepper": 1.5},
        {"learning_rate": 0.0},
        {"momentum": 1.0},
        {"learning_rate_decay": 1.1},
        {"batch_size": 0},
        {"epochs": 2.5},
        {"biases_from_mean": 1},
        {"sampling_hidden_noise": -0.1},
    ],
)
def test_a_hyperparameter_out_of_range_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))} is .*; accepted: "):
        GenerativeStochasticNetwork((2, 3), **wrong)


def test_an_untrained_network_cannot_be_sampled() -> None:
    with pytest.raises(ValueError, match="GenerativeStochasticNetwork has not been trained"):
        GenerativeStochasticNetwork((2, 3)).sample(1, generator=torch_generator(0))


def test_training_images_that_do_not_fit_are_refused() -> None:
    model, generator = trained(1)
    with pytest.raises(UserError, match=r"shape \[10, 3, 2\]; accepted: \[n, 2, 3\]"):
        next(model.fit(images(shape=(3, 2)), generator=generator))
    with pytest.raises(UserError, match="began with 10 images and cannot go on with 9"):
        next(model.fit(images(9), generator=generator))
    with pytest.raises(UserError, match=r"accepted: values in \[0, 1\]"):
        next(model.fit(2 * images() - 1, generator=generator))


def test_a_state_of_another_network_is_refused() -> None:
    model, _ = trained(1)
    with pytest.raises(ValueError, match=r"weights of shapes \[\(6, 7\), \(7, 5\)\]"):
        GenerativeStochasticNetwork((2, 3), hidden_sizes=(7, 4)).load_state_dict(model.state_dict())


def test_divergence_is_reported() -> None:
    model = GenerativeStochasticNetwork((2, 3), **SMALL, learning_rate=1e38)
    with pytest.raises(UserError, match=r"diverged: its cross-entropy in epoch \d is (nan|inf)\. .*below 1e\+38"):
        list(model.fit(images(), generator=torch_generator(0)))
