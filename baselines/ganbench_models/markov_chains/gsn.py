"""The generative stochastic network as a model of the harness."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch

from ganbench import UserError
from ganbench.modelling import Replayed, check_flag, check_integer, check_number, resolve_precision
from ganbench_models.chains import ChainSampler
from ganbench_models.images import flat_images
from ganbench_models.markov_chains.network import Corruption, TiedNetwork
from ganbench_models.markov_chains.walkback import walkback_costs
from ganbench_models.tied_layer import glorot_uniform

__all__ = ["GenerativeStochasticNetwork"]

MEAN_RANGE = (0.001, 0.999)  # of the mean of a pixel whose logit is a bias: many pixels are always off


class GenerativeStochasticNetwork(ChainSampler):
    r"""Deep generative stochastic network trained by walkback, sampled as a Markov chain.

    With hidden layers h1, …, hK (tanh), tied weights W_i, σ the logistic function and N, N' fresh standard normal
    noise, one update is::

        h_i = tanh(h_(i-1) W_i + h_(i+1) W_(i+1)ᵀ + b_i + s·N) + s·N'   for odd i; h1 without noise
        p   = σ(h1 W_1ᵀ + b_0)                                          the reconstruction, and the sample
        x   = salt-and-pepper(Bernoulli(p))
        h_i = the same formula                                          for even i

    Training minimises the sum over `walkbacks` updates of the cross-entropy between p and the clean image, in nats per
    pixel. With g the gradient, v ← momentum·v + (1 - momentum)·g and θ ← θ - learning_rate·v (the velocity is a moving
    average of gradients: momentum does not enlarge the step), and the learning rate is multiplied by
    `learning_rate_decay` after every epoch. Images are put in a random order once and then keep it.

    With biases that start at 0 the hidden units come to carry the mean image. As tanh is odd, the negative image is
    then a state that chains do not leave, and those from noise end there; biases that start from the mean prevent it.
    Walkback trains the highest layers to remember the image: to make chains forget it, more hidden noise in sampling
    alone costs less quality than more noise in both.

    Samples are the real-valued visible means p. The published program runs one chain from an image of the test set,
    keeps each of its 9,999 steps and stores the clean start image itself as the first row; here the harness decides.

    Source: *Deep Generative Stochastic Networks Trainable by Backprop*, Y. Bengio, E. Thibodeau-Laufer, G. Alain,
    J. Yosinski, 2014; the defaults are those of the program its authors published. It too can start b_0 from the mean.

    Args:
        event_shape: Shape of one image; pixels are in [0, 1].
        device: Where parameters and samples live.
        hidden_sizes: Units of the hidden layers, from the lowest to the highest.
        walkbacks: Updates of the chain in one training step.
        hidden_noise: s, the standard deviation of the noise before and after the activation of hidden units.
        salt_and_pepper: Probability that a pixel of the network's input is replaced by a fair coin.
        learning_rate: Of the first epoch.
        momentum: Factor on the old velocity, in [0, 1).
        learning_rate_decay: Factor on the learning rate after every epoch, in (0, 1].
        batch_size: Images in a minibatch; the last one of an epoch may be smaller.
        epochs: Passes over the training images.
        precision: Data type of activations and gradients in training, "float32" or "bfloat16"; parameters and
            velocities stay in float32.
        noiseless_h1: Whether the first hidden layer is free of noise.
        input_sampling: Whether the visible layer is drawn from its means before it is corrupted.
        biases_from_mean: Whether the biases of the two lowest layers start from the mean training image m rather than
            at 0: b_0 at the logit of m (clipped to [0.001, 0.999]), b_1 such that the corrupted m gives h1 no input.
        sampling_hidden_noise: s while sampling; None for that of training.

    Raises:
        ValueError: A hyper-parameter is out of its range.
    """

    sampling_hyperparameters = ("sampling_hidden_noise",)

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
        biases_from_mean: bool = False,
        sampling_hidden_noise: float | None = None,
    ) -> None:
        check_integer("event_shape", event_shape, each=True)
        check_integer("hidden_sizes", hidden_sizes, each=True)
        check_integer("walkbacks", walkbacks)
        check_integer("batch_size", batch_size)
        check_integer("epochs", epochs)
        check_number("learning_rate", learning_rate, above=0)
        check_number("momentum", momentum, least=0, below=1)
        check_number("learning_rate_decay", learning_rate_decay, above=0, most=1)
        check_flag("biases_from_mean", biases_from_mean)
        self.event_shape, self.device = tuple(event_shape), torch.device(device)
        self.sizes = (math.prod(event_shape), *hidden_sizes)
        self.corruption = Corruption(hidden_noise, salt_and_pepper, noiseless_h1, input_sampling)
        self.sampling_corruption = self.corruption
        if sampling_hidden_noise is not None:
            check_number("sampling_hidden_noise", sampling_hidden_noise, least=0)
            self.sampling_corruption = replace(self.corruption, hidden_noise=sampling_hidden_noise)
        self.biases_from_mean = biases_from_mean
        self.walkbacks, self.batch_size, self.total_epochs = walkbacks, batch_size, epochs
        self.learning_rate, self.momentum, self.learning_rate_decay = learning_rate, momentum, learning_rate_decay
        self.precision = resolve_precision(precision)
        self.epoch = 0
        self.weights: list[torch.Tensor] = []  # [n_(i-1), n_i], none before training begins
        self.biases: list[torch.Tensor] = []
        self.velocity: list[torch.Tensor] = []  # of the weights, then of the biases
        self._order = torch.empty(0, dtype=torch.int64)  # in which the images are gone through

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        """Train to the last epoch; see `ganbench.model`.

        Yields:
            `reconstruction_cross_entropy`: of the last reconstruction of the walkback, nats per pixel, mean over the
            epoch. `learning_rate`: the rate of the epoch.

        Raises:
            UserError: The images have another shape, leave [0, 1], or are not as many as training began with; or
                training diverged.
        """
        images = flat_images(train, self.event_shape)
        if not self.weights:
            self._begin(images, generator)
        if len(images) != len(self._order):
            raise UserError(f"Training began with {len(self._order)} images and cannot go on with {len(images)}.")
        while self.epoch < self.total_epochs:
            learning_rate = self.learning_rate * self.learning_rate_decay**self.epoch
            cross_entropy = float(self._train_epoch(images, learning_rate, generator))
            self.epoch += 1
            self._require_finite(cross_entropy)
            yield {"reconstruction_cross_entropy": cross_entropy, "learning_rate": learning_rate}

    def step_chains(self, state: Mapping[str, Any], *, generator: torch.Generator) -> dict[str, Any]:
        """One update of all layers."""
        network = self._network()
        layers = network.update_odd(state["layers"], generator=generator)
        logits = network.reconstruct(layers)
        return {"layers": network.update_even(layers, logits, generator=generator), "logits": logits}

    def chain_samples(self, state: Mapping[str, Any], *, generator: torch.Generator) -> torch.Tensor:
        """The visible means of the last update."""
        return state["logits"].sigmoid().reshape(-1, *self.event_shape)

    def _start_at(self, images: torch.Tensor, generator: torch.Generator) -> dict[str, Any]:
        return {"layers": self._network().start(images, generator=generator)}

    def _network(self) -> TiedNetwork:
        return TiedNetwork(self.weights, self.biases, self.sampling_corruption)

    def state_dict(self) -> dict[str, Any]:
        """The epoch, the parameters, their velocity and the order of the images."""
        return {
            "epoch": self.epoch,
            "weights": list(self.weights),
            "biases": list(self.biases),
            "velocity": list(self.velocity),
            "order": self._order,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy a state of a network that was constructed alike.

        Raises:
            ValueError: The parameters have other shapes than those of this network.
        """
        met, own = [tuple(weight.shape) for weight in state["weights"]], list(pairwise(self.sizes))
        if met and met != own:
            raise ValueError(
                f"The state has weights of shapes {met}, this network {own}: "
                "construct it with the event_shape and hidden_sizes of the network that was saved."
            )
        self.weights, self.biases, self.velocity = (
            [tensor.to(self.device, copy=True) for tensor in state[name]] for name in ("weights", "biases", "velocity")
        )
        self._order = state["order"].to(self.device, copy=True)
        self.epoch = int(state["epoch"])

    def _begin(self, images: torch.Tensor, generator: torch.Generator) -> None:
        """Draw parameters and the order of the images."""
        # drawn, and lying in memory, as their transposes: a float32 step is then faster by a tenth
        self.weights = [glorot_uniform(n_out, n_in, generator=generator).T for n_in, n_out in pairwise(self.sizes)]
        self.biases = [torch.zeros(size, device=self.device) for size in self.sizes]
        if self.biases_from_mean:
            mean, replaced = images.mean(0), self.corruption.salt_and_pepper
            self.biases[0] = mean.clamp(*MEAN_RANGE).logit()
            self.biases[1] = -((1 - replaced) * mean + replaced / 2) @ self.weights[0]
        self.velocity = [torch.zeros_like(parameter) for parameter in (*self.weights, *self.biases)]
        self._order = torch.randperm(len(images), generator=generator, device=self.device)

    def _train_epoch(self, images: torch.Tensor, learning_rate: float, generator: torch.Generator) -> torch.Tensor:
        """One pass over the images; returns the mean of the last reconstruction's cost."""
        step = Replayed(lambda batch: self._update(batch, learning_rate, generator), generator)
        total = torch.zeros((), device=self.device)
        for rows in self._order.split(self.batch_size):
            total += step(images[rows]) * len(rows)
        return total / len(images)

    def _update(self, images: torch.Tensor, learning_rate: float, generator: torch.Generator) -> torch.Tensor:
        """One step of gradient descent on a minibatch; returns the cost of its last reconstruction."""
        for velocity in self.velocity:
            velocity.mul_(self.momentum)
        layers = len(self.weights)
        leaves = [bias.detach().requires_grad_() for bias in self.biases]
        for leaf, velocity in zip(leaves, self.velocity[layers:], strict=True):
            leaf.grad = velocity  # the backward pass adds to it, as it adds to the weights'
        weights, biases = ([tensor.to(self.precision) for tensor in tensors] for tensors in (self.weights, leaves))
        network = TiedNetwork(weights, biases, self.corruption, self.velocity[:layers])
        costs = walkback_costs(network, images, self.walkbacks, generator=generator)
        (costs.sum() * (1 - self.momentum)).backward()
        with torch.no_grad():
            for parameter, velocity in zip((*self.weights, *self.biases), self.velocity, strict=True):
                parameter.add_(velocity, alpha=-learning_rate)
        return costs[-1].detach()

    def _require_finite(self, cross_entropy: float) -> None:
        if not math.isfinite(cross_entropy):
            raise UserError(
                f"The generative stochastic network diverged: its cross-entropy in epoch {self.epoch} is "
                f"{cross_entropy}. Use a learning_rate below {self.learning_rate:g}."
            )
