"""The generative stochastic network as a model of the harness."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch

from ganbench import UserError
from ganbench.modelling import Replayed, resolve_precision
from ganbench_models.chains import ChainSettings, run_chains
from ganbench_models.markov_chains.network import Corruption, Layers, TiedNetwork, glorot_uniform
from ganbench_models.markov_chains.walkback import walkback_costs

__all__ = ["GenerativeStochasticNetwork"]

CHAIN_STARTS = ("train", "noise")


class GenerativeStochasticNetwork:
    r"""Deep generative stochastic network trained by walkback, sampled as a Markov chain.

    With hidden layers h1, …, hK (tanh), tied weights W_i, σ the logistic function and N, N' fresh standard normal
    noise, one update is::

        h_i = tanh(W_i h_(i-1) + W_(i+1)ᵀ h_(i+1) + b_i + s·N) + s·N'   for odd i; h1 without noise
        p   = σ(W_1ᵀ h1 + b_0)                                          the reconstruction, and the sample
        x   = salt-and-pepper(Bernoulli(p))
        h_i = the same formula                                          for even i

    Training minimises the sum over `walkbacks` updates of the cross-entropy between p and the clean image, in nats per
    pixel. With g the gradient, m ← momentum·m + (1 - momentum)·g and θ ← θ - rate·m (a moving average: momentum does
    not enlarge the step), and the rate is multiplied by `learning_rate_decay` after every epoch. Images are put in a
    random order once and then keep it.

    Samples are the real-valued visible means p. The published program runs one chain from an image of the test set,
    keeps each of its 9,999 steps and stores the clean start image itself as the first row. Here the start images are
    training images (or noise) and never stored as samples, and by default many chains run side by side with burn-in and
    thinning: many starts cover the modes that one chain visits slowly. With little corruption the chains mix slowly,
    and the burn-in need not be enough to forget the start; from noise, some chains stay in states far from any image.
    `chains=1, burn_in=0, thinning=1` is the single chain of the program.

    Source: *Deep Generative Stochastic Networks Trainable by Backprop*, Y. Bengio, E. Thibodeau-Laufer, G. Alain,
    J. Yosinski, 2014; the defaults are those of the program its authors published, except for the chains.

    Args:
        event_shape: Shape of one image; pixels are in [0, 1].
        device: Where parameters and samples live.
        hidden_sizes: Units of the hidden layers, from the lowest to the highest.
        walkbacks: Updates of the chain in one training step.
        hidden_noise: s, the standard deviation of the noise before and after the activation of hidden units.
        salt_and_pepper: Probability that a pixel of the network's input is replaced by a fair coin.
        learning_rate: Rate of the first epoch.
        momentum: Weight of the past in the moving average of gradients, in [0, 1).
        learning_rate_decay: Factor on the rate after every epoch, in (0, 1].
        batch_size: Images in a minibatch; the last one of an epoch may be smaller.
        epochs: Passes over the training images.
        precision: Data type of activations and gradients in training, "float32" or "bfloat16"; parameters and averages
            of gradients stay in float32.
        noiseless_h1: Whether the first hidden layer is free of noise.
        input_sampling: Whether the visible layer is drawn from its means before it is corrupted.
        chains: Chains that are sampled side by side.
        burn_in: Updates of every chain before the first sample.
        thinning: Updates from one sample of a chain to the next.
        chain_start: "train" starts chains at training images, "noise" at uniform noise.

    Raises:
        ValueError: A hyper-parameter is out of its range.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        device: str | torch.device = "cpu",
        hidden_sizes: Sequence[int] = (1500, 1500),
        walkbacks: int = 4,
        hidden_noise: float = 2.0,
        salt_and_pepper: float = 0.4,
        learning_rate: float = 0.25,
        momentum: float = 0.5,
        learning_rate_decay: float = 0.995,
        batch_size: int = 100,
        epochs: int = 1000,
        precision: str = "float32",
        noiseless_h1: bool = True,
        input_sampling: bool = True,
        chains: int = 1000,
        burn_in: int = 100,
        thinning: int = 10,
        chain_start: str = "train",
    ) -> None:
        _check_counts(walkbacks=walkbacks, batch_size=batch_size, epochs=epochs)
        _check_sizes("event_shape", event_shape)
        _check_sizes("hidden_sizes", hidden_sizes)
        _check_rates(learning_rate, momentum, learning_rate_decay)
        if chain_start not in CHAIN_STARTS:
            raise ValueError(f"chain_start must be one of {', '.join(CHAIN_STARTS)}, not {chain_start!r}.")
        self.event_shape, self.device = tuple(event_shape), torch.device(device)
        self.sizes = (math.prod(event_shape), *hidden_sizes)
        self.corruption = Corruption(hidden_noise, salt_and_pepper, noiseless_h1, input_sampling)
        self.walkbacks, self.batch_size, self.total_epochs = walkbacks, batch_size, epochs
        self.learning_rate, self.momentum, self.learning_rate_decay = learning_rate, momentum, learning_rate_decay
        self.chain_settings, self.chain_start = ChainSettings(chains, burn_in, thinning), chain_start
        self.precision = resolve_precision(precision)
        self.epoch = 0
        self._tensors: dict[str, list[torch.Tensor]] = {}

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        """Train to the last epoch; see `ganbench.model`.

        Yields:
            `reconstruction_cross_entropy`: of the last reconstruction of the walkback, nats per pixel, mean over the
            epoch. `learning_rate`: the rate of the epoch.

        Raises:
            ValueError: `train` is empty, has another shape, or another number of images than training began with.
            UserError: Training diverged.
        """
        images = self._flattened(train)
        if not self._tensors:
            self._begin(images, generator)
        while self.epoch < self.total_epochs:
            rate = self.learning_rate * self.learning_rate_decay**self.epoch
            cross_entropy = float(self._train_epoch(images, rate, generator))
            self.epoch += 1
            self._require_finite(cross_entropy)
            yield {"reconstruction_cross_entropy": cross_entropy, "learning_rate": rate}

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """The visible means of `n` states of the chains, `[n, *event_shape]`.

        Raises:
            ValueError: The model has not been trained, or `n` is below 1.
        """
        if not self._tensors:
            raise ValueError("This network has no parameters yet: train it with fit, or load a state, before sampling.")
        network = TiedNetwork(self._tensors["weights"], self._tensors["biases"], self.corruption)

        def start(chains: int) -> Layers:
            return network.start(self._chain_starts(chains, generator), generator=generator)

        def step(layers: Layers) -> tuple[Layers, torch.Tensor]:
            layers = network.update_odd(layers, generator=generator)
            logits = network.reconstruct(layers)
            return network.update_even(layers, logits, generator=generator), logits.sigmoid()

        return run_chains(step, start, n, self.chain_settings).reshape(n, *self.event_shape)

    def state_dict(self) -> dict[str, Any]:
        """The epoch and, once training has begun, parameters, gradient averages, image order and start images."""
        return {
            "epoch": self.epoch,
            "tensors": {name: list(tensors) for name, tensors in self._tensors.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy a state of a network that was constructed alike.

        Raises:
            ValueError: The parameters have other shapes than those of this network.
        """
        tensors = {name: [t.to(self.device, copy=True) for t in group] for name, group in state["tensors"].items()}
        met = [tuple(t.shape) for t in tensors.get("weights", [])]
        if tensors and met != self._weight_shapes():
            raise ValueError(
                f"The state has weights of shapes {met}, this network {self._weight_shapes()}: "
                "construct it with the event_shape and hidden_sizes of the network that was saved."
            )
        self.epoch, self._tensors = state["epoch"], tensors

    def _flattened(self, train: torch.Tensor) -> torch.Tensor:
        """`train` as `[n, d]`, after a check that it is what this network is trained on."""
        if tuple(train.shape[1:]) != self.event_shape or len(train) == 0:
            raise ValueError(f"train must be [n, {', '.join(map(str, self.event_shape))}], not {list(train.shape)}.")
        if self._tensors and len(train) != len(self._tensors["order"][0]):
            began = len(self._tensors["order"][0])
            raise ValueError(f"Training began with {began} images and cannot go on with {len(train)}.")
        return train.reshape(len(train), -1)

    def _begin(self, images: torch.Tensor, generator: torch.Generator) -> None:
        """Draw parameters and the order of the images; keep as many images as there are chains to start."""
        weights = [glorot_uniform(n_in, n_out, generator=generator) for n_out, n_in in self._weight_shapes()]
        biases = [torch.zeros(size, device=self.device) for size in self.sizes]
        order = torch.randperm(len(images), generator=generator, device=self.device)
        self._tensors = {
            "weights": weights,
            "biases": biases,
            "averages": [torch.zeros_like(p) for p in (*weights, *biases)],
            "order": [order],
            "starts": [images[order[: self.chain_settings.chains]]],
        }

    def _train_epoch(self, images: torch.Tensor, rate: float, generator: torch.Generator) -> torch.Tensor:
        """One pass over the images; returns the mean of the last reconstruction's cost."""
        step = Replayed(lambda batch: self._update(batch, rate, generator), generator)
        total = torch.zeros((), device=self.device)
        for rows in self._tensors["order"][0].split(self.batch_size):
            total += step(images[rows]) * len(rows)
        return total / len(images)

    def _update(self, images: torch.Tensor, rate: float, generator: torch.Generator) -> torch.Tensor:
        """One step of descent on a minibatch; returns the cost of its last reconstruction."""
        weights, biases, averages = (self._tensors[name] for name in ("weights", "biases", "averages"))
        for average in averages:
            average.mul_(self.momentum)
        of_weights, of_biases = averages[: len(weights)], averages[len(weights) :]
        leaves = [bias.detach().requires_grad_() for bias in biases]
        for leaf, average in zip(leaves, of_biases, strict=True):
            leaf.grad = average  # the backward pass adds to it, as it adds to the weights'
        low_weights, low_biases = ([t.to(self.precision) for t in tensors] for tensors in (weights, leaves))
        network = TiedNetwork(low_weights, low_biases, self.corruption, of_weights)
        costs = walkback_costs(network, images, self.walkbacks, generator=generator)
        (costs.sum() * (1 - self.momentum)).backward()
        with torch.no_grad():
            for parameter, average in zip((*weights, *biases), averages, strict=True):
                parameter.add_(average, alpha=-rate)
        return costs[-1].detach()

    def _weight_shapes(self) -> list[tuple[int, int]]:
        return [(n_out, n_in) for n_in, n_out in pairwise(self.sizes)]

    def _chain_starts(self, chains: int, generator: torch.Generator) -> torch.Tensor:
        """`[chains, d]`: the images kept for the purpose, over again where there are too few, or uniform noise."""
        if self.chain_start == "noise":
            return torch.rand(chains, self.sizes[0], generator=generator, device=self.device)
        starts = self._tensors["starts"][0]
        return starts[torch.arange(chains, device=self.device) % len(starts)]

    def _require_finite(self, cross_entropy: float) -> None:
        if not math.isfinite(cross_entropy):
            raise UserError(
                f"The generative stochastic network diverged: its cross-entropy in epoch {self.epoch} is "
                f"{cross_entropy}. Use a learning_rate below {self.learning_rate:g}; check that pixels are in [0, 1]."
            )


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {count!r}.")


def _check_sizes(name: str, sizes: Sequence[int]) -> None:
    if not sizes or not all(isinstance(size, int) and size >= 1 for size in sizes):
        raise ValueError(f"{name} must be one or more whole numbers of at least 1, not {sizes!r}.")


def _check_rates(learning_rate: float, momentum: float, learning_rate_decay: float) -> None:
    if not 0 < learning_rate < float("inf"):
        raise ValueError(f"learning_rate must be a finite number above 0, not {learning_rate!r}.")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be at least 0 and below 1, not {momentum!r}.")
    if not 0 < learning_rate_decay <= 1:
        raise ValueError(f"learning_rate_decay must be above 0 and at most 1, not {learning_rate_decay!r}.")
