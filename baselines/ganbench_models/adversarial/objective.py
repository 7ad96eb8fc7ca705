"""What the two players minimise, as functions of the discriminator's logits.

With a the logit and D = 1 / (1 + exp(-a)), the logarithms of the game are softplus functions, which neither overflow
nor round to log 0: -log D = softplus(-a) and -log(1 - D) = softplus(a).

Source: Generative Adversarial Nets (Goodfellow et al., 2014), sections 3 and 4, and the program published with it.
"""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

__all__ = [
    "GENERATOR_LOSSES",
    "discriminator_gradient",
    "discriminator_objective",
    "generator_gradient",
    "generator_objective",
]

GENERATOR_LOSSES = ("non-saturating", "minimax")


def discriminator_objective(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
    """The discriminator's cost ½ · [mean −log D(x) + mean −log(1 − D(G(z)))].

    The ½, which only the discriminator has, is the published program's; it amounts to half its learning rate.

    Args:
        real_logits: `[..., n]` logits of images of the data; the mean is over the last dimension.
        fake_logits: `[..., m]` logits of images of the generator.
    """
    return 0.5 * (softplus(-real_logits).mean(-1) + softplus(fake_logits).mean(-1))


def discriminator_gradient(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradients of `discriminator_objective` with respect to the logits: −½ (1 − D(x)) / n and ½ D(G(z)) / m."""
    return (
        real_logits.neg().sigmoid_().mul_(-0.5 / real_logits.shape[-1]),
        fake_logits.sigmoid().mul_(0.5 / fake_logits.shape[-1]),
    )


def generator_objective(fake_logits: torch.Tensor, loss: str = "non-saturating") -> torch.Tensor:
    """The generator's cost: mean −log D(G(z)) ("non-saturating") or mean log(1 − D(G(z))) ("minimax").

    Both have the same fixed point; the first keeps its gradient while the discriminator is sure of itself.

    Args:
        fake_logits: `[..., n]` logits of images of the generator.
        loss: One of `GENERATOR_LOSSES`.
    """
    return softplus(-fake_logits).mean(-1) if loss == "non-saturating" else -softplus(fake_logits).mean(-1)


def generator_gradient(fake_logits: torch.Tensor, loss: str = "non-saturating") -> torch.Tensor:
    """The gradient of `generator_objective` with respect to the logits: −(1 − D) / n or, for "minimax", −D / n."""
    signed = fake_logits.neg() if loss == "non-saturating" else fake_logits
    return signed.sigmoid().mul_(-1 / fake_logits.shape[-1])
