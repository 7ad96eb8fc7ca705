"""How long a run may take, learnt from records of this machine."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from ganbench.errors import StoreError
from ganbench.experiment.cell import failed_record
from ganbench.experiment.estimates import estimate
from ganbench.experiment.executors import units_of
from ganbench.experiment.plan import Estimate, make_plan
from ganbench.protocols import Protocol
from ganbench.records.record import Timing, Training

SCORES = {"parzen[grid=[0.1,0.2,0.4,0.8]]": 3.0, "nearest_neighbors[limit=5]": 2.0, "mmd": 50.0}


@pytest.fixture
def cell_of(request_toys):
    """Plans one cell of a toy model."""

    def make(spec="PixelwiseGaussian[epochs=10]", **changes):
        return make_plan(request_toys(spec, **changes)).cells[0]

    return make


@pytest.fixture
def learn(store):
    """Stores what a cell took on this machine, with changes to its training, its timing and where it was run."""

    def write(cell, *, training=None, timing=None, provenance=None):
        failed = failed_record(cell, "cpu", "no reason")
        where = failed.provenance | (provenance or {})
        known = {"epochs": 10, "seconds": 100.0, "provenance": where} | (training or {})
        times = {"started": "2026-01-01", "sample_seconds": 7.0, "score_seconds": SCORES} | (timing or {})
        record = msgspec.structs.replace(
            failed, status="done", reason="", training=Training(**known), timing=Timing(**times), provenance=where
        )
        store.write_record(record)

    return write


def seconds(store, *cells, device="auto", jobs=1) -> float | None:
    found = estimate(units_of(cells), store, device, jobs)
    return found.seconds if found.learnt else None


def test_a_cell_takes_what_its_like_took(store, cell_of, learn):
    learn(cell_of())
    assert seconds(store, cell_of(seeds=1)) == 100 + 7 + 3 + 2  # and not the metric that is not asked for


@pytest.mark.parametrize(("epochs", "expected"), [(5, 50), (20, 200)])
def test_training_is_scaled_by_epochs(store, cell_of, learn, epochs, expected):
    learn(cell_of())
    assert seconds(store, cell_of(f"PixelwiseGaussian[epochs={epochs}]")) == expected + 12


def test_a_training_that_was_stopped_is_scaled_to_its_end(store, cell_of, learn):
    learn(cell_of(), training={"epochs": 4, "seconds": 40.0, "stopped": "time limit"})
    assert seconds(store, cell_of()) == 100 + 12


def test_equal_epochs_go_before_newer_ones_and_newer_before_older(store, cell_of, learn):
    learn(cell_of(), training={"seconds": 100.0})
    learn(cell_of("PixelwiseGaussian[epochs=20]"), training={"epochs": 20, "seconds": 20.0}, timing={"started": "2027"})
    assert seconds(store, cell_of()) == 100 + 12
    assert seconds(store, cell_of("PixelwiseGaussian[epochs=40]")) == 40 + 12


def test_a_record_that_was_only_scored_again_leaves_the_older_times(store, cell_of, learn):
    first, second = make_two = [cell_of(), cell_of("PixelwiseGaussian[epochs=20]")]
    learn(first)
    learn(second, timing={"started": "2027", "sample_seconds": None, "score_seconds": {"mmd": 1.0}})
    assert seconds(store, make_two[0]) == 100 + 12


@pytest.mark.parametrize(
    "other",
    [
        {"provenance": {"processor": "another"}},
        {"training": {"provenance": {"processor": "another"}}},
        {"training": {"epochs": 0}},
    ],
)
def test_other_machines_and_untrained_models_teach_nothing(store, cell_of, learn, other):
    learn(cell_of(), **other)
    assert seconds(store, cell_of()) is None


def test_other_hyperparameters_and_devices_teach_nothing(store, cell_of, learn):
    learn(cell_of())
    assert seconds(store, cell_of("PixelwiseGaussian[epochs=10,spread=2.0]")) is None
    assert seconds(store, cell_of(), device="cuda:1") is None
    assert seconds(store, cell_of(), device="cpu") is not None


def test_other_numbers_of_threads_teach_nothing(store, cell_of, learn):
    cell = cell_of(threads=3)
    learn(cell)
    assert seconds(store, cell) is None
    learn(cell, provenance={"threads": 3})
    assert seconds(store, cell) is not None


def test_samples_that_are_there_are_only_scored(store, cell_of, learn):
    cell = cell_of()
    learn(cell)
    store.samples_path(cell.samples_key).parent.mkdir(parents=True)
    store.samples_path(cell.samples_key).touch()
    assert seconds(store, cell) == 5


def test_cells_run_side_by_side(store, request_toys, learn):
    cells = make_plan(request_toys("PixelwiseGaussian[epochs=10]", "PixelwiseGaussian[epochs=40]", seeds=3)).cells
    learn(cells[0])
    one, four = 112, 412
    assert seconds(store, *cells) == 3 * (one + four)
    assert seconds(store, *cells, jobs=2) == 3 * (one + four) / 2
    assert seconds(store, *cells, jobs=9) == four  # no sooner than the longest


def test_the_protocol_knows_what_was_never_run(store, cell_of, learn):
    cell, other = cell_of(), cell_of("uniform")
    known = Protocol(**{f: getattr(cell.protocol, f) for f in cell.protocol.__struct_fields__})
    known = msgspec.structs.replace(known, seconds_per_cell={"squares": {cell.variant.label: 30.0}})
    cell = dataclasses.replace(cell, protocol=known)
    assert estimate([[cell], [other]], store, "auto", 2) == Estimate(30.0, 0, 1, 1)
    learn(cell)
    assert estimate([[cell], [other]], store, "auto", 2) == Estimate(112.0, 1, 0, 1)


def test_a_record_that_cannot_be_read_teaches_nothing(store, cell_of, learn):
    cell = cell_of()
    learn(cell)
    store.record_path(cell.protocol.name, cell.place).write_text("no record")
    assert estimate([[cell]], store, "auto", 1) == Estimate(0.0, 0, 0, 1)


def test_a_folder_that_cannot_be_listed_teaches_nothing(store, cell_of, learn, monkeypatch):
    learn(cell_of())

    def refused(self, protocol=None):
        raise StoreError("it cannot be listed")

    monkeypatch.setattr(type(store), "record_paths", refused)
    assert estimate([[cell_of()]], store, "auto", 1) == Estimate(0.0, 0, 0, 1)


def test_a_record_that_is_removed_meanwhile_teaches_nothing(store, cell_of, learn, monkeypatch):
    learn(cell_of())
    path = store.record_paths()[0]
    path.unlink()
    monkeypatch.setattr(type(store), "record_paths", lambda self, protocol=None: [path])
    assert estimate([[cell_of()]], store, "auto", 1) == Estimate(0.0, 0, 0, 1)
