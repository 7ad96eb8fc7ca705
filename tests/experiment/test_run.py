"""The executor: failures are rows, nothing is computed twice, and what was interrupted goes on."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from serial_runs import run_serially, without_times

from ganbench.experiment import training
from ganbench.experiment.plan import plan_cells
from ganbench.experiment.progress import Silence
from ganbench.experiment.run import run_cells
from ganbench.records.store import Store


@pytest.fixture
def epochs(monkeypatch):
    """The epochs that are trained, as a list that grows."""
    seen = []
    checked = training._checked
    monkeypatch.setattr(training, "_checked", lambda m, c, epoch: seen.append(epoch) or checked(m, c, epoch))
    return seen


def test_a_record_has_its_numbers_and_their_origin(request_toys, store):
    (record,) = run_serially(request_toys("PixelwiseGaussian[epochs=2]"), store)
    assert (record.status, record.n_samples, record.fold, record.model) == ("done", 20, "standard", "PixelwiseGaussian")
    assert set(record.likelihood) == {"grid", "refined"}
    assert len(record.likelihood["grid"]["log_likelihoods"]) == 12
    assert record.likelihood["grid"]["bandwidth"] in (0.1, 0.2, 0.4, 0.8)
    assert (record.nearest_neighbors["generated"]["n"], record.nearest_neighbors["test"]["n"]) == (5, 5)
    assert (record.training["epochs"], list(record.training["metrics"])) == (2, ["deviation"])
    assert torch.__version__.startswith(record.provenance["packages"]["torch"])
    assert {"started", "train_seconds", "sample_seconds", "score_seconds"} == set(record.timing)
    (cell,) = plan_cells(request_toys("PixelwiseGaussian[epochs=2]"))
    assert cell.stored_record(store) == record


def test_only_the_timing_of_equal_runs_differs(request_toys, store, tmp_path):
    request = request_toys("PixelwiseGaussian", "uniform")
    first, second = run_serially(request, store), run_serially(request, Store(tmp_path / "again"))
    assert [without_times(r) for r in first] == [without_times(r) for r in second]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("RaisesInSample", "RuntimeError: no samples today"),
        ("LeavesPython", "SystemExit: 0"),
        ("RaisesInFit", "RuntimeError: the second epoch\nis too hard"),
        ("RaisesInConstructor", "no accelerator for this model"),
        ("Diverges", "diverged: loss is nan after epoch 2"),
        ("NotFinite", "1 of 20 samples hold NaN or infinity"),
        ("GreyLevels", "They look like 0..255: divide by 255."),
        ("Transposed", "samples have shape [20, 8]; expected [n, 3, 3] or [n, 9]"),
        ("ReturnsArrays", "sample returned ndarray; expected a torch.Tensor"),
        ("LacksSample", "lacks the method sample"),
        ("PixelwiseGaussian[spread=-1]", "spread must not be negative"),
        ("Missing", "has no attribute 'Missing'"),
    ],
)
def test_a_failure_is_a_row_and_the_rest_goes_on(request_toys, store, model, reason):
    failed, done = run_serially(request_toys(model, "PixelwiseGaussian"), store)
    assert (failed.status, done.status) == ("failed", "done")
    assert reason in failed.reason
    assert failed.likelihood == {}
    (cell, _) = plan_cells(request_toys(model, "PixelwiseGaussian"))
    assert cell.stored_record(store) is None  # it is tried again


def test_a_defect_keeps_its_traceback(request_toys, store):
    (record,) = run_serially(request_toys("RaisesInSample"), store)
    assert "Traceback" in record.traceback
    assert 'in sample\n    raise RuntimeError("no samples today")' in record.traceback
    (record,) = run_serially(request_toys("Diverges"), store)
    assert record.traceback == ""


def test_too_few_samples_are_refused(request_toys, store):
    (record,) = run_serially(request_toys("TwoAtATime", n_samples=3), store)
    assert "sample(3) returned 4 samples" in record.reason


def test_an_interruption_is_no_failure(request_toys, store, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_checked", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_serially(request_toys("PixelwiseGaussian"), store)
    assert list(store.records()) == []


def test_training_goes_on_from_its_checkpoint(request_toys, store, tmp_path, monkeypatch, epochs):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    request = request_toys("PixelwiseGaussian[epochs=5]")
    (expected,) = run_serially(request, Store(tmp_path / "undisturbed"))
    del epochs[:]

    class Interrupted(Silence):
        def epoch_finished(self, epoch, total, metrics):
            assert total == 5
            if epoch == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_cells(plan_cells(request), store, "cpu", Interrupted()))
    assert epochs == [1, 2, 3, 4]
    del epochs[:]
    (record,) = run_serially(request, store)
    assert epochs == [4, 5]  # the fourth was not stored
    assert without_times(record) == without_times(expected)
    assert record.timing["train_seconds"] > 0


def test_training_and_samples_are_taken_from_the_store(request_toys, store, epochs):
    request = request_toys("PixelwiseGaussian")
    (first,) = run_serially(request, store)
    assert epochs == [1, 2, 3]
    finer = request_toys("PixelwiseGaussian", bandwidth_grid=[0.1, 0.15, 0.2])
    (cell,) = plan_cells(finer)
    assert cell.stored_record(store) is None  # there is one in its place, by other rules
    (second,) = run_serially(finer, store)
    assert epochs == [1, 2, 3]
    assert second.samples_sha256 == first.samples_sha256
    assert "sample_seconds" not in second.timing
    assert second.key != first.key
    assert second.training == first.training


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"damaged", "cannot be read (UnpicklingError). Delete it to train again"),
        ({"format": 99}, "does not fit .* it has format 99, expected 1"),
        ({"format": 1, "model": {}}, "does not fit"),
        ([1], "does not fit"),
    ],
)
def test_an_unreadable_checkpoint_is_a_row(request_toys, store, content, reason):
    request = request_toys("PixelwiseGaussian", "uniform")
    cell, _ = plan_cells(request)
    store.write_checkpoint(cell.train_key, content)
    if isinstance(content, bytes):
        store.checkpoint_path(cell.train_key).write_bytes(content)
    failed, done = run_serially(request, store)
    assert (failed.status, done.status) == ("failed", "done")
    assert reason.replace(" .* ", "") in failed.reason or all(part in failed.reason for part in reason.split(" .* "))
    assert store.checkpoint_path(cell.train_key).exists()


def test_damaged_samples_are_a_row(request_toys, store):
    request = request_toys("PixelwiseGaussian")
    run_serially(request, store)
    (cell,) = plan_cells(request)
    store.array_path("samples", cell.samples_key).write_bytes(b"")
    (record,) = run_serially(request, store)
    assert (record.status, record.traceback) == ("failed", "")
    assert "Delete the file to make it again" in record.reason


def test_a_file_of_samples_is_scored_and_not_trained(request_toys, store, tmp_path, epochs):
    np.savez(tmp_path / "mine.npz", np.random.default_rng(3).random((15, 9)))
    (record,) = run_serially(request_toys(str(tmp_path / "mine.npz")), store)
    assert (record.status, record.n_samples, record.training, epochs) == ("done", 15, {}, [])


def test_data_that_are_not_there_are_rows_of_every_model(request_toys, store, tmp_path):
    request = request_toys("PixelwiseGaussian", "uniform", datasets="[{ name = 'tfd' }]")
    records = run_serially(dataclasses.replace(request, data_root=str(tmp_path)), store)
    assert [(r.model, r.status) for r in records] == [("PixelwiseGaussian", "failed"), ("uniform", "failed")]
    assert len(list(store.records())) == 2


def test_the_bandwidth_is_chosen_on_the_first_validation_examples(request_toys, store, toy_images):
    table = f"[{{ name = {json.dumps(toy_images)}, validation_limit = 2 }}]"
    request = request_toys("PixelwiseGaussian", datasets=table)
    (record,) = run_serially(request, store)
    (cell,) = plan_cells(request)
    samples = store.read_arrays("samples", cell.samples_key)["samples"].reshape(20, 9).astype(np.float64)
    valid = np.load(toy_images)["valid"][:2].reshape(2, 9).astype(np.float64)
    square = ((valid[:, None] - samples) ** 2).sum(2)
    grid = np.array([0.1, 0.2, 0.4, 0.8])
    # mean over examples of the log of the mean kernel, in 9 dimensions
    kernels = np.exp(-square / (2 * grid[:, None, None] ** 2)).mean(2)
    expected = (np.log(kernels) - 4.5 * np.log(2 * np.pi * grid[:, None] ** 2)).mean(1)
    assert record.likelihood["grid"]["valid_curve"] == pytest.approx(expected, abs=1e-4)
    assert record.likelihood["grid"]["bandwidth"] == grid[expected.argmax()]
    assert record.likelihood["grid"]["valid_mean_log_likelihood"] == pytest.approx(expected.max(), abs=1e-4)


def test_data_without_likelihood(request_toys, store, toy_images):
    table = f"[{{ name = {json.dumps(toy_images)}, likelihood = false }}]"
    (record,) = run_serially(request_toys("uniform", datasets=table), store)
    assert (record.status, record.likelihood, record.n_samples) == ("done", {}, 20)
    assert record.nearest_neighbors["generated"]["mean"] > 0
