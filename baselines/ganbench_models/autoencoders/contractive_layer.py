"""The contractive auto-encoder: one layer, its loss and the gradient in closed form."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

from ganbench.modelling import add_product_, affine
from ganbench_models.tied_layer import TiedLayer

__all__ = ["ContractiveLayer", "slope"]


class ContractiveLayer(TiedLayer):
    """A tied sigmoid auto-encoder whose code is made insensitive to its input.

    With h = σ(x W + c) and the reconstruction r = σ(h Wᵀ + b), the loss of a batch is the mean over its rows of

        -Σ_i [x_i log r_i + (1 - x_i) log(1 - r_i)] + λ ‖J‖²_F,   J = ∂h/∂x = diag(s) Wᵀ,   s = h (1 - h),

    where ‖J‖²_F = Σ_j s_j² Σ_i W_ij².

    References:
        Contractive auto-encoders: explicit invariance during feature extraction (Rifai, Vincent, Muller, Glorot and
        Bengio, 2011).
    """

    def cross_entropy(self, visible: torch.Tensor) -> torch.Tensor:
        """Mean over the batch of the cross-entropy between `visible`, `[n, visible]`, and its reconstruction."""
        logits = affine(self.up(visible), self.weights, self.visible_bias)
        return (softplus(logits) - visible * logits).sum(1).mean()

    def penalty(self, visible: torch.Tensor) -> torch.Tensor:
        """Mean over the batch of ‖∂h/∂x‖²_F at `visible`, `[n, visible]`."""
        return (slope(self.up(visible)).square() @ self.weights.square().sum(0)).mean()

    def descend_(
        self,
        velocity: TiedLayer,
        visible: torch.Tensor,
        *,
        contraction: float,
        learning_rate: float,
        momentum: float,
        precision: torch.dtype | None = None,
    ) -> None:
        """One step of gradient descent with momentum on the loss of a batch, in place.

        velocity ← momentum · velocity - learning_rate · gradient, then the velocity is added to the parameters.

        Args:
            velocity: Changed in place.
            visible: The batch, `[n, visible]`.
            contraction: λ, the weight of the penalty.
            learning_rate: Step size.
            momentum: Share of the velocity that is kept.
            precision: Data type of activations and gradients; by default that of the parameters.
        """
        share = -learning_rate / visible.shape[0]
        working = self.in_precision(precision or self.weights.dtype)
        visible = visible.to(working.weights.dtype)
        hidden = working.up(visible)
        s = slope(hidden)
        squares = s.square()
        visible_error = working.down(hidden).sub_(visible)  # derivative of the cross-entropy by the decoder's logits
        hidden_error = affine(visible_error, working.weights.T).mul_(s)
        # the penalty by the encoder's logits: 2 s² (1 - 2h) Σ_i W_ij², as ds/da = s (1 - 2h)
        column_norms = self.weights.square().sum(0).to(s.dtype)
        hidden_error.addcmul_(squares * column_norms, 1 - 2 * hidden, value=2 * contraction)

        # the two uses of W, in the encoder and in the decoder, as one product
        left, right = torch.cat((visible, visible_error)), torch.cat((hidden_error, hidden))
        add_product_(velocity.weights, left.T, right, beta=momentum, alpha=share)
        # the penalty by W with s held fixed: 2 W_ij s_j²
        velocity.weights.addcmul_(self.weights, squares.sum(0, dtype=self.weights.dtype), value=2 * contraction * share)
        velocity.visible_bias.mul_(momentum).add_(visible_error.sum(0), alpha=share)
        velocity.hidden_bias.mul_(momentum).add_(hidden_error.sum(0), alpha=share)
        self.add_(velocity)


def slope(hidden: torch.Tensor) -> torch.Tensor:
    """The derivative of the sigmoid where its value is h: s = h (1 - h)."""
    return hidden - hidden.square()
