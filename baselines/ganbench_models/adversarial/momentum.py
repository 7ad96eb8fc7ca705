"""Gradient descent with classical momentum, and the limit on the norm of a unit's incoming weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

__all__ = ["Momentum", "limit_norms_"]


class Momentum:
    """Classical momentum: v ← m·v − η·g, then θ ← θ + v, from v = 0.

    The learning rate η is part of the velocity, so a later, smaller rate does not shrink the steps already begun;
    `torch.optim.SGD` has it outside. A velocity is its parameter's `.grad`, to which autograd adds, so that −η·g comes
    from a backward pass of −η times the objective, between `decay` and `advance`.

    Args:
        parameters: The tensors to train, updated in place.
        max_norm: The limit on the norm of a row of unit weights; None for no limit.
        unit_weights: Views of parameters, `[units, ...]`, whose rows have at most `max_norm` after every update.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        max_norm: float | None = None,
        unit_weights: Sequence[torch.Tensor] = (),
    ) -> None:
        self.parameters = list(parameters)
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]
        for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
            parameter.grad = velocity
        self._max_norm, self._unit_weights = max_norm, unit_weights

    def decay(self, momentum: float) -> None:
        """Update v ← m·v."""
        torch._foreach_mul_(self.velocities, momentum)

    @torch.no_grad()
    def advance(self) -> None:
        """Update θ ← θ + v, and then the limit on norms."""
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
