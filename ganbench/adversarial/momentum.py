"""Gradient descent with classical momentum, and the limit on the norm of a unit's incoming weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["Momentum", "limit_norms_"]


class Momentum:
    """Classical momentum: v ← m·v − η·g, then θ ← θ + v, from v = 0.

    The learning rate is part of the velocity, so a later, smaller rate does not shrink the steps already begun.
    Gradients come scaled by −η and are added to m·v where they are made, which spares the memory traffic of a gradient.

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
    def advance(self) -> None:
        """θ ← θ + v, and then the limit on norms; the gradients have been put into the velocities."""
        if self.parameters[0].device.type == "cpu":  # torch's foreach on the processor uses one thread
            for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
                parameter.add_(velocity)
        else:
            torch._foreach_add_(self.parameters, self.velocities)
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
