"""Classes and the Vendi score: closed forms, missing modes, a plain kernel matrix."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from ganbench.conformance import check_metric
from ganbench.errors import DataError
from ganbench.metrics.class_histogram import ClassHistogram, total_variation
from ganbench.metrics.metric import Labels
from ganbench.metrics.vendi import Vendi, gaussian_similarities, vendi_score

_CENTRES = 10 * torch.eye(4)


def _modes(counts, seed):
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor(counts))
    return _CENTRES[labels] + torch.randn(len(labels), 4, generator=torch.Generator().manual_seed(seed)), labels


def _histogram(counts, valid_counts=(50, 50, 50, 50), test_counts=(100,) * 4):
    (train, of_train), (valid, of_valid) = _modes((100,) * 4, 1), _modes(valid_counts, 2)
    data = {"train": train, "valid": valid, "test": _modes(test_counts, 3)[0]}
    return ClassHistogram().measure(
        generated=_modes(counts, 4)[0], **data, labels=Labels(train=of_train, valid=of_valid)
    )


def test_separated_modes():
    """Shares 0.4, 0.3, 0.3, 0 against quarters: total variation 0.25, one mode of four is missing."""
    result = _histogram((40, 30, 30, 0))
    values = {name: value.value for name, value in result.values.items()}
    assert values["total_variation"] == pytest.approx(0.25)
    assert values["null_total_variation"] == pytest.approx(0)
    assert (values["modes_covered"], values["modes"], values["classifier_accuracy"]) == (3, 4, 1)
    assert values["p"] < 1e-6
    assert {finding.code for finding in result.findings} == {"classes-missing"}
    assert result.curves["generated"].y == pytest.approx((0.4, 0.3, 0.3, 0))
    assert not _histogram((30, 20, 25, 25)).findings


def test_the_p_value_is_that_of_a_table():
    """Two rows of equal sums: chi-square is twice that of either against their mean."""
    p = _histogram((130, 90, 100, 80)).values["p"].value
    mean = np.array([115, 95, 100, 90])
    statistic = 2 * chisquare([130, 90, 100, 80], mean).statistic
    from scipy.stats import chi2

    assert p == pytest.approx(chi2.sf(statistic, 3))


def test_the_error_of_the_total_variation():
    """Only the first class has a larger share, 0.8 against 0.25: the deviation of a difference of binomial shares."""
    found = _histogram((160, 40, 0, 0)).values["total_variation"]
    assert found.standard_error == pytest.approx(math.sqrt(0.8 * 0.2 / 200 + 0.25 * 0.75 / 400), rel=0.2)
    assert total_variation(np.array([1, 0]), np.array([0, 3])) == 1


def test_the_roles_of_all_parts():
    """Validation shares 0.4, 0.2, 0.2, 0.2 against the test data's 0.1, 0.3, 0.3, 0.3, which samples have too."""
    values = _histogram((20, 60, 60, 60), (80, 40, 40, 40), (40, 120, 120, 120)).values
    assert values["total_variation"].value == pytest.approx(0)
    assert values["p"].value == pytest.approx(1)
    assert values["null_total_variation"].value == pytest.approx(0.3)


def test_both_sets_make_the_error():
    """20,000 samples are all but certain; of 40 test examples, a quarter are of the first class."""
    found = _histogram((18_500, 500, 500, 500), test_counts=(10, 10, 10, 10)).values["total_variation"]
    assert found.standard_error == pytest.approx(math.sqrt(0.25 * 0.75 / 40), rel=0.2)


@pytest.mark.parametrize(("counts", "covered"), [((48, 24, 23, 5), 4), ((49, 25, 24, 2), 3)])
def test_a_class_is_covered_from_a_tenth_of_its_share_on(counts, covered):
    assert _histogram(counts).values["modes_covered"].value == covered


def test_labels_are_needed():
    x = torch.zeros(10, 2)
    with pytest.raises(DataError, match="needs training labels of two classes"):
        ClassHistogram().measure(generated=x, train=x, valid=x, test=x, labels=Labels())


def _normal(n, d, seed, scale=1.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) * scale


@pytest.mark.parametrize("n", [2, 3, 8])
def test_examples_all_unlike_and_all_equal(n):
    assert vendi_score(torch.eye(n))[0] == pytest.approx(n)
    assert vendi_score(torch.ones(n, n)) == pytest.approx((1, 0), abs=1e-9)


def test_a_pair_and_another():
    """Eigenvalues 1.9 / 3, 1 / 3 and 0.1 / 3; the authors' program prints 2.1573."""
    similarities = torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    assert vendi_score(similarities)[0] == pytest.approx(2.1573, abs=5e-5)


def test_similarities_are_those_of_plain_distances():
    points = _normal(40, 6, 1)
    expected = torch.exp(-torch.cdist(points.double(), points.double()).square() / 2 / 1.5**2)
    torch.testing.assert_close(gaussian_similarities(points, 1.5), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("width", [0.5, 1.0])
def test_a_normal_law(width):
    """Its eigenvalues are (1 - B) B^k (Rasmussen and Williams, 2006, section 4.3.1); their entropy is that of k."""
    a, b = 0.25, 0.5 / width**2
    ratio = b / (a + b + math.sqrt(a * a + 2 * a * b))
    entropy = -(math.log(1 - ratio) + ratio / (1 - ratio) * math.log(ratio))
    score, error = vendi_score(gaussian_similarities(_normal(1500, 1, 1), width))
    assert score == pytest.approx(math.exp(entropy), abs=3 * error)
    assert error < 0.05 * score


def test_the_error_is_that_of_repetitions():
    """At one bandwidth, of 200 sets; the score of a set is below that of its law by less than that."""
    found = np.array([vendi_score(gaussian_similarities(_normal(100, 2, r), 1.0)) for r in range(200)])
    assert math.sqrt((found[:, 1] ** 2).mean()) == pytest.approx(found[:, 0].std(), rel=4 / math.sqrt(400))


def test_one_law_and_collapse_beside_the_data():
    """Collapse to one example, and to the mean with noise that nobody sees, are alike."""
    test = _normal(300, 5, 1)
    for samples in (test[:1].repeat(200, 1), test.mean(0) + _normal(200, 5, 2, 1e-4)):
        result = Vendi().measure(generated=samples, test=test)
        assert result.values["vendi_score"].value == pytest.approx(1, abs=1e-3)
        assert result.values["relative_vendi_score"].value < 0.25
    relative = Vendi().measure(generated=_normal(300, 5, 3), test=test).values["relative_vendi_score"]
    assert relative.value == pytest.approx(1, abs=3 * relative.standard_error)
    narrow = Vendi().measure(generated=_normal(300, 5, 3, 0.6), test=test).values["relative_vendi_score"]
    assert narrow.value < 1 - 10 * narrow.standard_error


def test_health_of_the_vendi_score():
    test = _normal(40, 5, 1)
    result = Vendi(bandwidth=0.01).measure(generated=_normal(60, 5, 2), test=test)
    assert {finding.code for finding in result.findings} == {"few-examples", "saturated"}
    assert result.values["vendi_score"].value == pytest.approx(40, abs=0.05)
    with pytest.raises(DataError, match="leaves a kernel no bandwidth"):
        Vendi().measure(generated=test, test=torch.ones(9, 5))


@pytest.mark.parametrize("spec", ["class_histogram:ClassHistogram", "vendi:Vendi", "vendi:Vendi[space=classifier]"])
def test_they_keep_the_contract(spec):
    results = list(check_metric(f"ganbench.metrics.{spec}"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
