"""The generator's input noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ganbench.modelling import check_choice, check_integer

__all__ = ["NOISES", "Noise"]

NOISES = ("uniform", "gaussian", "spherical")


@dataclass(frozen=True)
class Noise:
    """A distribution of noise vectors z.

    - ``uniform``: every element U(−√3, +√3), which has unit variance;
    - ``gaussian``: every element N(0, 1);
    - ``spherical``: a standard normal vector divided by its length, uniform on the unit sphere.

    Args:
        kind: One of `NOISES`.
        dimension: Elements of a noise vector.

    Raises:
        ValueError: An unknown kind, or a dimension below 1.
    """

    kind: str
    dimension: int

    def __post_init__(self) -> None:
        check_choice("noise", self.kind, NOISES)
        check_integer("noise_dimension", self.dimension)

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Draw `[n, dimension]` noise vectors on the generator's device."""
        z = torch.empty(n, self.dimension, device=generator.device)
        if self.kind == "uniform":
            return z.uniform_(-math.sqrt(3), math.sqrt(3), generator=generator)
        z.normal_(generator=generator)
        return z if self.kind == "gaussian" else z / torch.linalg.vector_norm(z, dim=1, keepdim=True)
