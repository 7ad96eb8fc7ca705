"""Tables of runs, of records and of results folders; pictures of samples."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pandas
import pytest
from made_records import make_protocol, make_record, other_score

import ganbench
from ganbench.cli import main
from ganbench.errors import StoreError, UnknownNameError, UsageError
from ganbench.metrics.metric import Value
from ganbench.protocols import DatasetPlan, load_protocol
from ganbench.records.record import DataRef, ModelRef
from ganbench.records.store import Store
from ganbench.reports.results import stored_protocols, stored_records, table, write_reports


@pytest.fixture
def protocol():
    return make_protocol(datasets=(DatasetPlan("z"), DatasetPlan("d")), models=("second", "first"))


@pytest.fixture
def store(tmp_path, protocol) -> Store:
    """Records of two models on two data sets and three folds, and of a file of samples."""
    store = Store(tmp_path / "results")
    store.write_protocol(protocol)
    for model in ("first[k=1]", "second"):
        for dataset in ("d", "z"):
            for fold in ("fold0", "fold2", "fold10"):
                store.write_record(make_record(model=model, dataset=dataset, fold=fold))
    file = make_record(fold="fold0", scores=(other_score(Value(1.0)),))
    store.write_record(msgspec.structs.replace(file, model=ModelRef("x", "x.npz", mark="abcd")))
    return store


def test_records_are_in_the_order_of_the_protocol(store):
    records = stored_records(store.root)
    assert [record.dataset.name for record in records] == ["z"] * 6 + ["d"] * 7
    assert [record.model.spec for record in records] == [
        *["second"] * 3, *["first[k=1]"] * 3, *["second"] * 3, *["first[k=1]"] * 3, "x.npz",
    ]  # fmt: skip
    assert [record.fold for record in records[:3]] == ["fold0", "fold2", "fold10"]


@pytest.mark.parametrize(
    ("models", "specs"),
    [
        (["first"], {"first[k=1]"}),
        (["first[ k = 1 ]"], {"first[k=1]"}),
        (["first[k=1]", "second"], {"first[k=1]", "second"}),
        (["./folder/x.npz"], {"x.npz"}),
        (["x.npz@abcd"], {"x.npz"}),
    ],
)
def test_models_are_chosen_however_they_are_written(store, models, specs):
    assert {record.model.spec for record in stored_records(store.root, models=models)} == specs
    assert {row.partition("@")[0] for row in table(store.root, models=models)["model"]} == specs


def test_data_sets_are_chosen(store):
    assert set(table(store.root, datasets=["z"])["dataset"]) == {"z"}
    own = msgspec.structs.replace(make_record(), dataset=DataRef("mine", "c" * 64, "abcd"))
    store.write_record(own)
    for name in ("mine", "mine@abcd", "./folder/mine.npz"):
        assert stored_records(store.root, datasets=[name]) == [own]


def test_what_is_not_there_is_said(store, tmp_path):
    with pytest.raises(StoreError, match=r"no such records of protocol 'toy'.*run-all --protocol toy"):
        stored_records(store.root, models=["third"])
    with pytest.raises(
        StoreError, match=r"no such records; there are: first\[k=1\] on d, first\[k=1\] on z, second on d"
    ):
        table(store.root, models=["third"])
    with pytest.raises(UsageError, match=r"No record has the metric 'nearest_neighbors'; they have: other, parzen"):
        table(store.root, metrics=["nearest_neighbors"])
    with pytest.raises(UnknownNameError, match="'parzn'"):
        table(store.root, metrics=["parzn"])
    with pytest.raises(UsageError, match="empty spec"):
        table(store.root, models=[""])
    for act in (lambda: table(tmp_path), lambda: stored_protocols(tmp_path), lambda: stored_records(tmp_path / "gone")):
        with pytest.raises(StoreError, match=r"has no records\. Run `ganbench run-all` first"):
            act()
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file is no folder. Name one by --results"):
        table(tmp_path / "file")


def test_a_metric_besides_those_of_the_table(store):
    assert set(table(store.root)["metric"]) == {"parzen", "other"}
    Store(store.root).write_protocol(make_protocol(table=("parzen",)))
    assert set(table(store.root)["metric"]) == {"parzen"}
    assert set(table(store.root, metrics=["other"])["metric"]) == {"parzen", "other"}


def test_which_folds_there_are_is_seen_from_what_is_not_shown(store):
    store.write_record(make_record(model="begun", dataset="z", fold="fold2"))
    assert set(table(store.root, models=["begun"])["status"]) == {"failed"}


def test_a_protocol_whose_file_is_elsewhere(store, protocol):
    assert stored_protocols(store.root) == [protocol]
    assert stored_protocols(store.root, "toy") == [protocol]
    store.write_record(make_record(protocol="digits"))
    assert [p.name for p in stored_protocols(store.root)] == ["digits", "toy"]
    assert stored_protocols(store.root, "digits") == [load_protocol("digits")]
    with pytest.raises(StoreError, match=r"records of several protocols \(digits, toy\). Name one by --protocol"):
        table(store.root)
    assert set(table(store.root, "digits")["protocol"]) == {"digits"}
    with pytest.raises(UnknownNameError, match="protocol 'other'"):
        table(store.root, "other")


def test_the_table_of_records(store, protocol):
    records = stored_records(store.root)
    pandas.testing.assert_frame_equal(table(records, protocol), table(store.root))
    assert len(table([])) == 0
    with pytest.raises(StoreError, match="protocols 'toy' and 'digits' are not put into one table"):
        table(records, "digits")


def test_the_command_prints_every_protocol_that_has_records(tmp_path, capsys):
    """As after `ganbench evaluate FILE --dataset mnist`, whose protocol is goodfellow2014."""
    store = Store(tmp_path)
    for protocol, dataset in (("goodfellow2014", "mnist"), ("digits", "digits")):
        store.write_record(make_record(model="x.npz", protocol=protocol, dataset=dataset, fold="fold0"))
    assert main(["table", "--results", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "Table 1 on embedded 8x8 digits" in out
    assert "Table 1 of Generative Adversarial Nets" in out


@pytest.fixture
def images(tmp_path) -> str:
    rng = np.random.default_rng(1)
    path = tmp_path / "squares.npz"
    np.savez(path, **{r: rng.random((n, 3, 3), np.float32) for r, n in [("train", 24), ("valid", 8), ("test", 12)]})
    return str(path)


@pytest.fixture
def outcome(tmp_path, images):
    samples = np.random.default_rng(2).random((40, 3, 3), np.float32)
    np.save(tmp_path / "mine.npy", samples)
    return ganbench.evaluate(tmp_path / "mine.npy", images, results=tmp_path / "results", metrics=["nearest_neighbors"])


def test_the_table_of_a_run_has_the_metrics_that_were_asked_for(outcome, tmp_path):
    frame = table(outcome)
    assert list(frame["metric"]) == ["parzen", "nearest_neighbors"]
    assert (frame["model"][0], frame["n_test"][0], frame["n_samples"][0]) == ("mine.npy", 12, 40)
    stored = table(tmp_path / "results", metrics=["nearest_neighbors"])
    pandas.testing.assert_frame_equal(frame, stored)
    csv = ganbench.render_table(frame, outcome.protocol, "csv")
    assert csv == ganbench.render_table(stored, stored_protocols(tmp_path / "results")[0], "csv")


def test_files_of_one_name_from_two_folders_are_two_rows_however_they_are_written(tmp_path, images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, seed in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "x.npy", np.random.default_rng(seed).random((40, 3, 3), np.float32))
    for path in ("a/x.npy", "b/x.npy", "./a/x.npy", str(tmp_path / "b" / "x.npy")):
        ganbench.evaluate(path, images, results="results")
    frame = table("results")
    assert len(frame) == 2
    assert [model.partition("@")[0] for model in frame["model"]] == ["x.npy", "x.npy"]
    assert frame["value"].nunique() == frame["model"].nunique() == 2


def test_reports_of_a_run(outcome, tmp_path):
    written = write_reports(outcome)
    root = tmp_path / "results"
    names = sorted(path.relative_to(root).as_posix() for path in written)
    assert [name for name in names if name.startswith("tables/")] == [
        f"tables/digits.{ending}" for ending in ("csv", "json", "md", "tex", "txt")
    ]
    sheets = [path for path in written if path.suffix == ".png"]
    assert [path.name for path in sheets] == ["samples.png", "neighbors.png", "suspicion.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in sheets)
    content = json.loads((root / "tables" / "digits.json").read_text())
    assert content[0]["value"] == table(outcome)["value"][0]
    before = {path: path.stat().st_mtime_ns for path in written}
    assert write_reports(outcome) == written
    assert {path: path.stat().st_mtime_ns for path in written} == before
    sheets[0].unlink()
    write_reports(outcome)
    assert sheets[0].exists()


def test_a_run_that_keeps_nothing_writes_nothing(images, tmp_path):
    outcome = ganbench.evaluate(np.random.default_rng(2).random((40, 3, 3)), images)
    assert write_reports(outcome) == []
    assert list(table(outcome)["status"]) == ["done"]


def test_vectors_have_no_pictures(tmp_path):
    rng = np.random.default_rng(1)
    data = ganbench.Dataset.from_arrays(rng.random((40, 5)), name="vectors")
    outcome = ganbench.evaluate(rng.random((20, 5)), data, results=tmp_path / "results")
    assert {path.suffix for path in write_reports(outcome)} == {".csv", ".json", ".md", ".tex", ".txt"}
