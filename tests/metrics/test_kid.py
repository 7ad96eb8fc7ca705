"""The cubic kernel's distance against closed forms of normal laws, scikit-learn's kernel, and repetitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import sem, t
from sklearn.metrics.pairwise import polynomial_kernel

from ganbench.conformance import check_metric
from ganbench.errors import DataError
from ganbench.metrics.kid import KernelDistance, cubic_mmd
from ganbench.metrics.subsets import chosen


def _normal(n, d, seed, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


def _closed(d, m):
    """Of N(mu, I) and N(0, I), m = ||mu||^2."""
    return m**3 / d**3 + 6 * m**2 / d**3 + 6 * m / d**3 + 3 * m / d**2 + 3 * m**2 / d**2 + 3 * m / d


@pytest.mark.parametrize(("d", "m", "truth"), [(1, 1.0, 22.0), (10, 4.0, 1.984)])
def test_normal_laws(d, m, truth):
    assert _closed(d, m) == pytest.approx(truth)
    found = KernelDistance().measure(generated=_normal(5000, d, 1, (m / d) ** 0.5), test=_normal(5000, d, 2)).values
    assert found["kid"].value == pytest.approx(truth, abs=4 * found["kid"].standard_error)


def test_scikit_learns_kernel():
    x, y = _normal(20, 3, 1).double(), _normal(15, 3, 2, 0.5).double()
    xx, yy, xy = (polynomial_kernel(a, b, degree=3, gamma=1 / 3, coef0=1) for a, b in ((x, x), (y, y), (x, y)))
    expected = (xx.sum() - xx.trace()) / 380 + (yy.sum() - yy.trace()) / 210 - 2 * xy.mean()
    assert cubic_mmd(x, y) == pytest.approx(expected, rel=1e-9)


def test_the_interval_covers():
    """Of 300 pairs of sets at 95 %; the law of ten blocks' values is skewed, which costs a few percent."""
    found = []
    for r in range(300):
        values = KernelDistance().measure(generated=_normal(200, 5, 2 * r, 0.4), test=_normal(200, 5, 2 * r + 1)).values
        found.append((values["kid"].value, values["kid_low"].value, values["kid_high"].value))
    means, low, high = np.array(found).T
    truth = _closed(5, 0.8)
    assert means.mean() == pytest.approx(truth, abs=3 * means.std() / 300**0.5)
    assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / 300) ** 0.5)


def test_blocks_are_disjoint_and_the_interval_is_students():
    x, y = _normal(120, 3, 1, 0.3), _normal(130, 3, 2)
    values = KernelDistance(block=12).measure(generated=x, test=y).values
    parts = zip(chosen(x, 120).double().split(12), chosen(y, 120).double().split(12), strict=True)
    blocks = np.array([cubic_mmd(*part) for part in parts])
    low, high = t.interval(0.95, 9, blocks.mean(), sem(blocks))
    found = [values[name].value for name in ("kid", "kid_low", "kid_high")]
    assert found == pytest.approx([blocks.mean(), low, high])
    assert values["kid"].standard_error == pytest.approx(sem(blocks))


def test_few_examples():
    result = KernelDistance().measure(generated=_normal(40, 3, 1), test=_normal(90, 3, 2))
    assert result.values["block"].value == 4
    assert {finding.code for finding in result.findings} == {"few-examples"}
    with pytest.raises(DataError, match="generated: 3 examples; kid needs at least 4"):
        KernelDistance().measure(generated=_normal(3, 3, 1), test=_normal(90, 3, 2))


def test_it_keeps_the_contract():
    results = list(check_metric("ganbench.metrics.kid:KernelDistance"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
