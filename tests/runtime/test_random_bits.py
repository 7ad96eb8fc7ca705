"""Integers from few bits: all values, equally often, and independent of their neighbours."""

import math

import pytest
import torch

from ganbench.runtime.random_bits import random_integers


@pytest.mark.parametrize(("dtype", "values"), [(torch.int8, 256), (torch.int16, 65536)])
def test_all_values_come_equally_often(dtype, values):
    n = 64 * values
    drawn = random_integers((n // 8, 8), dtype, generator=torch.Generator().manual_seed(0))
    assert drawn.dtype is dtype
    assert drawn.shape == (n // 8, 8)
    counts = torch.bincount(drawn.flatten().long() + values // 2, minlength=values).double()
    assert len(counts) == values
    chi_square = float(((counts - 64) ** 2 / 64).sum())
    # chi-square with values - 1 degrees of freedom: mean values - 1, variance 2 (values - 1)
    assert abs(chi_square - (values - 1)) < 5 * math.sqrt(2 * (values - 1))


@pytest.mark.parametrize("numbers", [1, 3, 9])
def test_any_number_of_them_can_be_drawn(numbers):
    assert random_integers((numbers,), torch.int16, generator=torch.Generator().manual_seed(0)).shape == (numbers,)
