"""The masks of dropout: their share, their mean, their independence."""

import math

import pytest
import torch
from ganbench_models.adversarial.dropout import dropout_mask


@pytest.mark.parametrize("keep", [0.8, 0.5, 0.25, 0.999, 0.003])
def test_masks_keep_the_mean_and_the_share(keep):
    rows, columns = 401, 503
    mask = dropout_mask((rows, columns), keep, generator=torch.Generator().manual_seed(0)).double()
    assert sorted(set(mask.flatten().tolist())) == pytest.approx([0, 1 / keep])
    # An element is 1 / p with probability p: mean 1, variance (1 - p) / p; p itself is rounded to 16 bits.
    variance, n = (1 - keep) / keep, rows * columns
    assert abs(float(mask.mean()) - 1) < 5 * math.sqrt(variance / n) + 2**-17 / keep
    # Independent along both dimensions: the row and the column means spread as they should. The variance of a sample
    # variance is 2 / size, plus the excess kurtosis (1 - 6 p (1 - p)) / (p (1 - p)) of a summand over the summands.
    kurtosis = (1 - 6 * keep * (1 - keep)) / (keep * (1 - keep))
    for d, summands in ((0, rows), (1, columns)):
        size = n // summands
        spread = float(mask.mean(d).var()) / (variance / summands)
        assert abs(spread - 1) < 5 * math.sqrt(2 / (size - 1) + max(kurtosis, 0) / summands / size)


def test_neighbours_of_a_mask_are_independent():
    """Several elements come from one random word: none may tell of another."""
    n = 2**18
    for keep in (0.5, 0.8):
        mask = dropout_mask((n,), keep, generator=torch.Generator().manual_seed(1)).double()
        deviation = (mask - mask.mean()) / mask.std()
        for lag in range(1, 17):
            assert abs(float((deviation[lag:] * deviation[:-lag]).mean())) < 5 / math.sqrt(n)


def test_equal_generators_give_equal_masks_and_other_precisions_the_same():
    masks = [
        dropout_mask((7, 5), 0.8, generator=torch.Generator().manual_seed(3), dtype=dtype)
        for dtype in (torch.float32, torch.float32, torch.bfloat16)
    ]
    assert torch.equal(masks[0], masks[1])
    assert torch.equal(masks[0] > 0, masks[2] > 0)
