"""Cells: failures are rows, nothing is computed twice, and what was interrupted goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from serial_runs import run_serially, without_times

from ganbench.experiment import cell as cells
from ganbench.experiment import training
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.executors import Serial, units_of
from ganbench.experiment.plan import make_plan
from ganbench.experiment.progress import Silence
from ganbench.records.store import Store


def test_a_record_has_its_numbers_and_their_origin(request_toys, store):
    (record,) = run_serially(request_toys("PixelwiseGaussian[epochs=2]"), store)
    assert (record.status, record.samples.n, record.fold) == ("done", 20, "standard")
    assert record.model.spec == "models.py:PixelwiseGaussian[epochs=2]"
    assert set(record.model.depends_on) == {"models"}
    assert [score.metric for score in record.scores] == ["parzen", "nearest_neighbors"]
    parzen = record.score("parzen")
    assert len(parzen.values["mean_log_likelihood"].per_example) == 12
    assert parzen.values["grid_bandwidth"].value in (0.1, 0.2, 0.4, 0.8)
    assert (record.training.epochs, list(record.training.metrics)) == (2, ["deviation"])
    assert torch.__version__.startswith(record.provenance["packages"]["torch"])
    assert record.timing.started
    assert set(record.timing.score_seconds) == {"parzen[grid=[0.1,0.2,0.4,0.8]]", "nearest_neighbors[limit=5]"}
    plan = make_plan(request_toys("PixelwiseGaussian[epochs=2]"))
    assert plan.stored(store) == {plan.cells[0].place: record}


def test_only_the_timing_of_equal_runs_differs(request_toys, store, tmp_path):
    request = request_toys("PixelwiseGaussian", "uniform")
    first, second = run_serially(request, store), run_serially(request, Store(tmp_path / "again"))
    assert [without_times(r) for r in first] == [without_times(r) for r in second]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("RaisesInSample", "RuntimeError: no samples today (models.py, line "),
        ("LeavesPython", "SystemExit: 0"),
        ("RaisesInFit", "RuntimeError: the second epoch\nis too hard"),
        ("RaisesInConstructor", "no accelerator for this model"),
        ("Diverges", "diverged: loss is nan after epoch 2"),
        ("NotFinite", "1 of 20 samples hold NaN or infinity"),
        ("GreyLevels", "They look like 0..255: divide by 255."),
        ("Transposed", "samples have shape [20, 8]; expected [n, 3, 3] or [n, 9]"),
        ("ReturnsArrays", "sample returned ndarray; expected a torch.Tensor"),
        ("LacksSample", "lacks the method sample"),
        ("YieldsNumbers", "fit yielded float after epoch 1; expected a mapping of named numbers"),
        ("YieldsWords", "fit yielded 'deviation': 'small' after epoch 1, which is no number (could not convert"),
        ("YieldsHugeNumbers", "which is no number (int too large to convert to float). Yield floats, as in `yield"),
        ("ChangesItsData", "the training data were changed in place. Work on a copy, as in train = train.clone()."),
        ("KeepsObjects", "state['made by'] is type, which cannot be stored."),
    ],
)
def test_a_failure_is_a_row_and_the_rest_goes_on(request_toys, store, model, reason):
    failed, done = run_serially(request_toys(model, "PixelwiseGaussian"), store)
    assert (failed.status, done.status) == ("failed", "done")
    assert reason in failed.reason
    assert failed.scores == ()
    plan = make_plan(request_toys(model, "PixelwiseGaussian"))
    assert list(plan.stored(store)) == [done.place]  # the other is tried again


def _model(tmp_path: Path, toys: str, body: str) -> str:
    """A spec of a toy model with other methods."""
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    text = Path(toys).read_text(encoding="utf-8") + f"\n\nclass Mine(PixelwiseGaussian):\n{indented}"
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    return f"{tmp_path}/mine.py:Mine"


_IN_FIT = """def fit(self, train, *, generator):
    {}
    yield from super().fit(train, generator=generator)"""
_IN_SAMPLE = """def sample(self, n, *, generator):
    {}
    return super().sample(n, generator=generator).float()"""
_IN_CONSTRUCTOR = """def __init__(self, event_shape, **settings):
    super().__init__(event_shape, **settings)
    {}"""


@pytest.mark.parametrize("where", [_IN_FIT, _IN_SAMPLE, _IN_CONSTRUCTOR], ids=["fit", "sample", "constructor"])
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("torch.set_default_dtype(torch.float64)", "torch's default data type"),
        ("torch.set_num_threads(3)", "the number of threads (torch.set_num_threads) was changed"),
        ("torch.set_grad_enabled(False)", "whether gradients are recorded"),
    ],
)
def test_what_a_model_changes_for_all_fails_its_cell_and_no_other(
    request_toys, store, tmp_path, toys, where, statement, reason
):
    before = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    (expected,) = run_serially(request_toys("PixelwiseGaussian"), Store(tmp_path / "alone"))
    mine = _model(tmp_path, toys, where.format(statement))
    failed, after = run_serially(request_toys(mine, "PixelwiseGaussian"), store)
    assert failed.status == "failed"
    assert reason in failed.reason
    assert without_times(after) == without_times(expected)
    assert (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()) == before


def test_the_global_random_state_is_not_for_models(request_toys, store, tmp_path, toys):
    mine = _model(tmp_path, toys, _IN_SAMPLE.format("torch.manual_seed(1)"))
    (failed,) = run_serially(request_toys(mine), store)
    assert "torch's global random state was changed. Draw from the generator that is passed in" in failed.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def fit(self, train, *, generator):\n    pass", "fit returned NoneType; it must be a generator"),
        ("def fit(self, train, *, generator):\n    return 3.0", "fit returned float; it must be a generator"),
    ],
)
def test_fit_that_is_no_generator(request_toys, store, tmp_path, toys, body, reason):
    (record,) = run_serially(request_toys(_model(tmp_path, toys, body)), store)
    assert reason in record.reason


def test_a_state_with_numpy_scalars_is_stored_and_read_again(request_toys, store, tmp_path, toys, monkeypatch):
    body = """def state_dict(self):
    import numpy
    return {**super().state_dict(), "epoch": numpy.int64(self.epoch), "loss": numpy.float32(0.5)}"""
    mine = _model(tmp_path, toys, body)
    (record,) = run_serially(request_toys(mine), store)
    (plan_cell,) = make_plan(request_toys(mine)).cells
    state = store.read_checkpoint(plan_cell.train_key, "cpu")["model"]
    assert (record.status, state["epoch"], state["loss"]) == ("done", 3, 0.5)
    store.samples_path(plan_cell.samples_key).unlink()
    store.record_path("toy", plan_cell.place).unlink()
    (again,) = run_serially(request_toys(mine), store)
    assert without_times(again) == without_times(record)


def test_samples_of_other_types_are_converted(request_toys, store, tmp_path, toys):
    body = _IN_SAMPLE.format("").replace(".float()", ".bfloat16()")
    (record,) = run_serially(request_toys(_model(tmp_path, toys, body)), store)
    (cell,) = make_plan(request_toys(_model(tmp_path, toys, body))).cells
    samples, _ = store.read_samples(cell.samples_key)
    assert (record.status, samples.dtype) == ("done", np.float32)
    np.testing.assert_array_equal(samples, torch.from_numpy(samples).bfloat16().float().numpy())


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
        def epoch_finished(self, cell, epoch, total, metrics):
            assert (cell.model.name, total) == ("PixelwiseGaussian", 5)
            if epoch == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Serial()(units_of(make_plan(request).cells), store, Conditions(), Interrupted()))
    assert epochs == [1, 2, 3, 4]
    del epochs[:]
    (record,) = run_serially(request, store)
    assert epochs == [4, 5]  # the fourth was not stored
    assert without_times(record) == without_times(expected)
    assert record.training.seconds > 0


def test_training_and_samples_are_taken_from_the_store(request_toys, store, epochs):
    (first,) = run_serially(request_toys("PixelwiseGaussian"), store)
    assert epochs == [1, 2, 3]
    finer = request_toys("PixelwiseGaussian", metrics=["parzen[grid=[0.1,0.15,0.2]]", "nearest_neighbors[limit=5]"])
    plan = make_plan(finer)
    assert plan.stored(store) == {}  # there is one in its place, by other rules
    (second,) = run_serially(finer, store)
    assert epochs == [1, 2, 3]
    assert second.samples == first.samples
    assert second.timing.sample_seconds is None
    assert list(second.timing.score_seconds) == ["parzen[grid=[0.1,0.15,0.2]]"]
    assert second.score("nearest_neighbors") == first.score("nearest_neighbors")
    assert second.training == first.training


def test_another_metric_is_all_that_is_computed(request_toys, store, epochs, rulers, monkeypatch):
    (first,) = run_serially(request_toys("PixelwiseGaussian"), store)
    del epochs[:]
    monkeypatch.setattr(training.ModelSource, "load", lambda self: pytest.fail("the model was imported"))
    (second,) = run_serially(request_toys("PixelwiseGaussian", more_metrics=[f"{rulers}:Spread"]), store)
    assert ([score.metric for score in second.scores], epochs) == (["parzen", "nearest_neighbors", "spread"], [])
    assert list(second.timing.score_seconds) == ["spread"]
    assert second.scores[:2] == first.scores
    (cell,) = make_plan(request_toys("PixelwiseGaussian")).cells
    assert cell.is_answered_by(second)


def test_scores_that_are_not_asked_for_stay(request_toys, store, rulers):
    run_serially(request_toys("PixelwiseGaussian", more_metrics=[f"{rulers}:Spread"]), store)
    finer = ["parzen[grid=[0.1,0.15,0.2]]"]
    (record,) = run_serially(request_toys("PixelwiseGaussian", metrics=finer), store)
    grids = [list(s.settings["grid"]) for s in record.scores if s.metric == "parzen"]
    assert grids == [[0.1, 0.15, 0.2], [0.1, 0.2, 0.4, 0.8]]
    assert {s.metric for s in record.scores} == {"parzen", "nearest_neighbors", "spread"}


def test_a_metric_that_fails_leaves_the_others(request_toys, store, rulers):
    (record,) = run_serially(request_toys("PixelwiseGaussian", more_metrics=[f"{rulers}:Breaks"]), store)
    assert (record.status, [s.metric for s in record.scores]) == ("failed", ["parzen", "nearest_neighbors"])
    assert "RuntimeError: out of order" in record.reason


def test_fresh_computes_everything_again(request_toys, store, epochs):
    run_serially(request_toys("PixelwiseGaussian"), store)
    (record,) = run_serially(request_toys("PixelwiseGaussian"), store, fresh=True)
    assert epochs == [1, 2, 3, 1, 2, 3]
    assert len(record.timing.score_seconds) == 2


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (b"damaged", ["cannot be read (ValueError: it has no whole end", "Delete it to train again"]),
        ({"format": 99}, ["does not fit", "it has format 99, expected 1"]),
        ({"format": 1, "model": {}}, ["does not fit"]),
        ([1], ["does not fit"]),
    ],
)
def test_an_unreadable_checkpoint_is_a_row(request_toys, store, content, reasons):
    request = request_toys("PixelwiseGaussian", "uniform")
    cell, _ = make_plan(request).cells
    store.write_checkpoint(cell.train_key, content)
    if isinstance(content, bytes):
        store.checkpoint_path(cell.train_key).write_bytes(content)
    failed, done = run_serially(request, store)
    assert (failed.status, done.status) == ("failed", "done")
    assert all(reason in failed.reason for reason in reasons)
    assert store.checkpoint_path(cell.train_key).exists()


def test_damaged_samples_are_a_row(request_toys, store):
    request = request_toys("PixelwiseGaussian")
    run_serially(request, store)
    (cell,) = make_plan(request).cells
    store.samples_path(cell.samples_key).write_bytes(b"")
    store.record_path("toy", cell.place).unlink()
    (record,) = run_serially(request, store)
    assert (record.status, record.traceback) == ("failed", "")
    assert "Delete the file to make it again" in record.reason


def test_a_file_of_samples_is_scored_and_not_trained(request_toys, store, tmp_path, epochs):
    np.savez(tmp_path / "mine.npz", np.random.default_rng(3).random((15, 9)))
    (record,) = run_serially(request_toys(str(tmp_path / "mine.npz")), store)
    assert (record.status, record.samples.n, record.training, epochs) == ("done", 15, None, [])


def test_a_source_that_is_edited_meanwhile_fails_its_cells_only(request_toys, store, tmp_path, toys):
    mine = _model(tmp_path, toys, "pass")
    request = request_toys(mine, "PixelwiseGaussian")
    units = units_of(make_plan(request).cells)
    before = dict(units[0][0].model_ref.depends_on)
    (tmp_path / "mine.py").write_text("class Mine(:")  # a syntax error saved meanwhile
    failed, done = Serial()(units, store, Conditions(), Silence())
    assert (failed.status, done.status) == ("failed", "done")
    assert "mine.py" in failed.reason
    assert failed.model.depends_on == before
    mine = _model(tmp_path, toys, "pass")
    units = units_of(make_plan(request).cells)
    _model(tmp_path, toys, "extra = 1")
    failed, done = Serial()(units, store, Conditions(), Silence())
    assert "its source changed while the run went on" in failed.reason
    assert not store.samples_path(units[0][0].samples_key).exists()


def test_a_file_of_samples_that_is_edited_meanwhile_fails_its_cell(request_toys, store, tmp_path):
    path = tmp_path / "mine.npy"
    np.save(path, np.full((15, 9), 0.25))
    units = units_of(make_plan(request_toys(str(path), "uniform")).cells)
    np.save(path, np.full((15, 9), 0.75))
    failed, done = Serial()(units, store, Conditions(), Silence())
    assert (failed.status, failed.scores, done.status) == ("failed", (), "done")
    assert "mine.npy changed while the run went on" in failed.reason


def test_the_threads_of_a_cell_are_the_protocols(request_toys, store, monkeypatch):
    seen, run = [], cells.train_model
    monkeypatch.setattr(cells, "train_model", lambda *a: seen.append(torch.get_num_threads()) or run(*a))
    before = torch.get_num_threads()
    run_serially(request_toys("PixelwiseGaussian", threads=3), store)
    assert (seen, torch.get_num_threads()) == ([3], before)


def test_the_bandwidth_is_chosen_on_the_first_validation_examples(request_toys, store, toy_images):
    limited = ["parzen[grid=[0.1,0.2,0.4,0.8],validation_limit=2]"]
    request = request_toys("PixelwiseGaussian", metrics=limited)
    (record,) = run_serially(request, store)
    (cell,) = make_plan(request).cells
    samples = store.read_samples(cell.samples_key)[0].reshape(20, 9).astype(np.float64)
    valid = np.load(toy_images)["valid"][:2].reshape(2, 9).astype(np.float64)
    square = ((valid[:, None] - samples) ** 2).sum(2)
    grid = np.array([0.1, 0.2, 0.4, 0.8])
    # mean over examples of the log of the mean kernel, in 9 dimensions
    kernels = np.exp(-square / (2 * grid[:, None, None] ** 2)).mean(2)
    expected = (np.log(kernels) - 4.5 * np.log(2 * np.pi * grid[:, None] ** 2)).mean(1)
    score = record.score("parzen")
    curve = score.curves["grid_bandwidth"]
    assert curve.y == pytest.approx(expected, abs=1e-4)
    assert score.values["grid_bandwidth"].value == grid[expected.argmax()]


def test_samples_are_drawn_in_parts_where_a_model_says_so(request_toys, store, tmp_path, toys):
    (tmp_path / "parts.py").write_text(
        Path(toys).read_text(encoding="utf-8")
        + "\n\nclass Parts(PixelwiseGaussian):\n    samples_at_a_time = 7\n    asked = []\n\n"
        "    def sample(self, n, *, generator):\n        self.asked.append(n)\n"
        "        return torch.full((n, 3, 3), 0.01 * len(self.asked))\n"
    )
    request = request_toys(f"{tmp_path}/parts.py:Parts")
    (record,) = run_serially(request, store)
    samples, _ = store.read_samples(record.samples.key)
    assert samples[:, 0, 0].round(2).tolist() == [np.float32(v) for v in [0.01] * 7 + [0.02] * 7 + [0.03] * 6]
