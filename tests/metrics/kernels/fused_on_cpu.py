"""Runs the fused kernel in Triton's interpreter, beside the sums over tiles, and prints how far they are apart.

A program of its own, as the interpreter is chosen by an environment variable before Triton is imported.
"""

from __future__ import annotations

import json

import torch

from ganbench.metrics._kernels import fused, parzen
from ganbench.metrics._kernels.distances import Reference


def cases():
    """Shapes that fill no block, several blocks of columns and of memory, many pairs, one bandwidth or more."""
    generator = torch.Generator().manual_seed(0)

    def uniform(n: int, d: int) -> torch.Tensor:
        return torch.rand(n, d, generator=generator)

    yield "one of each", uniform(1, 1), uniform(1, 1), [0.3], 2**28
    yield "ragged", uniform(70, 37), uniform(201, 37), [0.1, 0.3, 1.0], 2**28
    yield "in blocks of memory", uniform(33, 20), uniform(7000, 20), [0.2, 0.5], 2**20
    yield "crowded", uniform(20, 2), uniform(600, 2), [1.0], 2**28
    yield "equal", uniform(5, 16), uniform(1, 16).expand(90, 16), [0.1, 1.0], 2**28


def difference(points, centres, bandwidths, max_memory) -> dict[str, float]:
    reference, s = Reference.prepare(centres, max_memory), torch.tensor(bandwidths, dtype=torch.float64)
    queries = reference.centred(points, torch.float32)
    window = torch.linspace(-1, 0.2, len(points), dtype=torch.float64)
    sums, smallest, pairs = fused.fused_kernel_sums(queries, reference, s, window, parzen._MAX_PAIRS)
    tiles = parzen._kernel_sums(queries, reference.tiles(queries), reference, s, window)
    found = [_settled(some, smallest + window) for some in (pairs, tiles[2])]
    return {
        "log sums": float((sums.log() - tiles[0].log()).abs().max()),
        "minimum": float((smallest - tiles[1]).abs().max()),
        "pairs": len(found[0]),
        "other pairs": len(found[0] ^ found[1]),
    }


def _settled(pairs, limit) -> set[tuple[int, int]]:
    """The pairs that lie well within the limit, as rows and columns; those on its edge depend on rounding."""
    keep = pairs.t <= limit[pairs.rows] - 1e-5
    return set(zip(pairs.rows[keep].tolist(), pairs.columns[keep].tolist(), strict=True))


if __name__ == "__main__":
    print(json.dumps({name: difference(*arguments) for name, *arguments in cases()}))
