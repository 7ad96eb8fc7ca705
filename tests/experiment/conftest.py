"""Cells of toy experiments."""

from __future__ import annotations

import pytest

from ganbench.experiment.plan import ExperimentRequest
from ganbench.protocols import load_protocol
from ganbench.records.store import Store


@pytest.fixture
def store(tmp_path) -> Store:
    """An empty results folder."""
    store = Store(tmp_path / "results")
    store.prepare()
    return store


@pytest.fixture
def request_toys(toy_protocol, toys):
    """Makes a request for toy models by name, with changes to the protocol."""

    def make(*models: str, seeds: int = 1, **changes) -> ExperimentRequest:
        protocol = load_protocol(toy_protocol(**changes))
        specs = tuple(name if "/" in name else f"{toys}:{name}" for name in models)
        return ExperimentRequest(protocol, models=specs, seeds=seeds)

    return make
