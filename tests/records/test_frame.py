"""Aggregation of records, against numbers worked out by hand."""

from __future__ import annotations

import io
import math

import pandas
import pytest

from ganbench.errors import StoreError, UsageError
from ganbench.protocols import DatasetPlan, Protocol, Published
from ganbench.records.frame import COLUMNS, likelihood_frame
from ganbench.reports.table1 import render_table


def _protocol(*across: str, **changes) -> Protocol:
    fields = {
        "name": "toy",
        "title": "Toys",
        "n_samples": 50,
        "bandwidth_grid": (0.1, 0.2),
        "datasets": (DatasetPlan("d", title="D", standard_error_across=across or ("examples", "folds")),),
        "models": ("m",),
        "published": (Published("m", "d", 7, 0.5, "somewhere"),),
    }
    return Protocol(**fields | changes)


def _rows(records, protocol=None, bandwidth=None) -> dict[str, dict]:
    frame = likelihood_frame(records, protocol or _protocol(), bandwidth)
    return {row["standard_error_across"]: row for row in frame.to_dict("records")}


def test_examples_are_those_of_the_first_fold(make_record):
    row = _rows([make_record((9.0, 9.0), fold="fold1"), make_record((1.0, 2.0, 3.0, 6.0), fold="fold0")])["examples"]
    assert row["mean_log_likelihood"] == 3
    assert row["standard_error"] == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 4) / math.sqrt(4))
    assert row["standard_error_unbiased"] == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3) / math.sqrt(4))
    assert (row["n_test"], row["n_samples"], row["seeds"], row["status"]) == (4, 50, 1, "done")


def test_folds_are_their_means(make_record):
    folds = [(1.0, 3.0), (4.0, 4.0, 4.0), (9.0,)]  # means 2, 4, 9: their mean is 5
    row = _rows([make_record(values, fold=f"fold{k}") for k, values in enumerate(folds)])["folds"]
    assert row["mean_log_likelihood"] == 5
    assert row["standard_error"] == pytest.approx(math.sqrt((9 + 1 + 16) / 3) / math.sqrt(3))
    assert row["standard_error_unbiased"] == pytest.approx(math.sqrt((9 + 1 + 16) / 2) / math.sqrt(3))
    assert row["n_test"] == 6


def test_seeds_are_averaged_first(make_record):
    values = {(0, 0): (1.0, 3.0), (0, 1): (3.0, 9.0), (1, 0): (5.0,), (1, 1): (7.0,)}  # by fold and seed
    rows = _rows([make_record(v, fold=f"fold{fold}", seed=seed) for (fold, seed), v in values.items()])
    assert list(rows) == ["examples", "folds", "seeds"]
    # examples of fold 0, averaged over seeds: 2 and 6
    assert (rows["examples"]["mean_log_likelihood"], rows["examples"]["n_test"]) == (4, 2)
    assert rows["examples"]["standard_error"] == pytest.approx(2 / math.sqrt(2))
    # folds: (2 + 6) / 2 = 4 and (5 + 7) / 2 = 6
    assert (rows["folds"]["mean_log_likelihood"], rows["folds"]["n_test"]) == (5, 3)
    assert rows["folds"]["standard_error"] == pytest.approx(1 / math.sqrt(2))
    # seeds: (2 + 5) / 2 = 3.5 and (6 + 7) / 2 = 6.5
    assert rows["seeds"]["mean_log_likelihood"] == 5
    assert rows["seeds"]["standard_error"] == pytest.approx(1.5 / math.sqrt(2))
    assert {row["seeds"] for row in rows.values()} == {2}


def test_the_bandwidth_that_is_shown(make_record):
    records = [make_record((1.0, 3.0))]
    refined, grid = _rows(records)["examples"], _rows(records, bandwidth="grid")["examples"]
    assert (refined["bandwidth"], refined["mean_log_likelihood"]) == (0.2, 2)
    assert (grid["bandwidth"], grid["mean_log_likelihood"]) == (0.3, -8)
    shown = _rows(records, _protocol(bandwidth_shown="grid"))["examples"]
    assert shown["bandwidth"] == 0.3


def test_a_refined_bandwidth_that_was_not_searched_for(make_record):
    protocol = _protocol(bandwidth_shown="grid", refinement_steps=0)
    assert len(_rows([make_record()], protocol)) == 2
    with pytest.raises(UsageError, match="no refined bandwidth"):
        likelihood_frame([make_record()], protocol, "refined")


def test_published_values_go_to_the_model_that_is_meant(make_record):
    names = ["m", "m[k=1]", "./mine.py:m", "m.npz", "other"]
    frame = likelihood_frame([make_record(model="m", model_spec=name) for name in names], _protocol("examples"))
    published = dict(zip(frame["model"], frame["published_mean"], strict=True))
    assert [name for name in names if published[name] == 7] == ["m", "m[k=1]"]
    assert frame["published_standard_error"][0] == 0.5


@pytest.mark.parametrize(
    ("change", "what"),
    [({"protocol_fingerprint": "q"}, "settings of the protocol"), ({"dataset_checksum": "e"}, "versions of the data")],
)
def test_what_cannot_be_compared_is_refused(make_record, change, what):
    records = [make_record(), make_record(model="n", **change)]
    with pytest.raises(StoreError, match=f"come from different {what} \\(m and n\\)"):
        likelihood_frame(records, _protocol())
    other_data = [make_record(), make_record(model="n", dataset="e", **change)]
    assert len(likelihood_frame(other_data, _protocol())) == 3


def test_failed_records_do_not_make_others_incomparable(make_record):
    failed = make_record("no data", model="n", protocol_fingerprint="q")
    assert len(likelihood_frame([make_record(), failed], _protocol())) == 4


def test_a_model_that_failed(make_record):
    rows = _rows([make_record("it diverged"), make_record("it diverged too", fold="fold1")])
    assert list(rows) == ["examples", "folds"]
    for row in rows.values():
        assert (row["status"], row["reason"], row["published_mean"]) == ("failed", "it diverged", 7)
        assert math.isnan(row["mean_log_likelihood"])


def test_a_model_that_failed_in_part(make_record):
    rows = _rows([make_record("no memory"), make_record((2.0,), fold="fold1"), make_record((4.0,), fold="fold2")])
    assert (rows["examples"]["status"], rows["examples"]["reason"]) == ("failed", "no memory")
    assert rows["folds"]["status"] == "partial: 1 of 3 cells failed"
    assert (rows["folds"]["mean_log_likelihood"], rows["folds"]["standard_error"]) == (3, 1 / math.sqrt(2))


def test_folds_that_were_not_run_are_told(make_record):
    whole = [make_record(fold=f"fold{k}", model="whole") for k in range(3)]
    frame = likelihood_frame([*whole, make_record(fold="fold0", model="begun")], _protocol("folds"))
    rows = {row["model"]: row for row in frame.to_dict("records")}
    assert rows["whole"]["status"] == "done"
    assert rows["begun"]["status"] == "partial: 1 of 3 folds"
    assert rows["begun"]["reason"] == "the other folds have not been run"


def test_data_without_likelihood_are_left_out(make_record):
    protocol = _protocol(datasets=(DatasetPlan("d", likelihood=False), DatasetPlan("e")))
    assert list(likelihood_frame([make_record(), make_record(dataset="e")], protocol)["dataset"]) == ["e"]


def test_an_edge_in_any_fold_is_reported(make_record):
    edge = make_record(fold="fold1")
    edge.likelihood["refined"]["at_edge"] = True
    rows = _rows([make_record(), edge])
    assert (rows["examples"]["at_edge"], rows["folds"]["at_edge"]) == (False, True)


def test_columns_of_the_csv(make_record):
    expected = (
        "protocol,model,dataset,mean_log_likelihood,standard_error,standard_error_across,n_test,n_samples,bandwidth,"
        "seeds,published_mean,published_standard_error,status"
    )
    protocol = _protocol("examples")
    frame = likelihood_frame([make_record((1.0, 3.0)), make_record("broken", model="n")], protocol)
    lines = render_table(frame, protocol, "csv").splitlines()
    assert lines[0] == expected == ",".join(COLUMNS)
    assert lines[1] == f"toy,m,d,2.0,{1 / math.sqrt(2)!r},examples,2,50,0.2,1,7.0,0.5,done"
    assert lines[2] == "toy,n,d,,,examples,,,,1,,,failed"
    assert len(pandas.read_csv(io.StringIO("\n".join(lines)))) == 2
