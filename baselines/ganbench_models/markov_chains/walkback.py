"""Walkback training: the chain runs for several updates, and each of its reconstructions must give back the image.

Source: *Generalized Denoising Auto-Encoders as Generative Models*, Y. Bengio, L. Yao, G. Alain, P. Vincent, 2013
(walkback), and *Deep Generative Stochastic Networks Trainable by Backprop*, Y. Bengio et al., 2014.
"""

from __future__ import annotations

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ganbench_models.markov_chains.network import TiedNetwork

__all__ = ["walkback_costs"]


def walkback_costs(
    network: TiedNetwork, images: torch.Tensor, walkbacks: int, *, generator: torch.Generator
) -> torch.Tensor:
    """The cross-entropy of each reconstruction, in nats per pixel; training descends the sum.

    cost_t = mean over batch and pixels of -x ln p_t - (1 - x) ln(1 - p_t), where p_1, …, p_T are the visible means of
    a chain that starts at the corrupted image with hidden layers of zeros. The gradient passes from update to update
    through the hidden layers, not through the draws of the visible layer.

    Args:
        network: The network, whose parameters may require gradients.
        images: `[batch, d]` in [0, 1].
        walkbacks: T, the number of reconstructions, at least 1.
        generator: The source of the noise, on the device of `images`.

    Returns:
        `[walkbacks]`, the costs in the order of the chain.
    """
    layers = network.start(images, generator=generator)
    costs = []
    for remaining in reversed(range(walkbacks)):
        layers = network.update_odd(layers, generator=generator)
        logits = network.reconstruct(layers)
        costs.append(binary_cross_entropy_with_logits(logits.to(images.dtype), images))
        if remaining:  # nothing is reconstructed from the even layers of the last update
            layers = network.update_even(layers, logits, generator=generator)
    return torch.stack(costs)
