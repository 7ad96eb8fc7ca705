"""`--metrics all`, and how long given samples take."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import ganbench
from ganbench.experiment.every_metric import with_every_metric
from ganbench.experiment.plan import Request, make_plan
from ganbench.experiment.scoring_time import needs_no_training, seconds_of_scoring
from ganbench.protocols import load_protocol
from ganbench.registry.metrics import ENTRY_POINT_GROUP
from ganbench.registry.source import installed

_RNG = np.random.default_rng(0)


def _cells(samples, dataset, *metrics):
    return make_plan(Request(load_protocol("digits"), models=(samples,), datasets=(dataset,), metrics=metrics)).cells


def test_every_installed_metric_once():
    """Those that the protocol has stay as it has them."""
    digits = ganbench.load_dataset("digits")
    found = with_every_metric(("parzen[validation_limit=10]", "all", "vendi[limit=50]"), digits)
    assert found[:2] == ("parzen[validation_limit=10]", "vendi[limit=50]")
    assert set(found[2:]) == set(installed(ENTRY_POINT_GROUP)) - {"parzen", "vendi"}
    assert with_every_metric(("kid", "vendi"), digits) == ("kid", "vendi")


def test_vectors_without_labels_have_no_shifts_and_no_classes():
    found = with_every_metric(["all"], ganbench.Dataset.from_arrays(_RNG.random((60, 3)), name="vectors"))
    assert set(installed(ENTRY_POINT_GROUP)) - set(found) == {"shifted_copies", "class_histogram"}


def test_given_samples_take_time_by_their_metrics():
    digits = ganbench.load_dataset("digits")
    first = dataclasses.replace(digits, splits=digits.splits[:1])
    (few,) = _cells(_RNG.random((20, 64), dtype=np.float32), first)
    (all_,) = _cells(_RNG.random((20, 64), dtype=np.float32), first, "all")
    size = 10_000 * len(digits.splits[0].train) * 64 / (10_000 * 50_000 * 784)
    assert seconds_of_scoring(few) == pytest.approx(size * (9 + 1.4))  # parzen and nearest_neighbors
    assert 7 < seconds_of_scoring(all_) / seconds_of_scoring(few) < 9
    assert needs_no_training(few)
    assert not needs_no_training(_cells("dbn", first)[0])


@pytest.mark.parametrize("protocol", ["digits"])
def test_samples_are_scored_by_all(protocol, tmp_path):
    digits = ganbench.load_dataset("digits")
    first = dataclasses.replace(digits, splits=digits.splits[:1])
    run = ganbench.evaluate(digits.splits[0].valid[:60], first, protocol=protocol, metrics="all", results=tmp_path)
    assert run.succeeded
    assert {score.metric for score in run.records[0].scores} == set(installed(ENTRY_POINT_GROUP)) - {"mixing"}
