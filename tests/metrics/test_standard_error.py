"""Standard errors of a mean."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ganbench.errors import UsageError
from ganbench.metrics import mean_with_error


def test_both_conventions_by_hand():
    summary = mean_with_error(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), across="folds")
    assert summary.mean == 3
    assert summary.standard_error == pytest.approx(math.sqrt(2) / math.sqrt(5))
    assert summary.standard_error_unbiased == pytest.approx(math.sqrt(2.5) / math.sqrt(5))
    assert (summary.across, summary.n) == ("folds", 5)


def test_a_single_value_has_no_error():
    summary = mean_with_error(np.array([2.0]), across="seeds")
    assert (summary.mean, summary.n) == (2, 1)
    assert math.isnan(summary.standard_error)
    assert math.isnan(summary.standard_error_unbiased)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_bad_values_are_refused(values):
    with pytest.raises(UsageError, match="at least one value, all finite"):
        mean_with_error(np.array(values), across="examples")
