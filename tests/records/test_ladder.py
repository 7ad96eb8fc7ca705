"""Models held against training images: paired, beyond the joint standard error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_records import make_protocol, make_record, mean_of

from ganbench.metrics.metric import Value
from ganbench.records.frame import score_frame
from ganbench.records.ladder import exceeds
from ganbench.records.record import ModelRef, Record, Score


def scored(values, *, across_samples: float | None = None, fold: str = "fold0", seed: int = 0, version: int = 3):
    """A record with a Parzen score of these log-likelihoods, and an error across samples."""
    found = {"mean_log_likelihood": mean_of(tuple(values), "nats")}
    if across_samples is not None:
        found["mean_log_likelihood_across_samples"] = Value(float(np.mean(values)), "nats", across_samples, "samples")
    score = Score("parzen", version, {"grid": [0.1]}, "", "mean_log_likelihood", found)
    return make_record(fold=fold, seed=seed, scores=(score,)), score


def above(model, real, across="examples", within=2.0) -> bool:
    return exceeds(model, real, "mean_log_likelihood", across=across, first_fold="fold0", within=within)


REAL = (10.0, 50.0, 30.0, 90.0)
ABOVE = tuple(np.add(REAL, (1.0, 2.0, 1.0, 2.0)))  # by 1.5, with standard error 0.5 / sqrt(4) = 0.25 example by example


def test_differences_are_taken_example_by_example():
    """Unpaired, the error of the difference would be 21."""
    assert above([scored(ABOVE)], [scored(REAL)], within=5.9)
    assert not above([scored(ABOVE)], [scored(REAL)], within=6.1)
    assert not above([scored(REAL)], [scored(ABOVE)])
    assert not above([scored(REAL)], [scored(REAL)])


def test_what_other_samples_would_change_counts():
    """hypot(0.25, 0.6, 0.8) = 1.0308."""
    model, real = [scored(ABOVE, across_samples=0.6)], [scored(REAL, across_samples=0.8)]
    joint = math.hypot(0.25, 0.6, 0.8)
    assert above(model, real, within=0.99 * 1.5 / joint)
    assert not above(model, real, within=1.01 * 1.5 / joint)


def test_seeds_are_averaged_and_other_folds_left_out():
    model = [
        scored(np.add(ABOVE, 8), seed=0),
        scored(np.subtract(ABOVE, 8), seed=1),
        scored(np.add(REAL, 9), fold="fold1"),
    ]
    assert above(model, [scored(REAL)], within=5.9)
    assert not above(model, [scored(REAL)], within=6.1)


def test_folds_are_paired():
    """Means 1, 2 and 3 above: 2 with standard error sqrt(2/3) / sqrt(3) = 0.471."""
    real = [scored((base,), fold=f"fold{k}") for k, base in enumerate((10.0, 90.0, 40.0))]
    model = [scored((base,), fold=f"fold{k}") for k, base in enumerate((11.0, 92.0, 43.0))]
    assert above(model, real, across="folds", within=4.2)
    assert not above(model, real, across="folds", within=4.3)
    assert not above(model, real, across="seeds")


@pytest.mark.parametrize(
    "real", [[], [scored(REAL[:3])], [scored(REAL, version=2)], [scored(REAL, fold="fold7")]],
    ids=["none", "other test data", "another version", "another fold"],
)  # fmt: skip
def test_what_cannot_be_compared_is_not(real):
    assert not above([scored(ABOVE)], real)


def reference(record: Record, name: str = "training_images") -> Record:
    import msgspec

    return msgspec.structs.replace(record, model=ModelRef(name, name, reference="real images"))


def rows(records, **view) -> dict[str, dict]:
    return score_frame(records, make_protocol("examples"), **view).set_index("model").to_dict("index")


def codes(row) -> list[str]:
    return [finding.code for finding in row["findings"]]


def test_a_model_above_the_training_images_is_marked():
    records = [make_record(ABOVE, model="high"), make_record(REAL, model="same"), reference(make_record(REAL))]
    found = rows(records)
    assert codes(found["high"]) == ["above-training-images"]
    assert codes(found["same"]) == codes(found["training_images"]) == []
    assert found["training_images"]["reference"] == "real images"
    assert found["high"]["reference"] == ""


def test_it_is_marked_also_where_references_are_not_shown():
    records = [make_record(ABOVE, model="high"), reference(make_record(REAL))]
    found = rows(records, ladder=False)
    assert set(found) == {"high"}
    assert codes(found["high"]) == ["above-training-images"]
    assert set(rows(records, models=["training_images"], ladder=False)) == {"training_images"}
    assert set(rows(records, models=["high"], ladder=True)) == {"high", "training_images"}


def test_references_are_not_held_against_each_other_nor_models_against_other_references():
    assert codes(rows([reference(make_record(ABOVE), "centroids"), reference(make_record(REAL))])["centroids"]) == []
    assert codes(rows([make_record(ABOVE, model="high"), reference(make_record(REAL), "noise")])["high"]) == []
