"""Our own four models enter by the same door and keep the same contract."""

from __future__ import annotations

import pytest

from ganbench.conformance import check_model
from ganbench.registry.models import model_entry_points

MODELS = ("adversarial", "cae", "dbn", "gsn")


def test_all_four_are_installed():
    assert set(MODELS) <= set(model_entry_points())


@pytest.mark.parametrize("model", MODELS)
def test_model_keeps_the_contract(model):
    violations = {result.name: result.violation for result in check_model(model) if result.violation}
    assert violations == {}
