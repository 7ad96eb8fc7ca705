"""The record of a cell."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ganbench.errors import StoreError
from ganbench.records.record import SCHEMA_VERSION, read_record


def test_round_trip(make_record):
    record = make_record((0.1, -3e300), hyperparameters={"layers": [1, 2], "name": "é"}, timing={"seconds": 1.5})
    again = read_record(record.to_json(), "here")
    assert again == record
    assert again.to_json() == record.to_json()


def test_json_is_strict_and_sorted(make_record):
    content = json.loads(make_record().to_json())
    assert list(content) == sorted(content)
    assert content["schema_version"] == SCHEMA_VERSION == 1
    with pytest.raises(ValueError, match="JSON"):
        make_record(timing={"seconds": float("nan")}).to_json()


def test_a_record_is_never_changed(make_record):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_record().status = "failed"


@pytest.mark.parametrize(
    "changes", [{"status": "maybe"}, {"status": "failed"}, {"reason": "none"}, {"status": "failed", "reason": ""}]
)
def test_a_reason_exactly_when_it_failed(make_record, changes):
    with pytest.raises(ValueError, match=r"status|reason"):
        make_record(**changes)


def test_its_place(make_record):
    record = make_record(fold="fold3", seed=2, model="dbn[k=1]", dataset="tfd")
    assert record.place == ("tfd", "dbn[k=1]", "fold3", 2)


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_another_version_is_refused_by_name(make_record, version):
    text = json.dumps(json.loads(make_record().to_json()) | {"schema_version": version})
    with pytest.raises(StoreError, match=f"here has record format {version}; this ganbench reads 1"):
        read_record(text, "here")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", "null", '{"schema_version": 1}'])
def test_what_is_no_record(text):
    with pytest.raises(StoreError, match=r"here is not a (valid )?record \(.*Move it away and run again"):
        read_record(text, "here")


@pytest.mark.parametrize("change", [{"colour": 1}, {"status": "maybe"}])
def test_a_record_with_something_wrong(make_record, change):
    text = json.dumps(json.loads(make_record().to_json()) | change)
    with pytest.raises(StoreError, match="here is not a valid record"):
        read_record(text, "here")
