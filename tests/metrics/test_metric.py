"""The parts of a result: plain, finite, and read back as they were written."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
import torch

from ganbench.metrics import Curve, Finding, Metric, MetricResult, Value
from ganbench.metrics.neighbors import NearestNeighbors
from ganbench.metrics.parzen import Parzen


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.array, torch.tensor, float, int])
def test_numbers_of_numpy_and_torch_become_plain(kind):
    value = Value(kind(2), "nats", kind(1), "examples", [kind(1), kind(3)])
    assert value == Value(2.0, "nats", 1.0, "examples", (1.0, 3.0))
    assert {type(x) for x in (value.value, value.standard_error, *value.per_example)} == {float}
    assert msgspec.json.decode(msgspec.json.encode(value), type=Value) == value


def test_vectors_become_tuples():
    expected = (1.0, 2.0)
    for vector in (np.array([1, 2]), torch.tensor([1.0, 2.0]), [1, 2]):
        assert Value(0.0, per_example=vector).per_example == expected
        curve = Curve("x", "y", vector, vector)
        assert (curve.x, curve.y) == (expected, expected)
    result = MetricResult({"a": Value(1)}, findings=[Finding("code", "text")])
    assert msgspec.json.decode(msgspec.json.encode(result), type=MetricResult) == result


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Value(math.nan), "value must be finite; got nan"),
        (lambda: Value(1.0, "", math.inf, "examples"), "standard_error must be finite; got inf"),
        (lambda: Value(1.0, per_example=(1.0, math.nan)), "per_example must be finite"),
        (lambda: Value(1.0, "", 0.1), "a standard error says what it is across"),
        (lambda: Value(1.0, "", None, "examples"), "a standard error says what it is across"),
        (lambda: Value(1.0, "", -0.1, "examples"), "must not be negative"),
        (lambda: Curve("x", "y", (1.0,), ()), "as many x as y; got 1 and 0"),
        (lambda: Curve("x", "y", (1.0,), (math.inf,)), "the curve of 'y' must be finite"),
        (lambda: MetricResult({}), "at least one value"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_ours_are_metrics():
    assert isinstance(Parzen(), Metric)
    assert isinstance(NearestNeighbors(), Metric)
    assert not isinstance(object(), Metric)


def test_the_example_of_the_contract_runs(tmp_path):
    """The manual's own metric, as it stands in the docstring."""
    import ganbench.metrics.metric as contract
    from ganbench.conformance import check

    lines = contract.__doc__.partition("::\n")[2].partition("\n`ganbench check")[0].splitlines()
    (tmp_path / "my_metric.py").write_text("\n".join(line[4:] for line in lines), encoding="utf-8")
    results = list(check(f"{tmp_path}/my_metric.py:PixelMean"))
    assert len(results) > 10
    assert [r.violation for r in results if r.status == "failed"] == []
