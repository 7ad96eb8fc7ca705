"""The restricted Boltzmann machine with binary units, and contrastive divergence."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

from ganbench.modelling import add_product_, affine, random_integers
from ganbench_models.tied_layer import TiedLayer

__all__ = ["RestrictedBoltzmannMachine", "contrastive_update", "draw_binary"]


class RestrictedBoltzmannMachine(TiedLayer):
    """P(v, h) ∝ exp(vᵀ W h + bᵀ v + cᵀ h) with v and h binary.

    The units of one side are independent given the other side: P(h_j = 1 | v) is `up`, P(v_i = 1 | h) is `down`.

    References:
        Training products of experts by minimizing contrastive divergence (Hinton, 2002).
        A practical guide to training restricted Boltzmann machines (Hinton, 2012).
    """

    def free_energy(self, visible: torch.Tensor) -> torch.Tensor:
        """F(v) = -bᵀ v - Σ_j softplus(v W + c)_j, so that P(v) ∝ exp(-F(v)): `[n, visible]` -> `[n]`."""
        activation = affine(visible, self.weights.T, self.hidden_bias)
        return -(visible @ self.visible_bias) - softplus(activation).sum(1)

    def gibbs(
        self, hidden: torch.Tensor, steps: int, *, generator: torch.Generator, mean_visible: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Alternate h -> v -> h for `steps` >= 1 steps from binary hidden states `[n, hidden]`.

        Args:
            hidden: Where the chains are.
            steps: How far they go.
            generator: Source of the draws.
            mean_visible: Keep E[v | h] instead of drawing v. The chains then no longer have the model's distribution,
                but their visible values can be compared with data that are means themselves, such as grey images.

        Returns:
            The last visible states, `[n, visible]`, and P(h = 1 | v) there, `[n, hidden]`.
        """
        means = hidden
        for step in range(steps):
            if step > 0:
                hidden = draw_binary(means, generator=generator)
            visible = self.down(hidden)
            if not mean_visible:
                visible = draw_binary(visible, generator=generator)
            means = self.up(visible)
        return visible, means


def draw_binary(means: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
    """Independent 0/1 draws with the given means, rounded to multiples of 2⁻¹⁶, in their data type."""
    # -2¹⁵ … 2¹⁵ - 1: as many of them lie below m · 2¹⁶ - 2¹⁵ - ½ as is m · 2¹⁶, rounded
    integers = random_integers(means.shape, torch.int16, generator=generator)
    thresholds = means.to(torch.promote_types(means.dtype, torch.float32)) * 2**16 - (2**15 + 0.5)
    return torch.lt(integers, thresholds, out=torch.empty_like(means))


def contrastive_update(
    rbm: RestrictedBoltzmannMachine,
    velocity: TiedLayer,
    data: tuple[torch.Tensor, torch.Tensor],
    model: tuple[torch.Tensor, torch.Tensor],
    *,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """Ascend the log-likelihood by the difference of two averages, in place.

    The gradient is ⟨v hᵀ⟩ - ⟨v hᵀ⟩' for W, ⟨v⟩ - ⟨v⟩' for b and ⟨h⟩ - ⟨h⟩' for c, averaged over `data` and, primed,
    over `model`; W also gets -weight_decay · W. Then velocity ← momentum · velocity + learning_rate · gradient, and the
    velocity is added to the parameters. The gradient is exact if `model` is drawn from the model's distribution,
    contrastive divergence if it comes from a few Gibbs steps.

    Args:
        rbm: Changed in place.
        velocity: Changed in place.
        data: Visible states or means `[n, visible]`, and P(h = 1 | v) there, `[n, hidden]`.
        model: Likewise for the model, with any number of rows.
        learning_rate: Step size.
        momentum: Factor on the old velocity.
        weight_decay: Of the weights, not of the biases.
    """
    signed_rates = (learning_rate, -learning_rate)
    visible, hidden = (torch.cat(values) for values in zip(data, model, strict=True))
    row_factors = torch.cat(
        [hidden.new_full((len(v),), rate / len(v)) for (v, _), rate in zip((data, model), signed_rates, strict=True)]
    )
    hidden.mul_(row_factors.unsqueeze(1))
    add_product_(velocity.weights, visible.T, hidden, beta=momentum)
    velocity.weights.add_(rbm.weights, alpha=-learning_rate * weight_decay)
    velocity.visible_bias.mul_(momentum).add_(visible.T @ row_factors)
    velocity.hidden_bias.mul_(momentum).add_(hidden.sum(0))
    rbm.add_(velocity)
