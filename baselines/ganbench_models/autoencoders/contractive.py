"""The contractive auto-encoder: one layer, its loss and the gradient in closed form."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

from ganbench.modelling import add_product_, affine
from ganbench_models.tied_layer import TiedLayer

__all__ = ["ContractiveAutoEncoder", "sigmoid_derivative"]


class ContractiveAutoEncoder(TiedLayer):
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
        return (sigmoid_derivative(self.up(visible)).square() @ self.weights.square().sum(0)).mean()

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
            momentum: Factor on the old velocity.
            precision: Data type of activations and gradients; by default that of the parameters.
        """
        scale = -learning_rate / visible.shape[0]
        working = self.in_precision(precision or self.weights.dtype)
        visible = visible.to(working.weights.dtype)
        hidden = working.up(visible)
        s = sigmoid_derivative(hidden)
        squares = s.square()
        decoder_gradient = working.down(hidden).sub_(visible)  # gradient with respect to the decoder's logits
        encoder_gradient = affine(decoder_gradient, working.weights.T).mul_(s)
        # the penalty's gradient with respect to the encoder's logits: 2 s² (1 - 2h) Σ_i W_ij², as ds/da = s (1 - 2h)
        column_norms = self.weights.square().sum(0).to(s.dtype)
        encoder_gradient.addcmul_(squares * column_norms, 1 - 2 * hidden, value=2 * contraction)

        # the two uses of W, in the encoder and in the decoder, as one product
        left, right = torch.cat((visible, decoder_gradient)), torch.cat((encoder_gradient, hidden))
        add_product_(velocity.weights, left.T, right, beta=momentum, alpha=scale)
        # the penalty's gradient with respect to W, with s held fixed: 2 W_ij s_j²
        velocity.weights.addcmul_(self.weights, squares.sum(0, dtype=self.weights.dtype), value=2 * contraction * scale)
        velocity.visible_bias.mul_(momentum).add_(decoder_gradient.sum(0), alpha=scale)
        velocity.hidden_bias.mul_(momentum).add_(encoder_gradient.sum(0), alpha=scale)
        self.add_(velocity)


def sigmoid_derivative(hidden: torch.Tensor) -> torch.Tensor:
    """The derivative of the sigmoid where its value is h: s = h (1 - h)."""
    return hidden - hidden.square()
