"""Candidates against all pairs in float64: none that matters is missed, whatever rounding does."""

from __future__ import annotations

import pytest
import torch

from ganbench.metrics._kernels import candidates as candidates_module
from ganbench.metrics._kernels import distances as distances_module
from ganbench.metrics._kernels.candidates import candidates


def points(kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    queries, reference = (torch.rand(n, 200, generator=generator, dtype=torch.float64) - 0.5 for n in (40, 700))
    if kind == "rounded up together":  # halfway between two bfloat16 numbers, or a little above: all errors add up
        queries, reference = ((1 + 2.0**-8 + 2.0**-12) * x.sign() for x in (queries, reference))
        reference[1::2] *= 1 + 2.0**-10 * torch.rand(350, 1, generator=generator, dtype=torch.float64)
    elif kind == "nearly equal":
        reference = reference[:1] + 1e-3 * reference
        queries = reference[:1] + 1e-3 * queries
    elif kind == "wide":
        reference[::7] *= 1000
        queries[::3] *= 1e6
    elif kind == "tiny":
        queries, reference = 1e-30 * queries, 1e-30 * reference
    elif kind == "huge":
        queries, reference = 1e13 * queries, 1e13 * reference
    return queries, reference


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("beyond", [0.0, 0.3])
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("kind", ["noise", "rounded up together", "nearly equal", "wide", "tiny", "huge"])
def test_none_is_missed(monkeypatch, dtype, beyond, k, kind):
    monkeypatch.setattr(distances_module, "_TILE_ROWS", 16)
    monkeypatch.setattr(distances_module, "_TILE_COLUMNS", 96)
    queries, reference = points(kind)
    prepared = distances_module.Reference.prepare(reference, 2**24)
    pairs, crowded = candidates(prepared.centred(queries, dtype), prepared, k, len(reference), beyond=beyond)
    found = torch.zeros(len(queries), len(reference), dtype=torch.bool)
    found[pairs.rows, pairs.columns] = True
    assert int(found.sum()) == len(pairs.rows)  # none twice
    exact = torch.cdist(queries, reference, compute_mode="donot_use_mm_for_euclid_dist").square()
    needed = exact <= exact.kthvalue(k, dim=1, keepdim=True).values + beyond * (1 - 1e-9)
    assert bool((found | ~needed)[~crowded].all())
    assert bool(crowded.all()) == (kind == "huge" and dtype is torch.bfloat16)  # which those units cannot hold


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_points_of_any_precision_are_centred_exactly(stored):
    """What is said to be lost by rounding is all that is lost, but for float32's own rounding."""
    reference = points("noise")[1].to(stored)
    prepared = distances_module.Reference.prepare(reference, 2**24)
    centred = prepared.centred(reference, torch.bfloat16)
    exact = reference.double() - prepared.origin
    torch.testing.assert_close((exact - centred.values).norm(dim=1), centred.roundings, rtol=1e-4, atol=0)
    torch.testing.assert_close(exact.square().sum(1), centred.squared_norms, rtol=1e-5, atol=0)


def test_the_bound_is_needed(monkeypatch):
    """Without what rounding to bfloat16 may do, pairs are missed."""
    queries, reference = points("noise")
    prepared = distances_module.Reference.prepare(reference, 2**24)
    centred = prepared.centred(queries, torch.bfloat16)
    monkeypatch.setattr(distances_module.Reference, "error_bound", lambda self, x: torch.zeros_like(x.squared_norms))
    monkeypatch.setattr(candidates_module, "_HALF_A_UNIT", 0.0)
    pairs, _ = candidates(centred, prepared, 1, len(reference), beyond=3.0)
    found = torch.zeros(len(queries), len(reference), dtype=torch.bool)
    found[pairs.rows, pairs.columns] = True
    exact = torch.cdist(queries, reference, compute_mode="donot_use_mm_for_euclid_dist").square()
    assert bool(((exact <= exact.amin(1, keepdim=True) + 3.0) & ~found).any())


@pytest.mark.parametrize("most", [0, 1, 40, 699, 700])
def test_a_row_has_no_more_than_it_may(most):
    queries, reference = points("noise")
    prepared = distances_module.Reference.prepare(reference, 2**24)
    pairs, crowded = candidates(prepared.centred(queries, torch.bfloat16), prepared, 1, most, beyond=1e3)
    assert bool(crowded.all()) == (most < len(reference))
    assert len(pairs.rows) == (0 if most < len(reference) else len(queries) * len(reference))


def test_a_hopeless_search_ends_early(monkeypatch):
    monkeypatch.setattr(distances_module, "_TILE_ROWS", 16)
    monkeypatch.setattr(distances_module, "_TILE_COLUMNS", 96)
    queries, reference = points("noise")
    prepared, seen = distances_module.Reference.prepare(reference, 2**24), []
    tiles = distances_module.Reference.tiles

    def count(self, queries):
        for tile in tiles(self, queries):
            seen.append(tile[1])
            yield tile

    monkeypatch.setattr(distances_module.Reference, "tiles", count)
    centred = prepared.centred(queries, torch.bfloat16)
    pairs, crowded = candidates(centred, prepared, 1, 20, beyond=1e3, bearable=0.5)
    assert (len(seen), len(pairs.rows), bool(crowded.all())) == (1, 0, True)
    candidates(centred, prepared, 1, 20, beyond=1e3)
    assert len(seen) == 1 + 3 * 8  # 40 rows by 16, 700 columns by 96
