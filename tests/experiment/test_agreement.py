"""How far apart two scores are."""

from __future__ import annotations

import pytest

from ganbench.experiment.agreement import score_agreement
from ganbench.metrics.metric import Value
from ganbench.records.record import Score


def score(**values: Value) -> Score:
    return Score("ruler", 1, {}, "", next(iter(values)), values)


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("distance", 1e-8 / 2.0),  # relative to its error, which is larger than it
        ("distance_low", 1e-8 / 2.0),  # near zero by chance, and known as its value is
        ("distance_high", 1e-8 / 5.0),
        ("another_low", 1.0),  # the end of an interval of nothing
    ],
)
def test_a_value_near_zero_is_held_against_its_error(name, difference):
    values = {
        "distance": Value(1.0, standard_error=2.0, across="samples"),
        "distance_low": Value(0.0),
        "distance_high": Value(5.0),
        "another_low": Value(0.0),
    }
    moved = {**values, name: Value(values[name].value + 1e-8, None, values[name].standard_error, values[name].across)}
    found = score_agreement(score(**values), score(**moved))
    assert found.difference == pytest.approx(difference)
    assert not found.is_equal
