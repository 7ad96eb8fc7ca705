"""Gradient descent with classical momentum, and the limit on the norm of a unit's incoming weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

__all__ = ["Momentum", "limit_norms_"]

_ALIGNMENT = 16  # numbers; 64 bytes of float32, a cache line


class Momentum:
    """Classical momentum: v ← m·v − η·g, then θ ← θ + v, from v = 0.

    The learning rate is part of the velocity, so a later, smaller rate does not shrink the steps already begun.
    Gradients come scaled by −η and are added to m·v where they are made, which spares the memory traffic of a gradient.
    Parameters get memory end to end, as velocities do, so that one addition moves them all.

    Args:
        parameters: The tensors to train, updated in place.
        max_norm: The limit on the norm of a row of unit weights; None for no limit.
        unit_weights: Gives views of parameters, `[units, ...]`, whose rows have at most `max_norm` after every update.
    """

    def __init__(
        self,
        parameters: Sequence[torch.Tensor],
        max_norm: float | None = None,
        unit_weights: Callable[[], Sequence[torch.Tensor]] = list,
    ) -> None:
        self.parameters = list(parameters)
        self._position, places = _end_to_end(self.parameters)
        self._velocity, self.velocities = _end_to_end(self.parameters)
        for parameter, place in zip(self.parameters, places, strict=True):
            place.copy_(parameter.detach())
            parameter.data = place
        self._max_norm, self._unit_weights = max_norm, list(unit_weights())

    @torch.no_grad()
    def advance(self) -> None:
        """θ ← θ + v, and then the limit on norms; the gradients have been put into the velocities."""
        self._position.add_(self._velocity)
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


def _end_to_end(tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Zeros for all tensors in one piece of memory, and the part of each, in its shape."""
    sizes = [-(-tensor.numel() // _ALIGNMENT) * _ALIGNMENT for tensor in tensors]
    whole = torch.zeros(sum(sizes), dtype=tensors[0].dtype, device=tensors[0].device)
    parts = [part[: t.numel()].view(t.shape) for part, t in zip(whole.split(sizes), tensors, strict=True)]
    return whole, parts
