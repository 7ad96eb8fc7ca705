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
from ganbench.metrics.vendi import Vendi, vendi_score

_CENTRES = 10 * torch.eye(4)


def _modes(counts, seed):
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor(counts))
    return _CENTRES[labels] + torch.randn(len(labels), 4, generator=torch.Generator().manual_seed(seed)), labels


def _histogram(counts, valid_counts=(50, 50, 50, 50)):
    (train, of_train), (valid, of_valid) = _modes((100,) * 4, 1), _modes(valid_counts, 2)
    data = {"train": train, "valid": valid, "test": _modes((100,) * 4, 3)[0]}
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


def test_labels_are_needed():
    x = torch.zeros(10, 2)
    with pytest.raises(DataError, match="needs training labels of two classes"):
        ClassHistogram().measure(generated=x, train=x, valid=x, test=x, labels=Labels())


@pytest.mark.parametrize("n", [1, 3, 8])
def test_orthogonal_and_equal_points(n):
    assert vendi_score(torch.eye(8)[:n]) == pytest.approx(n)
    assert vendi_score(torch.ones(n, 5)) == pytest.approx(1)


def test_a_plain_kernel_matrix():
    points = torch.randn(40, 6, generator=torch.Generator().manual_seed(1)).double()
    kernel = torch.corrcoef(points) * 0 + torch.nn.functional.cosine_similarity(points[:, None], points[None], dim=2)
    eigenvalues = np.linalg.eigvalsh(kernel.numpy() / 40)
    eigenvalues = eigenvalues[eigenvalues > 1e-12]
    assert vendi_score(points) == pytest.approx(math.exp(-(eigenvalues * np.log(eigenvalues)).sum()))


def test_the_error_is_that_of_repetitions():
    generator = torch.Generator().manual_seed(1)
    scales = torch.tensor([3.0, 1.0, 0.3])
    found = [
        Vendi(space="pixels")
        .measure(
            generated=torch.randn(100, 3, generator=generator) * scales,
            test=torch.randn(2000, 3, generator=generator) * scales,
        )
        .values["vendi_score"]
        for _ in range(150)
    ]
    deviation = np.std([value.value for value in found])
    error = math.sqrt(np.mean([value.standard_error**2 for value in found]))
    assert error == pytest.approx(deviation, rel=4 / math.sqrt(300))


def test_collapse_shows_beside_the_data():
    test = torch.randn(300, 5, generator=torch.Generator().manual_seed(1))
    result = Vendi(space="pixels").measure(generated=test[:1].repeat(200, 1), test=test)
    assert result.values["vendi_score"].value == pytest.approx(1)
    assert result.values["relative_vendi_score"].value < 0.25


@pytest.mark.parametrize("spec", ["class_histogram:ClassHistogram", "vendi:Vendi", "vendi:Vendi[space=classifier]"])
def test_they_keep_the_contract(spec):
    results = list(check_metric(f"ganbench.metrics.{spec}"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
