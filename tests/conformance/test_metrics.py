"""Our metrics keep the contract; every check catches the metrics that were made to break it, and blames no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganbench.conformance import METRIC_CHECKS, check, check_metric
from ganbench.errors import UsageError

_TOYS = str(Path(__file__).parents[1] / "data" / "metrics.py")

_VIOLATIONS = {
    "HoldsObjects": ("settings_are_data", "settings that no record can hold .*float64"),
    "AsksForMore": ("roles_are_declared", r"parameter 'train', which it will never be given. Write it into needs"),
    "AsksForASetting": ("roles_are_declared", r"parameter 'power', .* Make it a setting"),
    "AsksForLess": ("roles_are_declared", "no parameter 'train', and needs names it"),
    "ReturnsANumber": ("it_measures", "returned float; expected ganbench.metrics.MetricResult"),
    "ReturnsPlainNumbers": ("it_measures", "cannot be stored: values"),
    "NotFinite": ("it_measures", "value must be finite; got nan .*metrics.py, line"),
    "DrawsGlobally": ("it_is_determined", r"and another the next time. Draw random numbers from the generator"),
    "RemembersTheFirst": ("it_is_determined", "It was used on other data between the two"),
    "SeedsGlobally": ("global_random_state_is_left_alone", "Python's global random state was changed"),
    "ChangesItsInput": ("inputs_are_left_alone", r"test was changed in place. Work on a copy, as in test.clone\(\)"),
    "ChangesItsLabels": ("inputs_are_left_alone", "labels was changed in place"),
    "NeedsTooMuch": ("needs_are_used", "valid has no influence"),
    "NeedsNoChance": ("needs_are_used", "generator has no influence"),
    "LooksAtTheFirst": ("order_does_not_matter", "samples in another order"),
    "PairsThem": ("sizes_may_differ", "RuntimeError: The size of tensor"),
    "DependsOnItsBatches": ("chunks_do_not_matter", "with batch_size = 7"),
    "RanksTestExamples": ("examples_are_scored_one_by_one", "with fewer test examples"),
    "LosesExamples": ("examples_are_scored_one_by_one", "62 per_example values for 63 test examples"),
    "AveragesOtherwise": ("examples_are_scored_one_by_one", "the mean of its per_example values is another"),
    "IsSymmetric": ("roles_are_told_apart", "either way. If this is meant, say so in the class: symmetric = True"),
    "IsNotSymmetric": ("roles_are_told_apart", "symmetric is true, and it is .* in exchanged roles"),
    "WrongDirection": ("better_samples_are_better", "direction is 'higher'"),
    "BestElsewhere": ("identity_is_best", r"differ from them in the mean by 0.05 give .* which is better"),
    "StatesAnotherIdentity": ("identity_is_best", "at_identity is 1, and the test data themselves give 0"),
    "DividesByTheDeviation": ("constant_sets_are_survived", "ValueError: value must be finite"),
    "FailsOnOneSample": ("one_example_is_survived", "IndexError: index 1 is out of bounds"),
    "HasAnErrorOfOne": ("one_example_is_survived", "a standard error across examples, of one example"),
}


def _check(name):
    return {result.name: result for result in check_metric(f"{_TOYS}:{name}")}


@pytest.mark.parametrize("metric", ["parzen", "nearest_neighbors", "parzen[grid=[0.05,0.1],refinement_steps=0]"])
def test_our_metrics_keep_the_contract(metric):
    results = list(check(metric))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
    assert [r.name for r in results if r.status == "not examined"] == {
        "parzen": ["chunks_do_not_matter"],
        "nearest_neighbors": [
            "chunks_do_not_matter",
            "examples_are_scored_one_by_one",
            "better_samples_are_better",
            "identity_is_best",
        ],
    }[metric.partition("[")[0]]


@pytest.mark.parametrize(
    ("name", "not_examined"),
    [
        ("MeanDistance", {"chunks_do_not_matter"}),
        ("MeanDistance[scale=2]", {"chunks_do_not_matter"}),
        ("RefusesOddSets", {"chunks_do_not_matter"}),
        ("MeansApart", {"examples_are_scored_one_by_one"}),
        ("ClassMeans", {"chunks_do_not_matter", "examples_are_scored_one_by_one", "order_does_not_matter"}),
    ],
)
def test_a_good_metric_passes(name, not_examined):
    results = _check(name)
    assert {r.name: r.violation for r in results.values() if r.status == "failed"} == {}
    assert {r.name for r in results.values() if r.status == "not examined"} == not_examined
    assert all(r.demand.endswith(".") for r in results.values())


@pytest.mark.parametrize("name", _VIOLATIONS)
def test_each_violation_is_caught_once(name):
    check, message = _VIOLATIONS[name]
    results = _check(name)
    assert list(results) == [check.name for check in METRIC_CHECKS]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(results[check].violation)
    assert {r.name for r in results.values() if r.status == "failed"} == {check}


def test_every_check_has_a_violation():
    assert {check for check, _ in _VIOLATIONS.values()} == {check.name for check in METRIC_CHECKS}


def test_a_class_of_a_notebook_is_examined_as_it_is():
    namespace = {"__name__": "__main__"}
    exec(Path(_TOYS).read_text(encoding="utf-8"), namespace)
    results = [*check(namespace["MeanDistance"]), *check(namespace["WrongDirection"]())]
    assert [r.name for r in results if r.status == "failed"] == ["better_samples_are_better"]


def test_what_is_no_metric():
    with pytest.raises(UsageError, match=r"has no setting 'colour'; it has: scale"):
        list(check(f"{_TOYS}:MeanDistance[colour=1]"))
    with pytest.raises(UsageError, match=r"cannot be built: scale is -1.0; accepted: a number above 0"):
        list(check(f"{_TOYS}:MeanDistance[scale=-1]"))
