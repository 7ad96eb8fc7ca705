"""Subsets and spaces: what is chosen depends on the examples only, and each space is fitted to the training data."""

from __future__ import annotations

import pytest
import torch

from ganbench.errors import DataError
from ganbench.metrics.features import principal_components
from ganbench.metrics.spaces import COMPONENTS, feature_space
from ganbench.metrics.subsets import chosen, require


def _normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_the_same_examples_in_any_order():
    x = _normal(50, 3, 1)
    assert torch.equal(chosen(x, 7), chosen(x.flip(0), 7))
    assert torch.equal(chosen(x, 7), chosen(x)[:7])
    assert torch.equal(chosen(x).sort(0).values, x.sort(0).values)
    assert not torch.equal(chosen(x), x)
    assert torch.equal(chosen(torch.tensor([[0.0], [1.0], [2.0]])), chosen(torch.tensor([[2.0], [-0.0], [1.0]])) + 0.0)


def test_each_of_equal_examples_is_drawn_by_itself():
    """Of 900 equal ones and 100 others, about nine in ten of those that are chosen; equal ones do not come in a row."""
    x = torch.cat((torch.zeros(900, 1), 1 + torch.arange(100.0).unsqueeze(1)))
    assert int((chosen(x, 200) == 0).sum()) == pytest.approx(180, abs=4 * (200 * 0.9 * 0.1 * 0.8) ** 0.5)


def test_too_few():
    require("test", torch.zeros(3, 1), 3, "a quantile")
    with pytest.raises(DataError, match="test: 2 examples; a quantile needs at least 3"):
        require("test", torch.zeros(2, 1), 3, "a quantile")


def test_the_space_of_components():
    train, x = _normal(200, 70, 1), _normal(5, 70, 2)
    found = feature_space("components", train=train)(x)
    assert found.shape == (5, COMPONENTS)
    assert torch.equal(found, principal_components(train, 64)(x))
