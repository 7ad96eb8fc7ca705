"""Counting how often intervals cover."""

from __future__ import annotations

import numpy as np

from ganbench.metrics.metric import MetricResult, Value
from tools.intervals.__main__ import _cell, _numbers


class _Fixed:
    needs = ("test",)

    def measure(self, **data):
        own = {"a": Value(1.0, "", 0.5, "examples"), "a_low": Value(0.9), "a_high": Value(9.0)}
        return MetricResult({**own, "b": Value(2.0, "", 0.5, "examples"), "p": Value(0.04), "c": Value(7.0)})


def test_an_interval_of_its_own_goes_before_two_errors():
    found = list(_numbers(_Fixed(), {"generated": None, "test": None}))
    assert found == [("a", 1.0, 0.5, 0.9, 9.0), ("b", 2.0, 0.5, 2 - 0.98, 2 + 0.98), ("p", 0.04, 0.0, 0.04, 0.04)]


def test_what_a_cell_says():
    """Errors 1 where the deviation is 2; two of three intervals hold the mean, 2."""
    rows = np.array([(0.0, 1.0, -1.0, 1.9), (2.0, 1.0, 1.0, 3.0), (4.0, 1.0, 2.0, 9.0)])
    assert _cell("value", rows) == "0.50, 66.7%"
    assert (
        _cell("metric p", np.array([(0.01, 0, 0, 0), (0.05, 0, 0, 0), (0.2, 0, 0, 0), (0.9, 0, 0, 0)]))
        == "rejects 50.0%"
    )
