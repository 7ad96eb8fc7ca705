"""The Fréchet distance against closed forms, scipy's general matrix root, and repetitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from ganbench.conformance import check_metric
from ganbench.errors import DataError
from ganbench.metrics.frechet import Frechet, frechet_distance
from ganbench.metrics.moments import BlockMoments


def _normal(n, d, seed, scale=1.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) * scale


def _measure(x, y, **settings):
    return Frechet(space="pixels", **settings).measure(generated=x, test=y)


def test_diagonal_covariances():
    """||mu||^2 + sum (s_1 - s_2)^2."""
    first, second = (torch.tensor(s, dtype=torch.float64) for s in ([1.0, 2.0, 0.0], [3.0, 0.5, 1.0]))
    mean = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)
    found = frechet_distance(0 * mean, first.square().diag(), mean, second.square().diag())
    assert found == pytest.approx(5 + 4 + 2.25 + 1, abs=1e-12)


def test_full_covariances_agree_with_a_general_root():
    rng = np.random.default_rng(1)
    a, b = (m @ m.T for m in rng.normal(size=(2, 6, 6)))
    expected = np.trace(a + b - 2 * scipy.linalg.sqrtm(a @ b).real) + 6
    mean = torch.zeros(6, dtype=torch.float64)
    assert frechet_distance(mean, *map(torch.from_numpy, (a,)), mean + 1, torch.from_numpy(b)) == pytest.approx(
        expected
    )


def test_moments_of_blocks():
    points = _normal(23, 4, 1).double() + 5
    moments = BlockMoments.of(points, 5, torch.full((4,), 5.0, dtype=torch.float64))
    n, mean, covariance = moments.over([0, 3])
    chosen = torch.cat((points[0::5], points[3::5]))
    assert n == len(chosen)
    torch.testing.assert_close(mean, chosen.mean(0))
    torch.testing.assert_close(covariance, chosen.T.cov())


def test_the_bias_goes_with_the_number_and_extrapolation_takes_it_away():
    """One law in 64 dimensions: the catalogue has 2.20 +- 0.05 for 1,000 examples, and the truth is 0."""
    result = _measure(_normal(1000, 64, 1), _normal(1000, 64, 2))
    values = result.values
    assert values["frechet_distance"].value == pytest.approx(2.20, abs=4 * 0.05)
    extrapolated = values["frechet_distance_extrapolated"]
    assert abs(extrapolated.value) < 0.25  # the bias has terms beyond 1 / n
    curve = result.curves["samples"]
    assert curve.x == (1000, 500, 250)
    assert curve.y[0] < curve.y[1] < curve.y[2]


def test_the_error_is_that_of_repetitions():
    """Of 100 pairs of sets, N(0, I) and N(0, 4 I) in two dimensions: F = 2; 15 degrees of freedom each."""
    found = [_measure(_normal(200, 2, 2 * r), _normal(200, 2, 2 * r + 1, 2.0)).values for r in range(100)]
    for name, slack in (("frechet_distance", 0.05), ("frechet_distance_extrapolated", 0.0)):
        estimates, errors = np.array([(v[name].value, v[name].standard_error) for v in found]).T
        assert estimates.mean() == pytest.approx(2.0, abs=3 * estimates.std() / 10 + slack)
        assert math.sqrt((errors**2).mean()) == pytest.approx(estimates.std(), rel=4 / math.sqrt(200) + 0.05)
        covered = (np.abs(estimates - 2.0) < 2.13 * errors).mean()
        assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 100))


@pytest.mark.parametrize(
    ("n", "dependent", "code"),
    [(20, False, "fewer-examples-than-dimensions"), (100, False, "few-examples"), (400, True, "rank-deficient")],
)
def test_health(n, dependent, code):
    x, y = _normal(n, 20, 1), _normal(n, 20, 2)
    if dependent:
        x[:, 1], y[:, 1] = x[:, 0], y[:, 0]
    assert {finding.code for finding in _measure(x, y).findings} == {code}


def test_unequal_numbers():
    """As many of both enter the first value, all of them the last."""
    x, y = _normal(300, 3, 1), _normal(100, 3, 2)
    values = _measure(x, y).values
    whole = frechet_distance(x.double().mean(0), x.double().T.cov(), y.double().mean(0), y.double().T.cov())
    assert values["frechet_distance_all"].value == pytest.approx(whole, rel=1e-9)
    assert _measure(x.flip(0), y).values == values


def test_refusals():
    with pytest.raises(DataError, match="generated: 7 examples; frechet needs at least 16"):
        _measure(_normal(7, 3, 1), _normal(19, 3, 1))
    with pytest.raises(ValueError, match="blocks is 10; accepted: a multiple of 4"):
        Frechet(blocks=10)


@pytest.mark.parametrize("space", ["pixels", "components", "classifier"])
def test_it_keeps_the_contract(space):
    results = list(check_metric(f"ganbench.metrics.frechet:Frechet[space={space},blocks=8]"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
