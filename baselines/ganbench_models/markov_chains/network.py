"""The layers of a deep generative stochastic network: tied weights, noisy updates, a visible layer that is resampled.

Source: *Deep Generative Stochastic Networks Trainable by Backprop*, Y. Bengio, E. Thibodeau-Laufer, G. Alain,
J. Yosinski, 2014, as its authors' published program computes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ganbench.modelling import check_flag, check_number
from ganbench_models.markov_chains.tied_product import add_product

__all__ = ["Corruption", "Layers", "TiedNetwork", "salt_and_pepper"]

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
        check_number("hidden_noise", self.hidden_noise, least=0)
        check_number("salt_and_pepper", self.salt_and_pepper, least=0, most=1)
        check_flag("noiseless_h1", self.noiseless_h1)
        check_flag("input_sampling", self.input_sampling)


def salt_and_pepper(images: torch.Tensor, probability: float, *, generator: torch.Generator) -> torch.Tensor:
    """Replace every pixel with the given probability by a fair coin: 0 or 1."""
    uniform = torch.rand(images.shape, generator=generator, device=images.device)
    return torch.where(uniform < probability, (uniform < probability / 2).to(images.dtype), images)


class TiedNetwork:
    """Layers 0 (visible) to K; weight W_i joins layers i-1 and i and is used upwards and, transposed, downwards.

    One update of the network takes three steps: `update_odd` (h1, h3, …), `reconstruct` (the visible means, from h1)
    and `update_even` (the visible layer, h2, h4, …).

    Args:
        weights: K tensors; the i-th, W_i, is `[n_(i-1), n_i]`. Activations have their data type.
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
        """The logits of the visible means, `[batch, d]`: h1 W_1ᵀ + b_0."""
        return self._preactivation(layers, 0)

    def update_even(self, layers: Layers, logits: torch.Tensor, *, generator: torch.Generator) -> Layers:
        """The visible layer, drawn anew from its means, and layers 2, 4, …, each from its two neighbours."""
        updated = self._with_hidden(layers, range(2, len(layers), 2), generator)
        updated[0] = self._resample(logits.detach().sigmoid(), generator)
        return updated

    def _with_hidden(self, layers: Layers, indices: range, generator: torch.Generator) -> Layers:
        """A copy of `layers` with the hidden layers of the given indices updated."""
        updated, batch = list(layers), _batch_size(layers)
        for index in indices:
            updated[index] = self._activate(index, self._preactivation(layers, index), batch, generator)
        return updated

    def _preactivation(self, layers: Layers, index: int) -> torch.Tensor:
        """The preactivation of layer `index`: its bias plus what comes from below and from above."""
        total = self.biases[index]
        if index > 0 and (below := layers[index - 1]) is not None:
            gradient = None if self.gradients is None else self.gradients[index - 1]
            total = add_product(total, below, self.weights[index - 1], gradient)
        if index + 1 < len(layers) and (above := layers[index + 1]) is not None:
            gradient = None if self.gradients is None else self.gradients[index].T
            total = add_product(total, above, self.weights[index].T, gradient)
        return total

    def _activate(
        self, index: int, preactivation: torch.Tensor, batch: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Noise + tanh(preactivation + noise), or tanh(preactivation) for a first hidden layer without noise."""
        if index == 1 and self.corruption.noiseless_h1:
            return preactivation.tanh()
        size = (2, batch, preactivation.shape[-1])
        before, after = torch.randn(size, generator=generator, device=preactivation.device).to(preactivation.dtype)
        scale = self.corruption.hidden_noise
        return torch.add(torch.add(preactivation, before, alpha=scale).tanh(), after, alpha=scale)

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
