"""Seeds from names."""

from __future__ import annotations

import hashlib

import torch

from ganbench import derive_seed, torch_generator


def test_the_formula():
    digest = hashlib.sha256(b'[7,"digits","train",3]').hexdigest()
    assert derive_seed(7, "digits", "train", 3) == int(digest, 16) >> (256 - 63)


def test_names_do_not_run_together():
    names = [("ab",), ("a", "b"), ("b", "a"), ("ab", ""), (1,), ("1",), ()]
    seeds = {derive_seed(base, *n) for n in names for base in (0, 1)}
    assert len(seeds) == 2 * len(names)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_generators_do_not_touch_the_global_state():
    before = torch.random.get_rng_state()
    first, second, other = (torch.rand(4, generator=torch_generator(seed)) for seed in (2**63 - 1, 2**63 - 1, 0))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())
