"""The layers of a deep generative stochastic network: tied weights, noisy updates, a visible layer that is resampled.

Source: *Deep Generative Stochastic Networks Trainable by Backprop*, Y. Bengio, E. Thibodeau-Laufer, G. Alain,
J. Yosinski, 2014, as its authors' published program computes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ganbench_models.markov_chains.tied import add_product

__all__ = ["Corruption", "Layers", "TiedNetwork", "glorot_uniform", "salt_and_pepper"]

Layers = list[torch.Tensor | None]
"""The visible layer `[batch, d]` (corrupted), then the hidden ones `[batch, n_i]`; None stands for all zeros."""


@dataclass(frozen=True)
class Corruption:
    """What noise enters the updates.

    Args:
        hidden_noise: Standard deviation of the Gaussian noise before and after the activation of a hidden unit.
        salt_and_pepper: Probability that a pixel is replaced by a fair coin (0 or 1).
        noiseless_h1: The first hidden layer gets no noise.
        input_sampling: The visible layer is drawn from its means before it is corrupted; otherwise the means are.
    """

    hidden_noise: float
    salt_and_pepper: float
    noiseless_h1: bool
    input_sampling: bool

    def __post_init__(self) -> None:
        if not 0 <= self.hidden_noise < float("inf"):
            raise ValueError(f"hidden_noise must be a finite number of at least 0, not {self.hidden_noise!r}.")
        if not 0 <= self.salt_and_pepper <= 1:
            raise ValueError(f"salt_and_pepper must be a probability from 0 to 1, not {self.salt_and_pepper!r}.")


def salt_and_pepper(images: torch.Tensor, probability: float, *, generator: torch.Generator) -> torch.Tensor:
    """Replace every pixel with the given probability by a fair coin: 0 or 1."""
    uniform = torch.rand(images.shape, generator=generator, device=images.device)
    return torch.where(uniform < probability, (uniform < probability / 2).to(images.dtype), images)


def glorot_uniform(n_in: int, n_out: int, *, generator: torch.Generator) -> torch.Tensor:
    """A weight `[n_out, n_in]` from U(-r, r) with r = √(6 / (n_in + n_out)), on the generator's device."""
    reach = (6 / (n_in + n_out)) ** 0.5
    return torch.empty(n_out, n_in, device=generator.device).uniform_(-reach, reach, generator=generator)


class TiedNetwork:
    """Layers 0 (visible) to K; weight W_i joins layers i-1 and i and is used upwards and, transposed, downwards.

    One update of the network takes three steps: `update_odd` (h1, h3, …), `reconstruct` (the visible means, from h1)
    and `update_even` (the visible layer, h2, h4, …).

    Args:
        weights: K tensors; the i-th, W_i, is `[n_i, n_(i-1)]`. Activations have their data type.
        biases: K + 1 tensors `[n_i]`, that of the visible layer first.
        corruption: The noise of the updates.
        gradients: K tensors like the weights, to which the backward pass adds the weights' gradients; autograd does not
            see the weights. None where no gradient is wanted.
    """

    def __init__(
        self,
        weights: Sequence[torch.Tensor],
        biases: Sequence[torch.Tensor],
        corruption: Corruption,
        gradients: Sequence[torch.Tensor] | None = None,
    ) -> None:
        self.weights, self.biases, self.corruption, self.gradients = weights, biases, corruption, gradients

    def start(self, images: torch.Tensor, *, generator: torch.Generator) -> Layers:
        """The corrupted `images` `[batch, d]` below hidden layers that are all zero."""
        images = images.to(self.weights[0].dtype)
        visible = salt_and_pepper(images, self.corruption.salt_and_pepper, generator=generator)
        return [visible, *[None] * len(self.weights)]

    def update_odd(self, layers: Layers, *, generator: torch.Generator) -> Layers:
        """Layers 1, 3, … anew, each from its two neighbours."""
        return self._with_hidden(layers, range(1, len(layers), 2), generator)

    def reconstruct(self, layers: Layers) -> torch.Tensor:
        """The logits of the visible means, `[batch, d]`: h1 W_1 + b_0."""
        return self._input(layers, 0)

    def update_even(self, layers: Layers, logits: torch.Tensor, *, generator: torch.Generator) -> Layers:
        """The visible layer, drawn anew from its means, and layers 2, 4, …, each from its two neighbours."""
        updated = self._with_hidden(layers, range(2, len(layers), 2), generator)
        updated[0] = self._resample(logits.detach().sigmoid(), generator)
        return updated

    def _with_hidden(self, layers: Layers, indices: range, generator: torch.Generator) -> Layers:
        """A copy of `layers` with the hidden layers of the given indices updated."""
        updated, batch = list(layers), _batch_size(layers)
        for index in indices:
            updated[index] = self._activate(index, self._input(layers, index), batch, generator)
        return updated

    def _input(self, layers: Layers, index: int) -> torch.Tensor:
        """What layer `index` receives: its bias plus what comes from below and from above."""
        total = self.biases[index]
        if index > 0 and (below := layers[index - 1]) is not None:
            gradient = None if self.gradients is None else self.gradients[index - 1].t()
            total = add_product(total, below, self.weights[index - 1].t(), gradient)
        if index + 1 < len(layers) and (above := layers[index + 1]) is not None:
            gradient = None if self.gradients is None else self.gradients[index]
            total = add_product(total, above, self.weights[index], gradient)
        return total

    def _activate(self, index: int, received: torch.Tensor, batch: int, generator: torch.Generator) -> torch.Tensor:
        """Noise + tanh(received + noise), or tanh(received) for a first hidden layer without noise."""
        if index == 1 and self.corruption.noiseless_h1:
            return received.tanh()
        size = (2, batch, received.shape[-1])
        before, after = torch.randn(size, generator=generator, device=received.device).to(received.dtype)
        scale = self.corruption.hidden_noise
        return torch.add(torch.add(received, before, alpha=scale).tanh(), after, alpha=scale)

    def _resample(self, means: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """The next corrupted visible layer. No gradient passes, as none passes a draw.

        A pixel that is drawn from Bernoulli(p) and then, with probability s, replaced by a fair coin is distributed as
        Bernoulli(s/2 + (1 - s)·p), so that one draw does both.
        """
        replaced = self.corruption.salt_and_pepper
        if not self.corruption.input_sampling:
            return salt_and_pepper(means, replaced, generator=generator)
        uniform = torch.rand(means.shape, generator=generator, device=means.device)
        return (uniform < means.mul_(1 - replaced).add_(replaced / 2)).to(means.dtype)


def _batch_size(layers: Layers) -> int:
    return next(len(layer) for layer in layers if layer is not None)
