"""Our own four models enter by the same door and keep the same contract."""

from __future__ import annotations

import pytest

from ganbench.conformance import check_model
from ganbench.registry.models import ENTRY_POINT_GROUP
from ganbench.registry.source import installed

MODELS = (
    "adversarial[epochs=3,momentum_saturation_epoch=2]",
    "cae[epochs=[2,1]]",
    "dbn[epochs=[1,2]]",
    "gsn[epochs=3]",
)


def test_all_four_are_installed():
    assert {model.partition("[")[0] for model in MODELS} <= set(installed(ENTRY_POINT_GROUP))


@pytest.mark.parametrize("model", MODELS)
def test_model_keeps_the_contract(model):
    assert {result.name: result.violation for result in check_model(model) if result.status != "passed"} == {}
