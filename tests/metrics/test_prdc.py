"""Precision, recall, density and coverage against scikit-learn, the authors' program and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import t
from sklearn.metrics import pairwise_distances

from ganbench.conformance import check_metric
from ganbench.errors import DataError
from ganbench.metrics.prdc import PRDC, _errors, expected_coverage


def _normal(n, d, seed, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


def _measure(generated, test, k=5):
    return PRDC(k=k).measure(generated=generated, test=test)


@pytest.mark.parametrize(("d", "shift", "m", "n"), [(2, 0.0, 120, 90), (20, 0.3, 80, 130)])
def test_plain_distances(d, shift, m, n):
    y, x = _normal(m, d, 1, shift), _normal(n, d, 2)
    between = pairwise_distances(x.double(), y.double())
    radii, our_radii = (np.sort(pairwise_distances(s.double()), axis=1)[:, 5] for s in (x, y))
    inside = between <= radii[:, None]
    expected = {
        "coverage": inside.any(1).mean(),
        "density": inside.sum() / 5 / m,
        "precision": inside.any(0).mean(),
        "recall": (between <= our_radii).any(1).mean(),
    }
    values = _measure(y, x).values
    assert {name: values[name].value for name in expected} == pytest.approx(expected, abs=1e-12)
    assert values["expected_coverage"].value == expected_coverage(n, m, 5)


def test_the_authors_program():
    prdc = pytest.importorskip("prdc")
    y, x = _normal(200, 6, 1, 0.3), _normal(150, 6, 2)
    expected = prdc.compute_prdc(real_features=x.numpy(), fake_features=y.numpy(), nearest_k=4)
    values = _measure(y, x, k=4).values
    assert {name: values[name].value for name in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "m", "expected"), [(1000, 1000, 0.96898), (10_000, 10_000, 0.96877), (1000, 500, 0.86897)]
)
def test_the_closed_form_of_coverage(n, m, expected):
    assert expected_coverage(n, m, 5) == pytest.approx(expected, abs=1e-5)


def test_one_law():
    """Over 40 pairs of sets the means are those of the closed forms: density 1 and the coverage."""
    found = [_measure(_normal(100, 3, 2 * r), _normal(120, 3, 2 * r + 1)).values for r in range(40)]
    for name, truth in (("density", 1.0), ("coverage", expected_coverage(120, 100, 5))):
        values = np.array([v[name].value for v in found])
        assert values.mean() == pytest.approx(truth, abs=4 * values.std() / math.sqrt(40))


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.3, 1.2)])
def test_the_errors_are_those_of_repetitions(shift, scale, monkeypatch):
    """Of 150 pairs of sets; a tenth, and three standard errors of a deviation. The spread of all halves says 1.4."""
    monkeypatch.setattr("ganbench.metrics.prdc._HALVINGS", 4)
    found = [_measure(_normal(200, 8, 2 * r) * scale + shift, _normal(200, 8, 2 * r + 1)).values for r in range(150)]
    for name in ("coverage", "density", "precision", "recall"):
        deviation = np.std([values[name].value for values in found], ddof=1)
        error = math.sqrt(np.mean([values[name].standard_error ** 2 for values in found]))
        assert error / deviation == pytest.approx(1.0, abs=0.1 + 3 / math.sqrt(300)), name


def test_errors_fall_with_the_number_of_examples(monkeypatch):
    y, x = _normal(400, 3, 1), _normal(500, 3, 2)
    of_all = _measure(y, x).values["density"].standard_error
    monkeypatch.setattr("ganbench.metrics.prdc._FOR_ERRORS", 100)
    assert _measure(y, x).values["density"].standard_error == pytest.approx(of_all, rel=0.5)
    assert _measure(y[:10], x[:10]).values["density"].standard_error is None


def test_errors_of_a_part_are_scaled_by_the_root_of_the_numbers(monkeypatch):
    y, x = _normal(400, 3, 1), _normal(500, 3, 2)
    of_part = _errors(y[:100], x[:100], 5)
    monkeypatch.setattr("ganbench.metrics.prdc._FOR_ERRORS", 100)
    assert _errors(y, x, 5) == pytest.approx({name: error / 2 for name, error in of_part.items()})


def test_the_interval_is_students():
    """With as many degrees of freedom as there are halvings."""
    values = _measure(_normal(100, 3, 1), _normal(120, 3, 2)).values
    for name in ("coverage", "density", "precision", "recall"):
        ends = [values[f"{name}_{end}"].value for end in ("low", "high")]
        assert ends == pytest.approx(t.interval(0.95, 20, values[name].value, values[name].standard_error))


def test_errors_have_roles():
    """Samples of one spot: all are precise, whichever half is looked at; their density is a matter of the half."""
    values = _measure(_normal(100, 3, 1) * 0.01, _normal(120, 3, 2)).values
    assert (values["precision"].value, values["precision"].standard_error) == (1, 0)
    assert values["density"].standard_error > 0.1
    assert values["recall"].value == 0


def test_ties():
    """The samples are the data, and all are equal: every ball holds everything."""
    x = _normal(50, 3, 1)
    values = _measure(x, x).values
    assert [values[name].value for name in ("coverage", "density", "precision", "recall")] == [1, 6 / 5, 1, 1]
    same = torch.ones(30, 3)
    result = _measure(same, same)
    assert [result.values[name].value for name in ("coverage", "density", "precision", "recall")] == [1, 6, 1, 1]
    assert {finding.code for finding in result.findings} == {"repeated-examples", "few-examples"}


def test_roles_are_not_exchanged():
    """Samples of one mode of two: they are precise and do not cover."""
    x = torch.cat((_normal(100, 2, 1), _normal(100, 2, 2, 50.0)))
    values = _measure(_normal(150, 2, 3), x).values
    assert values["precision"].value > 0.9
    assert values["recall"].value < 0.6
    assert values["coverage"].value < 0.6


def test_refusals():
    with pytest.raises(DataError, match=r"generated: 5 examples; prdc\[k=5\] needs at least 6"):
        _measure(_normal(5, 2, 1), _normal(50, 2, 2))


@pytest.mark.parametrize("space", ["pixels", "classifier"])  # all components are a rotation of the pixels
def test_it_keeps_the_contract(space):
    results = list(check_metric(f"ganbench.metrics.prdc:PRDC[space={space}]"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
