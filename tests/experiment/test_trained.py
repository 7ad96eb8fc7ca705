"""Trained models of records and cells."""

from __future__ import annotations

import msgspec
import pytest
import torch

import ganbench
from ganbench.errors import ModelError, StoreError
from ganbench.experiment.trained import trained_model
from ganbench.protocols import Selection
from ganbench.runtime.seeding import torch_generator


@pytest.fixture
def outcome(tmp_path):
    return ganbench.run("digits", models=["adversarial[epochs=1]"], results=tmp_path / "results", jobs=1)


def test_the_model_draws_the_samples_of_the_record(outcome):
    cell, record = outcome.plan.cells[1], outcome.records[1]
    samples, _ = outcome.store.read_samples(record.samples.key)
    for what in (cell, record):
        model = trained_model(what, outcome.store)
        drawn = model.sample(len(samples), generator=torch_generator(cell.seed_for("sample"), "cpu"))
        assert torch.equal(drawn, torch.from_numpy(samples))


def test_what_is_not_there_is_said(outcome, tmp_path):
    cell, record = outcome.plan.cells[0], outcome.records[0]
    other = msgspec.structs.replace(record, samples=msgspec.structs.replace(record.samples, key="f" * 64))
    with pytest.raises(StoreError, match="made by other code or on other data"):
        trained_model(other, outcome.store)
    state = outcome.store.read_checkpoint(cell.train_key, "cpu")
    outcome.store.write_checkpoint(cell.train_key, {**state, "epochs": 3})
    with pytest.raises(StoreError, match=r"3 epochs; the samples .* were drawn after 1\. Run it again"):
        trained_model(cell, outcome.store)
    outcome.store.checkpoint_path(cell.train_key).unlink()
    with pytest.raises(StoreError, match=r"seed 0 is not there"):
        trained_model(record, outcome.store)


def test_samples_have_no_model(tmp_path, outcome):
    scored = ganbench.evaluate(torch.rand(20, 8, 8), "digits", results=tmp_path / "other")
    with pytest.raises(ModelError, match="there is no model of them"):
        trained_model(scored.plan.cells[0], scored.store)


def test_a_selected_epoch_is_the_one_that_was_sampled(tmp_path):
    """The checkpoint ends elsewhere: the parameters that were best on validation data are beside its own."""
    digits = ganbench.load_protocol("digits")
    rule = Selection(("adversarial",), every=1)
    protocol = msgspec.structs.replace(digits, name="selected", selection=rule, n_samples=200)
    outcome = ganbench.run(protocol, models=["adversarial[epochs=4]"], results=tmp_path / "results", jobs=1)
    cells = [(c, r) for c, r in zip(outcome.plan.cells, outcome.records, strict=True) if r.training.selected_epoch < 4]
    assert cells
    for cell, record in cells:
        samples, _ = outcome.store.read_samples(record.samples.key)
        generator = torch_generator(cell.seed_for("sample"), "cpu")
        drawn = trained_model(record, outcome.store).sample(len(samples), generator=generator)
        assert torch.equal(drawn, torch.from_numpy(samples))
