"""The Fréchet distance against closed forms, scipy's general matrix root, and repetitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from ganbench.conformance import check_metric
from ganbench.errors import DataError
from ganbench.metrics.frechet import Frechet, _bend, _Coupling, frechet_distance
from ganbench.metrics.moments import BlockMoments
from ganbench.metrics.subsets import chosen


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


@pytest.mark.parametrize(("d", "scale", "truth"), [(2, 2.0, 2.0), (8, 1.0, 0.0)])
def test_the_errors_are_those_of_repetitions(d, scale, truth):
    """Of 200 pairs of sets; of one law too, where groups left out by turns would say 1.4 and 2 times as much."""
    found = [_measure(_normal(240, d, 2 * r), _normal(240, d, 2 * r + 1, scale)).values for r in range(200)]
    for name in ("frechet_distance", "frechet_distance_extrapolated"):
        estimates, errors = np.array([(v[name].value, v[name].standard_error) for v in found]).T
        assert math.sqrt((errors**2).mean()) == pytest.approx(estimates.std(ddof=1), rel=4 / math.sqrt(400)), name
        covered = (np.abs(estimates - estimates.mean()) < 1.96 * errors).mean()
        assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 200)), name
    assert estimates.mean() == pytest.approx(truth, abs=4 * estimates.std() / math.sqrt(200) + 0.01)


def test_the_intervals_cover_near_one_law():
    """Of 300 pairs of sets; 1.96 errors to either side hold 85 % for the first."""
    found = [_measure(_normal(100, 2, 2 * r) + 0.15, _normal(100, 2, 2 * r + 1)).values for r in range(300)]
    for name in ("frechet_distance", "frechet_distance_extrapolated"):
        estimates, low, high = np.array([[v[name + end].value for end in ("", "_low", "_high")] for v in found]).T
        covers = (low <= estimates.mean()) & (estimates.mean() <= high)
        assert covers.mean() == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 300)), name


def test_the_bend_is_that_of_moved_weights():
    """By NumPy's weighted covariance, over a tenth of the way."""
    x, y = _normal(300, 3, 1).double(), _normal(300, 3, 2, 1.5).double() + 0.5
    laws = [(points.mean(0), points.T.cov()) for points in (x, y)]
    coupling = _Coupling.of(*laws)
    influences = [coupling.influence(points, which) for which, points in enumerate((x, y))]

    def moved(h):
        moments = []
        for points, found in zip((x, y), influences, strict=True):
            weights = (1 + h * (found - found.mean()) / 300).numpy()
            mean = np.average(points.numpy(), axis=0, weights=weights)
            moments += [mean, np.cov(points.numpy().T, aweights=weights, ddof=0) * 300 / 299]
        return frechet_distance(*map(torch.from_numpy, moments))

    h = 0.1 * 300 / max(float((found - found.mean()).abs().max()) for found in influences)
    expected = (moved(h) + moved(-h) - 2 * moved(0)) / h**2
    assert _bend([x, y], laws, influences) == pytest.approx(expected, rel=0.02)


def test_influences_are_those_of_examples_that_are_given_a_little_more_weight():
    """Numerically, of both sets; the first dimension of one is constant."""
    x, y = _normal(30, 3, 1).double(), _normal(40, 3, 2, 1.5).double() + 0.5

    def law(points, which=None, by=0.0):
        weights = torch.full((len(points),), (1 - by) / len(points), dtype=torch.float64)
        if which is not None:
            weights[which] += by
        mean = weights @ points
        return mean, ((points - mean).T * weights) @ (points - mean)

    coupling = _Coupling.of(law(x), law(y))
    step = 1e-6
    for which, points in enumerate((x, y)):
        found = coupling.influence(points, which)
        for i in (0, 7, 20):
            moved = [law(p, i if p is points else None, step if p is points else 0.0) for p in (x, y)]
            slope = (frechet_distance(*moved[0], *moved[1]) - coupling.distance) / step
            assert float(found[i] - found.mean()) == pytest.approx(slope, abs=1e-3)


def test_the_extrapolated_distance_of_one_law_is_less_certain():
    """By the square root of 3/2, as all of the variance is quadratic."""
    values = _measure(_normal(600, 30, 1), _normal(600, 30, 2)).values
    plain, extrapolated = (values[f"frechet_distance{end}"].standard_error for end in ("", "_extrapolated"))
    assert 1.15 < extrapolated / plain <= math.sqrt(1.5) + 1e-9


def test_the_extrapolated_distance_is_the_intercept_of_a_line():
    result = _measure(_normal(101, 4, 1), _normal(120, 4, 2))
    curve = result.curves["samples"]
    assert curve.x == (101, 50.5, 25.25)
    intercept = np.polynomial.polynomial.polyfit(1 / np.array(curve.x), curve.y, 1)[0]
    assert result.values["frechet_distance_extrapolated"].value == pytest.approx(intercept)


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
    x100, y100 = chosen(x, 100).double(), chosen(y).double()
    as_many = frechet_distance(x100.mean(0), x100.T.cov(), y100.mean(0), y100.T.cov())
    assert values["frechet_distance"].value == pytest.approx(as_many, rel=1e-9)
    assert _measure(x.flip(0), y).values == values


def test_refusals():
    with pytest.raises(DataError, match="generated: 7 examples; frechet needs at least 16"):
        _measure(_normal(7, 3, 1), _normal(19, 3, 1))
    with pytest.raises(ValueError, match="space is 'words'"):
        Frechet(space="words")


@pytest.mark.parametrize("space", ["pixels", "components", "classifier"])
def test_it_keeps_the_contract(space):
    results = list(check_metric(f"ganbench.metrics.frechet:Frechet[space={space}]"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
