"""Gradient descent with classical momentum, and the limit on the norm of a unit's incoming weights."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch

__all__ = ["Momentum", "limit_norms_"]


class Momentum:
    """Classical momentum: v ← m·v − η·g, then θ ← θ + v, from v = 0.

    The learning rate is part of the velocity, so a later, smaller rate does not shrink the steps already begun.

    Args:
        parameters: The tensors to train, updated in place.
        unit_weights: Views of some of them, `[units, ...]`, whose rows have at most `max_norm` after every update.
        max_norm: The limit on the norm of a row; None for no limit.
    """

    def __init__(
        self,
        parameters: Sequence[torch.Tensor],
        unit_weights: Sequence[torch.Tensor] = (),
        max_norm: float | None = None,
    ) -> None:
        self.parameters = list(parameters)
        self.velocities = [torch.zeros_like(parameter, requires_grad=False) for parameter in self.parameters]
        self._unit_weights = list(unit_weights)
        self._max_norm = max_norm

    @torch.no_grad()
    def update(self, gradients: Sequence[torch.Tensor], *, learning_rate: float, momentum: float) -> None:
        """One update along `gradients`, which are given in the order of the parameters."""
        # torch's fused step, u ← m·u + (1 − d)·g and θ ← θ − r·u, reads and writes every number once. It is classical
        # momentum for r = −1 and d = 1 + η. It takes the memory as it lies, hence the contiguous gradients.
        torch._fused_sgd_(
            self.parameters,
            [gradient.contiguous() for gradient in gradients],
            self.velocities,
            weight_decay=0.0,
            momentum=momentum or sys.float_info.min,  # the fused step refuses 0
            lr=-1.0,
            dampening=1.0 + learning_rate,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )
        if self._max_norm is not None:
            for weights in self._unit_weights:
                limit_norms_(weights, self._max_norm)

    def load_velocities(self, velocities: Sequence[torch.Tensor]) -> None:
        """Copy velocities that were saved."""
        for mine, saved in zip(self.velocities, velocities, strict=True):
            mine.copy_(saved)


@torch.no_grad()
def limit_norms_(weights: torch.Tensor, max_norm: float) -> None:
    """Scale every row w of `[units, ...]` in place: w ← w · min(‖w‖, c) / (10⁻⁷ + ‖w‖)."""
    norms = torch.linalg.vector_norm(weights, dim=tuple(range(1, weights.dim())), keepdim=True)
    weights.mul_(norms.clamp(max=max_norm) / (1e-7 + norms))
