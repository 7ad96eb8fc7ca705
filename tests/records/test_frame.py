"""Aggregation of records, against numbers worked out by hand."""

from __future__ import annotations

import io
import math

import msgspec
import numpy as np
import pandas
import pytest
from made_records import EDGE, make_protocol, make_record, other_score, parzen

from ganbench.errors import StoreError, UsageError
from ganbench.metrics.metric import Finding, Value
from ganbench.protocols import DatasetPlan
from ganbench.records.frame import score_frame
from ganbench.records.record import DataRef, ModelRef, SamplesRef, Training
from ganbench.records.row import COLUMNS, Row
from ganbench.records.summary import spread
from ganbench.reports.table1 import render_table


def _rows(records, protocol=None, **view) -> dict[str, dict]:
    frame = score_frame(records, protocol or make_protocol(), **view)
    rows = {row["standard_error_across"]: row for row in frame.to_dict("records")}
    assert len(rows) == len(frame)
    return rows


def test_examples_are_those_of_the_first_fold():
    row = _rows([make_record((9.0, 9.0), fold="fold1"), make_record((1.0, 2.0, 3.0, 6.0), fold="fold0")])["examples"]
    assert (row["metric"], row["quantity"], row["unit"]) == ("parzen", "mean_log_likelihood", "nats")
    assert row["value"] == 3
    assert row["standard_error"] == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 4) / math.sqrt(4))
    assert row["standard_error_unbiased"] == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3) / math.sqrt(4))
    assert (row["n_test"], row["n_samples"], row["seeds"], row["status"]) == (4, 50, 1, "done")


def test_the_first_fold_is_that_of_the_data_set():
    begun = [make_record(fold="fold2", model="begun"), make_record(fold="fold10", model="begun")]
    whole = [make_record(fold=f"fold{k}", model="whole") for k in (10, 2)]
    others = [make_record(fold="fold1", model="other")]
    for records in ([*begun, *whole, *others], [*others, *whole, *begun]):
        frame = score_frame(records, make_protocol("examples"))
        rows = frame.set_index("model").to_dict("index")
        for model in ("begun", "whole"):
            assert (rows[model]["status"], rows[model]["reason"]) == ("failed", "the first fold has not been run")
        assert rows["other"]["status"] == "done"
    # what is not shown still tells how many folds there are
    frame = score_frame([*begun, *others], make_protocol(), models=["begun"])
    assert list(frame["status"]) == ["failed", "partial: 2 of 3 folds"]
    assert set(frame["model"]) == {"begun"}


def test_folds_are_their_means():
    folds = [(1.0, 3.0), (4.0, 4.0, 4.0), (9.0,)]  # means 2, 4, 9: their mean is 5
    row = _rows([make_record(values, fold=f"fold{k}") for k, values in enumerate(folds)])["folds"]
    assert row["value"] == 5
    assert row["standard_error"] == pytest.approx(math.sqrt((9 + 1 + 16) / 3) / math.sqrt(3))
    assert row["standard_error_unbiased"] == pytest.approx(math.sqrt((9 + 1 + 16) / 2) / math.sqrt(3))
    assert row["n_test"] == 6


def test_seeds_are_averaged_first():
    values = {(0, 0): (1.0, 3.0), (0, 1): (3.0, 9.0), (1, 0): (5.0,), (1, 1): (7.0,)}  # by fold and seed
    rows = _rows([make_record(v, fold=f"fold{fold}", seed=seed) for (fold, seed), v in values.items()])
    assert list(rows) == ["examples", "folds", "seeds"]
    # examples of fold 0, averaged over seeds: 2 and 6
    assert (rows["examples"]["value"], rows["examples"]["n_test"]) == (4, 2)
    assert rows["examples"]["standard_error"] == pytest.approx(2 / math.sqrt(2))
    # folds: (2 + 6) / 2 = 4 and (5 + 7) / 2 = 6
    assert (rows["folds"]["value"], rows["folds"]["n_test"]) == (5, 3)
    assert rows["folds"]["standard_error"] == pytest.approx(1 / math.sqrt(2))
    # seeds: (2 + 5) / 2 = 3.5 and (6 + 7) / 2 = 6.5; n - 1 in the variance
    assert rows["seeds"]["value"] == 5
    assert rows["seeds"]["standard_error"] == pytest.approx(math.sqrt(2) * 1.5 / math.sqrt(2))
    assert {row["seeds"] for row in rows.values()} == {2}
    assert {row["status"] for row in rows.values()} == {"done"}
    assert {kind: row["fold"] for kind, row in rows.items()} == {"examples": "fold0", "folds": "", "seeds": ""}
    assert _rows([make_record()])["examples"]["fold"] == ""  # of the only one there is


def test_only_whole_runs_are_compared_across_seeds():
    whole = [make_record((float(seed),), fold=f"fold{k}", seed=seed) for seed in (0, 2) for k in (0, 1)]
    row = _rows([*whole, make_record((100.0,), seed=1), make_record("no memory", fold="fold1", seed=1)])["seeds"]
    assert (row["value"], row["seeds"]) == (1, 2)
    assert row["standard_error"] == pytest.approx(math.sqrt(2) / math.sqrt(2))
    assert (row["status"], row["reason"]) == ("partial: 1 of 6 cells failed", "no memory")
    halves = [make_record(seed=0), make_record(fold="fold1", seed=1)]
    assert (_rows(halves)["seeds"]["status"], _rows(halves)["seeds"]["reason"]) == (
        "failed",
        "the other cells have not been run",
    )


def test_samples_that_are_the_same_from_every_seed_are_one_row():
    file = SamplesRef(50, "a" * 64)
    records = [make_record((1.0, 3.0), seed=seed, samples=file, model="x.npz") for seed in (0, 1)]
    rows = _rows(records)
    assert list(rows) == ["examples", "folds"]
    assert (rows["examples"]["seeds"], rows["examples"]["standard_error"]) == (1, pytest.approx(1 / math.sqrt(2)))
    # folds may share their samples, and are no repeats
    folds = _rows([make_record(fold=f"fold{k}", samples=file) for k in (0, 1)])["folds"]
    assert folds["n_test"] == 6


def test_a_single_value_has_no_error():
    rows = _rows([make_record((3.0,))])
    assert [math.isnan(row["standard_error"]) for row in rows.values()] == [True, True]
    assert rows["examples"]["value"] == 3


def test_the_bandwidth_that_is_shown():
    records = [make_record((1.0, 3.0))]
    refined, grid = _rows(records)["examples"], _rows(records, bandwidth="grid")["examples"]
    assert (refined["quantity"], refined["value"]) == ("mean_log_likelihood", 2)
    assert (grid["quantity"], grid["value"]) == ("grid_mean_log_likelihood", -8)
    assert grid["published_mean"] == 7
    assert _rows(records, bandwidth="refined")["examples"]["value"] == 2
    with pytest.raises(UsageError, match="bandwidth is 'best'; accepted: 'grid', 'refined'"):
        score_frame(records, make_protocol(), bandwidth="best")


def test_a_refined_bandwidth_that_was_not_searched_for():
    score = parzen((1.0, 3.0), settings={"refinement_steps": 0})
    only = {name: value for name, value in score.values.items() if not name.startswith("grid_")}
    records = [
        make_record(scores=(other_score(only["bandwidth"], "parzen", headline="mean_log_likelihood", values=only),))
    ]
    assert _rows(records, bandwidth="grid")["examples"]["value"] == 2
    with pytest.raises(UsageError, match="No refined bandwidth"):
        score_frame(records, make_protocol(), bandwidth="refined")


def test_every_value():
    frame = score_frame(
        [make_record((1.0, 3.0)), make_record((1.0, 3.0), fold="fold1")], make_protocol(), every_value=True
    )
    rows = {(row["quantity"], row["standard_error_across"]): row for row in frame.to_dict("records")}
    assert list(rows) == [
        ("mean_log_likelihood", "examples"),
        ("mean_log_likelihood", "folds"),
        ("bandwidth", ""),
        ("bandwidth", "folds"),
        ("grid_mean_log_likelihood", "examples"),
        ("grid_mean_log_likelihood", "folds"),
        ("grid_bandwidth", ""),
        ("grid_bandwidth", "folds"),
    ]
    assert rows["bandwidth", ""]["value"] == 0.2
    assert math.isnan(rows["bandwidth", ""]["published_mean"])
    assert rows["bandwidth", "folds"]["standard_error"] == 0


def test_a_metric_with_an_error_of_its_own():
    values = [(4.0, 0.3, 0), (6.0, 0.4, 1)]
    records = [
        make_record(seed=seed, scores=(other_score(Value(v, "", error, "permutations")),)) for v, error, seed in values
    ]
    rows = _rows(records, make_protocol(metrics=("other",)))
    assert list(rows) == ["permutations", "folds", "seeds"]
    row = rows["permutations"]
    assert (row["value"], row["standard_error"]) == (5, pytest.approx(math.sqrt((0.09 + 0.16) / 2)))
    assert pandas.isna(row["n_test"])
    assert math.isnan(row["standard_error_unbiased"])
    assert math.isnan(row["published_mean"])
    assert rows["seeds"]["standard_error"] == pytest.approx(1)


def test_a_failure_stands_in_the_columns_of_its_metric():
    scored = make_record(model="a", scores=(other_score(Value(4.0, "", 0.3, "permutations")),))
    frame = score_frame([scored, make_record("broken", model="b")], make_protocol(metrics=("other",)))
    columns = ["model", "quantity", "standard_error_across", "status"]
    assert frame[columns].to_numpy().tolist() == [
        ["a", "v", "permutations", "done"],
        ["a", "v", "folds", "done"],
        ["b", "v", "permutations", "failed"],
        ["b", "v", "folds", "failed"],
    ]


def test_metrics_that_are_shown():
    both = make_record(scores=(parzen((1.0, 2.0)), other_score(Value(1.0))))
    records = [both, make_record(model="n")]
    every = make_protocol("examples", metrics=("parzen", "other"))
    chosen = make_protocol("examples", metrics=("parzen", "other"), table=("parzen",))
    assert list(dict.fromkeys(score_frame(records, every)["metric"])) == ["parzen", "other"]
    assert set(score_frame(records, chosen)["metric"]) == {"parzen"}
    frame = score_frame(records, chosen, metrics=["other"])
    lacking = frame[(frame["metric"] == "other") & (frame["model"] == "n")].iloc[0]
    assert (lacking["status"], lacking["reason"]) == ("failed", "not computed; run again")
    # asked for, and failed everywhere
    failed = make_record("no labels", scores=(parzen((1.0, 2.0)),))
    frame = score_frame([failed], chosen, metrics=["other"])
    assert frame[["metric", "status"]].to_numpy().tolist() == [["parzen", "done"], ["other", "failed"]]


def test_failures_of_the_tables_metric_do_not_vanish_where_another_metric_went_well():
    record = make_record("no memory", scores=(other_score(Value(1.0)),))
    frame = score_frame([record], make_protocol("examples", metrics=("other", "parzen"), table=("parzen",)))
    assert frame[["metric", "status", "reason"]].to_numpy().tolist() == [["parzen", "failed", "no memory"]]
    in_a_file = make_protocol("examples", metrics=("./mine.py:Mine",), table=("mine",))
    assert list(score_frame([make_record("broken")], in_a_file)["status"]) == ["failed"]


def test_data_without_the_tables_metric_are_left_out():
    plans = (DatasetPlan("d", metrics=("other",)), DatasetPlan("e"))
    protocol = make_protocol(datasets=plans, table=("parzen",))
    records = [make_record(scores=(other_score(Value(1.0)),)), make_record(dataset="e")]
    assert list(score_frame(records, protocol)["dataset"]) == ["e"]


def test_a_metric_with_two_settings_is_two_columns():
    fine, coarse = ({"grid": [0.1, 0.3], "refinement_steps": steps} for steps in (16, 0))
    records = [
        make_record(model="a", scores=(parzen((1.0,), settings=fine), parzen((5.0,), settings=coarse))),
        make_record(model="b", scores=(parzen((6.0,), settings=coarse), parzen((2.0,), settings=fine))),  # in turn
        make_record(model="c", scores=(parzen((3.0,), settings=fine),)),
    ]
    frame = score_frame(records, make_protocol("examples", metrics=("parzen", "parzen[refinement_steps=0]")))
    values = {(row["metric"], row["model"]): row["value"] for row in frame.to_dict("records")}
    first, second = "parzen[refinement_steps=16]", "parzen[refinement_steps=0]"
    assert [values[first, m] for m in "abc"] == [1, 2, 3]
    assert [values[second, m] for m in "ab"] == [5, 6]
    assert math.isnan(values[second, "c"])


def test_published_values_go_to_the_model_that_is_meant():
    names = ["m", "m[k=1]", "./mine.py:m", "m.npz", "other", "package.module:m"]
    frame = score_frame([make_record(model=name) for name in names], make_protocol("examples"))
    published = dict(zip(frame["model"], frame["published_mean"], strict=True))
    assert [name for name in names if published[name] == 7] == ["m", "m[k=1]"]
    assert frame["published_standard_error"][0] == 0.5


def test_own_models_and_data_have_no_published_values():
    for record in (_with_model(make_record(), ModelRef("m", "m", mark="abc")), _with_data(make_record(), "d", "abc")):
        assert math.isnan(score_frame([record], make_protocol("examples"))["published_mean"][0])


def _with_model(record, model):
    return type(record)(**{name: getattr(record, name) for name in record.__struct_fields__} | {"model": model})


def _with_data(record, name, mark="", checksum="c" * 64):
    fields = {field: getattr(record, field) for field in record.__struct_fields__}
    return type(record)(**fields | {"dataset": DataRef(name, checksum, mark)})


def test_files_of_one_name_are_told_apart():
    names = [("a", "x.npz"), ("b", "x.npz"), ("c", "y.npz")]
    records = [_with_model(make_record(model=spec), ModelRef("x", spec, mark=mark)) for mark, spec in names]
    assert list(score_frame(records, make_protocol("examples"))["model"]) == ["x.npz@a", "x.npz@b", "y.npz"]
    data = [_with_data(make_record(), "d", mark) for mark in ("a", "b")]
    assert list(score_frame(data, make_protocol("examples"))["dataset"]) == ["d@a", "d@b"]


def test_a_class_called_as_a_model_of_the_protocol_is_told_apart():
    mine = _with_model(make_record(model="m"), ModelRef("m", "m", mark="abc"))
    assert list(score_frame([mine], make_protocol("examples"))["model"]) == ["m@abc"]
    assert list(score_frame([mine, make_record()], make_protocol("examples"))["model"]) == ["m@abc", "m"]
    other = _with_model(make_record(), ModelRef("m", "m[k=1]", mark="abc"))
    assert list(score_frame([other], make_protocol("examples"))["model"]) == ["m[k=1]@abc"]


def test_the_plan_of_a_file_that_the_protocol_names():
    protocol = make_protocol(datasets=(DatasetPlan("../data/d.npz", standard_error_across=("folds",)),))
    frame = score_frame([_with_data(make_record(), "d", "abc")], protocol)
    assert list(frame["standard_error_across"]) == ["folds"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"scores": (parzen((1.0,), settings={"grid": [0.2]}),)}, "settings of the metric 'parzen'"),
        ({"scores": (other_score(Value(1.0), "parzen", version=2),)}, "versions of the metric 'parzen'"),
        ({"dataset": DataRef("d", "e" * 64)}, "versions of the data"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, what):
    one = make_record()
    fields = {name: getattr(one, name) for name in one.__struct_fields__} | {"model": ModelRef("n", "n")}
    other = type(one)(**fields | change)
    with pytest.raises(StoreError, match=f"come from different {what} \\(m and n\\)"):
        score_frame([one, other], make_protocol())
    assert set(score_frame([one, other], make_protocol(), models=["n"])["model"]) == {"n"}


def test_settings_that_only_one_of_two_formats_tells_are_no_difference():
    old = make_record(model="old", scores=(parzen((1.0,), settings={"grid": [0.1, 0.3], "protocol_fingerprint": "p"}),))
    assert len(score_frame([old, make_record()], make_protocol("examples"))) == 2
    otherwise = make_record(scores=(parzen((1.0,), settings={"grid": [0.1, 0.3], "protocol_fingerprint": "q"}),))
    with pytest.raises(StoreError, match="settings of the metric"):
        score_frame([old, otherwise], make_protocol())


def test_protocols_are_not_mixed():
    with pytest.raises(StoreError, match="protocols 'another' and 'toy' are not put into one table"):
        score_frame([make_record(), make_record(protocol="another")], make_protocol())


def test_failed_records_do_not_make_others_incomparable():
    failed = _with_data(make_record("no data", model="n"), "d", checksum="")
    assert len(score_frame([make_record(), failed], make_protocol())) == 4


def test_a_model_that_failed():
    rows = _rows([make_record("it diverged"), make_record("it diverged too", fold="fold1")])
    assert list(rows) == ["examples", "folds"]
    for row in rows.values():
        assert (row["status"], row["reason"], row["published_mean"]) == ("failed", "it diverged", 7)
        assert math.isnan(row["value"])
        assert pandas.isna(row["n_test"])


def test_a_model_that_failed_in_part():
    rows = _rows([make_record("no memory"), make_record((2.0,), fold="fold1"), make_record((4.0,), fold="fold2")])
    assert (rows["examples"]["status"], rows["examples"]["reason"]) == ("failed", "no memory")
    assert rows["folds"]["status"] == "partial: 1 of 3 cells failed"
    assert (rows["folds"]["value"], rows["folds"]["standard_error"]) == (3, 1 / math.sqrt(2))
    # the other way round the first fold is whole, and says so
    rows = _rows([make_record((2.0, 3.0)), make_record("no memory", fold="fold1")])
    assert (rows["examples"]["status"], rows["folds"]["status"]) == ("done", "partial: 1 of 2 cells failed")


def test_a_cell_that_failed_after_a_metric_was_computed_still_counts_for_it():
    rows = _rows([make_record("no labels", scores=(parzen((1.0, 3.0)),)), make_record((2.0,), fold="fold1")])
    assert (rows["examples"]["status"], rows["examples"]["value"]) == ("done", 2)


def test_cells_that_lack_a_metric():
    records = [make_record(), make_record(fold="fold1", scores=(other_score(Value(1.0)),))]
    rows = _rows(records, make_protocol(table=("parzen",)))
    assert (rows["folds"]["status"], rows["folds"]["reason"]) == (
        "partial: 1 of 2 cells lack it",
        "not computed; run again",
    )


def test_folds_that_were_not_run_are_told():
    whole = [make_record(fold=f"fold{k}", model="whole") for k in range(3)]
    frame = score_frame([*whole, make_record(fold="fold0", model="begun")], make_protocol("folds"))
    rows = {row["model"]: row for row in frame.to_dict("records")}
    assert rows["whole"]["status"] == "done"
    assert rows["begun"]["status"] == "partial: 1 of 3 folds"
    assert rows["begun"]["reason"] == "the other folds have not been run"


def test_cells_that_were_not_run_are_told():
    records = [make_record(fold=fold, seed=seed) for fold, seed in (("fold0", 0), ("fold1", 0), ("fold0", 1))]
    rows = _rows(records)
    assert [row["status"] for row in rows.values()] == ["done", "partial: 3 of 4 cells", "partial: 3 of 4 cells"]


def test_findings_of_any_fold_are_reported_once_with_how_many_have_them():
    note = Finding("few-effective-kernels", "few", "note")
    edge = make_record(fold="fold1", scores=(parzen((1.0, 2.0), findings=(EDGE, note)),))
    again = make_record(fold="fold2", scores=(parzen((1.0, 2.0), findings=(Finding(EDGE.code, "otherwise"),)),))
    rows = _rows([make_record(), edge, again])
    told = [(finding.code, finding.text) for finding in rows["folds"]["findings"]]
    assert told == [(EDGE.code, f"in 2 of 3 cells, {EDGE.text}"), (note.code, "in 1 of 3 cells, few")]
    assert rows["examples"]["findings"] == ()


def test_what_all_cells_say_and_what_is_said_of_the_data_has_no_count():
    found = Finding("copies", "3 are copies", about="data")
    records = [make_record(fold=fold, scores=(parzen((1.0,), findings=(EDGE,)),)) for fold in ("fold0", "fold1")]
    records[1] = msgspec.structs.replace(
        records[1], dataset=msgspec.structs.replace(records[1].dataset, findings=(found,))
    )
    row = _rows(records)["folds"]
    assert (row["findings"], row["warnings"]) == ((EDGE,), (found,))


@pytest.mark.parametrize(
    ("places", "mixed"),
    [
        ([{"threads": 1}, {"threads": 1}], ()),
        ([{"threads": 1}, {"threads": 2}], ("threads (1, 2)",)),
        ([{"processor": "A", "threads": 1}, {"processor": "B", "threads": 1}], ("processor (A, B)",)),
        (
            [{"device_name": "H", "threads": 1}, {"device_name": "A", "threads": 2}],
            ("device name (A, H)", "threads (1, 2)"),
        ),
        ([{}, {"threads": 2}], ()),
    ],
)
def test_what_may_change_the_numbers_of_a_row(places, mixed):
    records = [make_record(fold=f"fold{k}", provenance=place) for k, place in enumerate(places)]
    assert _rows(records)["folds"]["mixed"] == mixed
    assert _rows(records)["examples"]["mixed"] == ()  # which is one cell


def test_where_a_model_was_trained_counts_too():
    row = _rows([make_record(provenance={"threads": 1}, training=Training(provenance={"threads": 8}))])["examples"]
    assert row["mixed"] == ("threads (1, 8)",)


def test_cells_of_another_source_or_preset_in_a_row_are_told():
    models = [ModelRef("m", "m", {"k": k}, depends_on={"m.py": source}) for k, source in ((1, "s"), (2, "t"))]
    records = [_with_model(make_record(fold=f"fold{k}"), model) for k, model in enumerate(models)]
    assert _rows(records)["folds"]["mixed"] == ("hyper-parameters", "the model's source")


def test_columns_of_the_csv():
    expected = (
        "protocol,dataset,model,metric,quantity,value,unit,standard_error,standard_error_across,n_test,n_samples,seeds,"
        "prediction_error,prediction_level,deviation,error_samples,error_validation,error_training,"
        "published_mean,published_standard_error,difference,combined_error,verdict,reference,status"
    )
    protocol = make_protocol("examples")
    frame = score_frame([make_record((1.0, 3.0)), make_record("broken", model="n")], protocol)
    assert list(frame.columns) == list(Row._fields)
    lines = render_table(frame, protocol, "csv").splitlines()
    assert lines[0] == expected == ",".join(COLUMNS)
    error = repr(1 / math.sqrt(2))
    assert lines[1] == f"toy,d,m,parzen,mean_log_likelihood,2.0,nats,{error},examples,2,50,1,,,,,,,7.0,0.5,,,,,done"
    assert lines[2] == "toy,d,n,parzen,mean_log_likelihood,,,,examples,,,1,,,,,,,,,,,,,failed"
    assert len(pandas.read_csv(io.StringIO("\n".join(lines)))) == 2


def test_no_records_are_an_empty_frame():
    frame = score_frame([], make_protocol())
    assert (len(frame), list(frame.columns)) == (0, list(Row._fields))


def _with_parts(values, samples, validation, **fields):
    """A record whose mean has errors across samples and validation examples as well."""
    score = parzen(values)
    mean = score.values["mean_log_likelihood"].value
    parts = {"samples": ("samples", samples), "validation": ("validation examples", validation)}
    named = {
        f"mean_log_likelihood_across_{name}": Value(mean, "nats", error, across)
        for name, (across, error) in parts.items()
    }
    return make_record(scores=(type(score)(**_fields(score) | {"values": {**score.values, **named}}),), **fields)


def _fields(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def test_another_training_and_the_parts_of_the_error():
    """Whole runs of two folds have the means 3 and 9: s^2 = 18, and Student's t with one degree is 12.706.

    Sampling errors of 1 and 2, of 2 and 3: squares (1 + 4) / 4 and (4 + 9) / 4 of the means, 2.25 on average.
    """
    records = [
        _with_parts((2.0,), 1.0, 0.1, seed=0), _with_parts((4.0,), 2.0, 0.1, seed=0, fold="fold1"),
        _with_parts((8.0,), 2.0, 0.1, seed=1), _with_parts((10.0,), 3.0, 0.1, seed=1, fold="fold1"),
    ]  # fmt: skip
    rows = _rows(records, make_protocol("folds"))
    row = rows["seeds"]
    assert row["deviation"] == pytest.approx(math.sqrt(18))
    assert row["prediction_error"] == pytest.approx(12.7062 * math.sqrt(18 * 1.5), rel=1e-4)
    assert row["prediction_level"] == 0.95
    assert row["error_samples"] == pytest.approx(1.5)
    assert row["error_validation"] == pytest.approx(math.sqrt(0.02) / 2)
    assert row["error_training"] == pytest.approx(math.sqrt(18 - 2.25))
    assert math.isnan(rows["folds"]["prediction_error"])
    assert rows["folds"]["error_samples"] == pytest.approx(1.5)


def test_the_part_of_training_is_never_negative_and_not_known_without_the_others():
    noisy = [_with_parts((float(seed),), 5.0, 0.1, seed=seed) for seed in (0, 1)]
    assert _rows(noisy)["seeds"]["error_training"] == 0
    assert math.isnan(_rows([make_record((float(seed),), seed=seed) for seed in (0, 1)])["seeds"]["error_training"])


def test_the_part_of_training_is_found_again():
    """400 rows of 5 trainings with deviations 3 by training and 4 by sampling; five standard errors of the mean."""
    rng = np.random.default_rng(0)
    variances = []
    for _ in range(400):
        means = 3 * rng.standard_normal(5) + 4 * rng.standard_normal(5)
        values = [(make_record(seed=seed), Value(mean)) for seed, mean in enumerate(means)]
        found = spread(values, 4.0, 0.95)
        variances.append(found["deviation"] ** 2 - 16)
        assert found["error_training"] == pytest.approx(math.sqrt(max(variances[-1], 0)))
    assert np.mean(variances) == pytest.approx(9, abs=5 * np.std(variances) / 20)


def test_warnings_of_other_metrics_stand_beside_the_value():
    warning = Finding("chains-not-mixed", "they depend on their start", about="samples")
    others = (Finding("slow", "slow", "note", "samples"), Finding("rough", "of the other value alone"))
    record = make_record(scores=(parzen((1.0,)), other_score(Value(1.0), findings=(warning, *others))))
    row = score_frame([record], make_protocol("examples", metrics=("parzen", "other"), table=("parzen",))).iloc[0]
    assert (row["findings"], row["warnings"]) == ((), (warning,))
