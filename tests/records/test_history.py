"""Records of format 1, as they are committed and as others may have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganbench.errors import StoreError
from ganbench.records.record import read_record

RESULTS = Path(__file__).parents[2] / "results"


def _likelihood(values, bandwidth, grid, *, at_edge=False) -> dict:
    mean = sum(values) / len(values)
    return {
        "bandwidth": bandwidth,
        "grid": grid,
        "valid_curve": [-1.0] * len(grid),
        "valid_mean_log_likelihood": -1.0,
        "mean_log_likelihood": mean,
        "standard_error": 0.5,
        "log_likelihoods": values,
        "median_effective_kernels": 3.0,
        "at_edge": at_edge,
    }


def old_record(**changes) -> dict:
    quantiles = {"mean": 2.0, "n": 10, "quantiles": [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0]}
    return {
        "schema_version": 1,
        "key": "k",
        "protocol": "toy",
        "protocol_fingerprint": "p",
        "model": "m",
        "model_spec": "m[k=1]",
        "hyperparameters": {"k": 1},
        "dataset": "d",
        "dataset_checksum": "c" * 64,
        "fold": "fold0",
        "seed": 0,
        "status": "done",
        "reason": "",
        "traceback": "",
        "n_samples": 50,
        "samples_sha256": "a" * 64,
        "likelihood": {
            "grid": _likelihood([1.0, 2.0], 0.3, [0.1, 0.3]),
            "refined": _likelihood([3.0, 4.0], 0.2, [0.1, 0.2, 0.3], at_edge=True),
        },
        "nearest_neighbors": {"generated": quantiles, "test": quantiles},
        "training": {"epochs": 2, "metrics": {"loss": 1.0}, "provenance": {"threads": 1}},
        "timing": {"started": "then", "train_seconds": 1.0, "sample_seconds": 2.0, "score_seconds": 3.0},
        "provenance": {"threads": 2},
    } | changes


def _read(**changes):
    return read_record(json.dumps(old_record(**changes)), "here")


def test_every_part_has_its_place():
    record = _read()
    assert record.place == ("d", "m[k=1]", "fold0", 0)
    assert (record.model.name, record.model.hyperparameters) == ("m", {"k": 1})
    assert (record.samples.n, record.samples.sha256, record.samples.key) == (50, "a" * 64, "")
    assert (record.training.epochs, record.training.seconds) == (2, 1.0)
    assert record.training.provenance == {"threads": 1}
    assert (record.timing.started, record.timing.train_seconds, record.timing.sample_seconds) == ("then", 1.0, 2.0)
    parzen, neighbors = record.scores
    assert (parzen.metric, parzen.headline, parzen.key) == ("parzen", "mean_log_likelihood", "")
    value = parzen.values["mean_log_likelihood"]
    assert (value.value, value.unit, value.across, value.per_example) == (3.5, "nats", "examples", (3.0, 4.0))
    assert parzen.values["grid_mean_log_likelihood"].per_example == (1.0, 2.0)
    assert (parzen.values["bandwidth"].value, parzen.values["grid_bandwidth"].value) == (0.2, 0.3)
    assert parzen.curves["bandwidth"].x == (0.1, 0.2, 0.3)
    assert [finding.code for finding in parzen.findings] == ["bandwidth-at-edge"]
    assert (neighbors.headline, neighbors.values["test_median"].value) == ("generated_median", 1.5)
    assert read_record(record.to_json(), "there") == record  # and is written as format 2


def test_a_bandwidth_without_a_second_search():
    parzen = _read(likelihood={"grid": _likelihood([1.0, 2.0], 0.3, [0.1, 0.3])}).score("parzen")
    assert list(parzen.values)[:2] == ["mean_log_likelihood", "bandwidth"]
    assert not any(name.startswith("grid_") for name in parzen.values)
    assert (parzen.values["mean_log_likelihood"].value, parzen.settings["refinement_steps"]) == (1.5, 0)
    assert parzen.findings == ()


def test_failures_and_files_of_samples():
    failed = _read(status="failed", reason="no memory", likelihood={}, nearest_neighbors={}, training={}, timing={})
    assert (failed.reason, failed.scores, failed.samples, failed.training) == ("no memory", (), None, None)


@pytest.mark.parametrize("key", sorted(old_record().keys() - {"schema_version", "key"}))
@pytest.mark.parametrize("instead", [None, [[]]])
def test_a_part_that_lacks_or_is_something_else(key, instead):
    content = old_record()
    if instead is None:
        del content[key]
    else:
        content[key] = instead
    if (key, instead) != ("protocol_fingerprint", [[]]):  # which may be anything: it is only compared
        with pytest.raises(StoreError, match="here is not a valid record"):
            read_record(json.dumps(content), "here")


@pytest.mark.parametrize("path", sorted(RESULTS.rglob("records/**/*.json")), ids=lambda p: str(p.relative_to(RESULTS)))
def test_the_numbers_of_committed_records_are_the_same(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    record = read_record(path.read_bytes(), str(path))
    if content["schema_version"] != 1:
        again = json.loads(record.to_json())
        as_read = {"schema_version": 3, "digest": again["digest"]}  # format 2 has neither, and is otherwise the same
        assert again == {**content, **as_read}
        return
    parzen = record.score("parzen")
    for prefix, part in (("", "refined"), ("grid_", "grid")):
        old = content["likelihood"][part]
        value = parzen.values[f"{prefix}mean_log_likelihood"]
        assert (value.value, value.standard_error) == (old["mean_log_likelihood"], old["standard_error"])
        assert list(value.per_example) == old["log_likelihoods"]
        assert parzen.values[f"{prefix}bandwidth"].value == old["bandwidth"]
        assert list(parzen.curves[f"{prefix}bandwidth"].y) == old["valid_curve"]
    assert record.samples.sha256 == content["samples_sha256"]
    assert record.score("nearest_neighbors").values["test_mean"].value == content["nearest_neighbors"]["test"]["mean"]
