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
    """All of it: what is not examined is what other abilities need."""
    results = {result.name: result for result in check_model(model)}
    assert {name: result.violation for name, result in results.items() if result.status == "failed"} == {}
    of_nets, of_chains = {"codes_are_decoded", "discriminator_is_sound"}, {name for name in results if "chains" in name}
    of_chains, of_nets = of_chains | {"density_is_sound"}, of_nets | {"density_is_sound"}
    skipped = {name for name, result in results.items() if result.status == "not examined"}
    assert skipped == (of_chains if model.startswith("adversarial") else of_nets)
