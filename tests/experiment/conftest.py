"""Cells of toy experiments."""

from __future__ import annotations

import pytest

from ganbench.experiment import training
from ganbench.experiment.plan import Request
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
    """Makes a request for toy models by name, or models in memory, with changes to the protocol."""

    def make(*models, seeds: int = 1, more_metrics=(), datasets=(), of_protocol: str = "", **changes) -> Request:
        if of_protocol:
            changes["datasets"] = of_protocol
        protocol = load_protocol(toy_protocol(**changes))
        specs = (m if not isinstance(m, str) or "/" in m else f"{toys}:{m}" for m in models)
        return Request(protocol, tuple(specs), tuple(datasets), tuple(more_metrics), tuple(range(seeds)))

    return make


@pytest.fixture
def epochs(monkeypatch) -> list[int]:
    """The epochs that are trained, as a list that grows."""
    seen: list[int] = []
    checked = training._checked
    monkeypatch.setattr(training, "_checked", lambda m, c, epoch: seen.append(epoch) or checked(m, c, epoch))
    return seen
