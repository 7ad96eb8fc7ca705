"""The record of a cell."""

from __future__ import annotations

import json

import pytest
from made_records import CHECKSUM, make_record, other_score

from ganbench.errors import StoreError
from ganbench.metrics.metric import Curve, Value
from ganbench.records.record import (
    SCHEMA_VERSION,
    DataRef,
    ModelRef,
    SamplesRef,
    Timing,
    Training,
    _digest,
    read_record,
)


def _changed(record, change) -> str:
    """The text of a record with something changed, and the digest that belongs to it."""
    content = json.loads(record.to_json()) | change
    del content["digest"]
    return json.dumps(content | {"digest": _digest(content)})


def test_round_trip():
    record = make_record(
        (0.1, -3e100),
        timing=Timing("now", 1.5, score_seconds={"parzen": 0.1}),
        training=Training(3, {"loss": 0.25}, seconds=2.0, provenance={"threads": 1}),
        provenance={"packages": {"torch": "2"}},
    )
    again = read_record(record.to_json(), "here")
    assert again == record
    assert again.to_json() == record.to_json()
    assert read_record(record.to_json().encode(), "here") == record


def test_json_begins_with_its_version():
    content = json.loads(make_record().to_json())
    assert next(iter(content)) == "schema_version"
    assert content["schema_version"] == SCHEMA_VERSION == 3
    assert make_record().to_json().count("\n") == 1


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "part",
    [
        lambda number: {"timing": Timing(train_seconds=number)},
        lambda number: {"training": Training(metrics={"loss": number})},
        lambda number: {"provenance": {"load": number}},
        lambda number: {"scores": (other_score(Value(1.0), settings={"at": number}),)},
    ],
)
def test_json_is_strict(part, number):
    record = make_record(**part(number))
    with pytest.raises(ValueError, match="JSON"):
        record.to_json()


def test_names_that_are_no_text_are_written_all_the_same():
    record = make_record("the file \udcff.npy is missing")
    assert read_record(record.to_json(), "here").reason == "the file ?.npy is missing"


def test_scores_are_finite_and_have_their_headline():
    with pytest.raises(ValueError, match="the curve of 'y' must be finite"):
        other_score(Value(1.0), curves={"c": Curve("x", "y", (0.0, 1.0), (1.0, float("nan")))})
    with pytest.raises(ValueError, match=r"the headline 'w' is none of the values \['v'\]"):
        other_score(Value(1.0), headline="w")


def test_a_record_is_never_changed():
    with pytest.raises(AttributeError, match="immutable"):
        make_record().status = "failed"


@pytest.mark.parametrize("changes", [{"status": "failed"}, {"reason": "none"}, {"status": "failed", "reason": ""}])
def test_a_reason_exactly_when_it_failed(changes):
    with pytest.raises(ValueError, match=r"reason exactly when it failed"):
        make_record(**changes)


def test_its_place():
    record = make_record(fold="fold3", seed=2, model="dbn[k=1]", dataset="tfd")
    assert record.place == ("tfd", "dbn[k=1]", "fold3", 2)
    assert DataRef("d", CHECKSUM, "abc").identity == "d@abc"
    assert ModelRef("m", "m[k=1]", mark="abc").identity == "m[k=1]@abc"


def test_its_scores():
    record = make_record(scores=(other_score(Value(1.0), "a"), other_score(Value(2.0), "b")))
    assert record.score("b").values["v"].value == 2
    assert record.score("c") is None


@pytest.mark.parametrize("version", [4, 0, "1", None, True, [2]])
def test_another_version_is_refused_by_name(version):
    text = _changed(make_record(), {"schema_version": version})
    with pytest.raises(StoreError, match=r"here has record format .*; this ganbench reads 1 to 3") as caught:
        read_record(text, "here")
    assert repr(version) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "{}", "null", '{"schema_version": 1}', '{"schema_version": 2}', b"\xff", "[" * 10_000]
)
def test_what_is_no_record(text):
    with pytest.raises(StoreError, match=r"here is not a (valid )?record \(.*Move it away and run again"):
        read_record(text, "here")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"colour": 1}, "unknown key 'colour'; accepted: schema_version, protocol, dataset"),
        ({"sead": 1}, "unknown key 'sead'.*Did you mean 'seed'"),
        ({"status": "maybe"}, "status is 'maybe'; accepted: 'done', 'failed'"),
        ({"seed": 1.5}, "seed is 1.5; accepted: a whole number"),
        ({"seed": None}, "seed is None; accepted: a whole number"),
        ({"dataset": {"name": "d", "checksum": "short"}}, "dataset.checksum is 'short'; accepted: a text that matches"),
        ({"dataset": {}}, "dataset lacks the key 'name'"),
        ({"samples": 3}, "samples is 3; accepted: a table with the keys n, sha256, key"),
        ({"status": "failed"}, "a record has a reason exactly when it failed"),
    ],
)
def test_a_record_with_something_wrong(change, problem):
    with pytest.raises(StoreError, match=f"here is not a valid record .*{problem}"):
        read_record(_changed(make_record(), change), "here")


def test_a_number_that_is_null_is_refused():
    content = json.loads(make_record((1.0, 2.0)).to_json().replace("[1.0,2.0]", "[1.0,null]"))
    text = _changed(make_record(), content)
    with pytest.raises(StoreError, match=r"scores\[0\].values\[...\].per_example\[1\]"):
        read_record(text, "here")


def test_samples_may_be_there_where_a_metric_failed():
    record = make_record("no labels", samples=SamplesRef(5, CHECKSUM))
    assert read_record(record.to_json(), "here") == record


@pytest.mark.parametrize("change", [{"seed": 1}, {"reason": "none"}, {"digest": ""}, {"digest": "0" * 64}])
def test_a_record_that_was_changed_says_so(change):
    text = json.dumps(json.loads(make_record((1.0, 2.0)).to_json()) | change)
    with pytest.raises(StoreError, match=r"here was changed after it was written.*Move it away and run again"):
        read_record(text, "here")


def test_the_digest_is_of_the_content_and_not_of_its_layout():
    record = make_record((0.1, 1e100, -0.0), timing=Timing("é\u2028"))
    content = json.loads(record.to_json())
    assert read_record(json.dumps(dict(reversed(content.items())), indent=3), "here") == record


def test_format_2_has_no_digest_and_is_believed():
    content = json.loads(make_record((1.0, 2.0)).to_json()) | {"schema_version": 2}
    del content["digest"]
    assert read_record(json.dumps(content), "here") == make_record((1.0, 2.0))
