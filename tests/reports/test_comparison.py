"""Models compared pair by pair: from records to verdicts, groups, agreement of rulers, tables; or a refusal."""

from __future__ import annotations

import csv
import io
import json
import math

import msgspec
import numpy as np
import pytest
from made_records import EDGE, make_record, other_score, parzen

import ganbench
from ganbench.choices import FORMATS
from ganbench.cli import main
from ganbench.errors import StoreError, UnknownNameError, UsageError
from ganbench.metrics.metric import Finding, Value
from ganbench.records.record import DataRef, SamplesRef, Training
from ganbench.records.store import Store
from ganbench.reports.comparison import compare_candidates
from ganbench.reports.comparison_tables import render_comparison
from ganbench.reports.pairing import Candidate

HARDNESS = np.random.default_rng(0).normal(100, 30, 90)


def values(shift: float, seed: int = 0, n: int = 90, model: str = "") -> tuple[float, ...]:
    rng = np.random.default_rng([seed, *model.encode()])
    return tuple((HARDNESS[:n] + shift + rng.normal(0, 1, n)).tolist())


def trained(model: str, means: list[float], *, fold: str = "standard") -> Candidate:
    """A model of one training from each seed."""
    return Candidate(
        model,
        tuple(
            make_record(values(mean, seed, model=model), model=model, fold=fold, seed=seed, training=Training(1))
            for seed, mean in enumerate(means)
        ),
    )


def folded(model: str, means: list[float], *, shared: bool = False) -> Candidate:
    """A model of one training for each fold; or one for all."""
    return Candidate(
        model,
        tuple(
            make_record(
                values(mean, 1, n=50 + k),
                model=model,
                fold=f"fold{k}",
                training=Training(1),
                samples=SamplesRef(50, f"{0 if shared else k:064x}"),
            )
            for k, mean in enumerate(means)
        ),
    )


def the_difference(*candidates, **how):
    (difference,) = compare_candidates(candidates, **how).differences
    return difference


def test_trainings_that_agree_with_each_other_tell_models_apart():
    found = the_difference(trained("a", [0, 0.1, -0.1]), trained("b", [5, 5.1, 4.9]))
    assert (found.verdict, found.better) == ("told apart", "b")
    assert (found.trainings, found.training_across, found.n_test) == ((3, 3), "seeds", 90)
    assert found.difference == pytest.approx(-5, abs=0.5)
    assert found.low < -5 < found.high < 0
    assert found.training_error > found.standard_error
    assert found.unit == "nats"


def test_the_spread_between_trainings_makes_a_comparison_void():
    found = the_difference(trained("a", [0, 20, -20]), trained("b", [5, 25, -15]))
    assert found.p_corrected < 0.001
    assert (found.verdict, found.better) == ("void: training spread", "")
    assert found.training_p_value > 0.5
    assert found.training_detectable > 40 > found.detectable


def test_one_training_is_said_to_be_one():
    for one in (trained("b", [5]), Candidate("b", (make_record(values(5, 1), model="b", fold="standard"),))):
        found = the_difference(trained("a", [0, 0.1, 0.2]), one)
        assert (found.verdict, found.better, found.training_across) == ("one training", "b", "")
        assert math.isnan(found.training_p_value)
    assert found.trainings == (3, 0), "samples from elsewhere have no training"


def test_folds_with_trainings_of_their_own_are_trainings():
    """(1 / 5 + 1 / 3) s^2 with s^2 the variance of the five differences of fold means."""
    first, second = folded("a", [0, 1, 0, 1, 0]), folded("b", [9, 8, 9, 8, 7])
    found = the_difference(first, second)
    assert (found.trainings, found.training_across, found.training_df) == ((5, 5), "folds", 4)
    means = [
        [np.mean(r.scores[0].values["mean_log_likelihood"].per_example) for r in c.records] for c in (first, second)
    ]
    variance = np.var(np.subtract(*means), ddof=1) * (1 / 5 + 1 / 3)
    assert found.training_error == pytest.approx(math.sqrt(variance))
    assert found.n_test == sum(range(50, 55))
    assert (found.verdict, found.better) == ("told apart", "b")
    shared = the_difference(folded("a", [0] * 5, shared=True), folded("b", [9] * 5, shared=True))
    assert (shared.verdict, shared.trainings) == ("one training", (1, 1)), "folds may share a training"


def test_equal_samples_are_not_told_apart():
    found = the_difference(*(Candidate(name, trained("a", [1]).records) for name in "ab"))
    assert (found.difference, found.p_value, found.verdict, found.better) == (0, 1, "not told apart", "")
    assert (found.low, found.high, found.detectable) == (0, 0, 0)


def test_p_values_are_corrected_for_all_pairs_and_models_are_grouped():
    candidates = [trained("low", [0]), trained("mid", [0.02]), trained("high", [4]), trained("top", [4.02])]
    found = compare_candidates(candidates)
    assert len(found.differences) == 6
    apart = {(d.first, d.second) for d in found.differences if d.verdict != "not told apart"}
    assert apart == {("low", "high"), ("low", "top"), ("mid", "high"), ("mid", "top")}
    smallest = min(found.differences, key=lambda d: d.p_value)
    assert smallest.p_corrected == pytest.approx(6 * smallest.p_value)
    (group,) = found.groups
    assert (group.direction, group.unit) == ("higher", "nats")
    assert {s.model: s.groups for s in group.standings} == {"top": "a", "high": "a", "mid": "b", "low": "b"}
    assert [s.value for s in group.standings] == sorted((s.value for s in group.standings), reverse=True)


def test_a_clear_difference_survives_the_correction_for_many_models():
    candidates = [trained(f"m{i}", [0.0 if i else 9.0]) for i in range(36)]
    found = [d for d in compare_candidates(candidates).differences if d.first == "m0"]
    assert len(found) == 35
    assert {d.verdict for d in found} == {"one training"}
    assert max(d.p_corrected for d in found) < 0.02


def test_warnings_of_metrics_that_are_not_compared_are_left_out():
    alone = other_score(Value(1.0), findings=(Finding("few", "few blocks"),))
    of_samples = other_score(Value(1.0), "mixing", findings=(Finding("slow", "chains remember", about="samples"),))
    candidate = changed(trained("b", [0]), scores=(parzen(values(0)), alone, of_samples))
    assert compare_candidates([A, candidate]).notes == ("b on d: chains remember.",)


def test_a_model_between_two_may_belong_to_both_groups():
    noise = np.random.default_rng(1).normal(0, 1, (3, 90))
    noise = noise - noise.mean(1, keepdims=True)
    candidates = [
        Candidate(name, (make_record(tuple(HARDNESS + mean + noise[i]), model=name, training=Training(1)),))
        for i, (name, mean) in enumerate([("a", 0.0), ("b", 0.25), ("c", 0.5)])
    ]
    (group,) = compare_candidates(candidates).groups
    assert [(s.model, s.groups) for s in group.standings] == [("c", "a"), ("b", "ab"), ("a", "b")]


def test_trainings_are_averaged_example_by_example():
    first = trained("a", [0, 10])
    found = the_difference(first, trained("b", [0, 0]))
    vectors = [np.array(r.scores[0].values["mean_log_likelihood"].per_example) for r in first.records]
    other = [np.array(values(0, seed, model="b")) for seed in (0, 1)]
    expected = np.mean(vectors, axis=0) - np.mean(other, axis=0)
    assert found.difference == pytest.approx(expected.mean())
    assert found.standard_error == pytest.approx(expected.std(ddof=1) / math.sqrt(90))


def test_rulers_agree_by_the_order_of_models_in_their_own_directions():
    def scored(name, likelihood, distance, **changes):
        scores = (parzen((likelihood, likelihood + 1)), other_score(Value(distance), "frechet", headline="v"))
        return Candidate(name, (make_record(model=name, scores=(*scores, other_score(Value(1.0)))),))

    found = compare_candidates([scored(n, i, -i * i) for i, n in enumerate("abcde")])
    (agreement,) = found.rulers
    assert (agreement.first, agreement.second, agreement.models) == ("parzen", "frechet", 5)
    assert agreement.tau == pytest.approx(1), "of a distance, lower is better"
    reversed_ = compare_candidates([scored(n, i, i) for i, n in enumerate("abc")]).rulers[0]
    assert reversed_.tau == pytest.approx(-1)
    assert math.isnan(reversed_.low)
    assert "1.00" in render_comparison(found, "text", rulers=True)
    rows = list(csv.DictReader(io.StringIO(render_comparison(found, "csv", rulers=True))))
    assert [(row["first"], row["models"]) for row in rows] == [("parzen", "5")]


def changed(candidate: Candidate, **changes) -> Candidate:
    records = tuple(msgspec.structs.replace(record, **changes) for record in candidate.records)
    return candidate._replace(records=records)


A = trained("a", [0])


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (
            changed(trained("b", [0]), protocol="other"),
            "Records of different protocols are not compared: 'toy' (a) and ",
        ),
        (
            changed(trained("b", [0]), dataset=DataRef("d", "d" * 64)),
            "different data (checksums cccccccc and dddddddd)",
        ),
        (
            changed(trained("b", [0]), dataset=DataRef("d", "c" * 64, findings=(Finding("duplicates", "2"),))),
            "treat examples that stand in two parts differently",
        ),
        (
            changed(trained("b", [0]), dataset=DataRef("e", "c" * 64)),
            "No two models have a data set in common (a: d; b: e)",
        ),
        (changed(trained("b", [0]), samples=SamplesRef(51, "0" * 64)), "are of 50 and 51 samples"),
        (trained("b", [0], fold="fold1"), "no fold in common (a: standard; b: fold1)"),
        (
            changed(trained("b", [0]), scores=(parzen((1.0, 2.0)),)),
            "test examples differ in standard: 2 (b) and 90 (a)",
        ),
        (
            changed(trained("b", [0]), scores=(parzen(values(0), settings={"grid": [0.2]}),)),
            "different settings of the metric 'parzen'",
        ),
        (Candidate("b", (make_record("no memory", model="b"),)), "(a: d; b: no memory)"),
    ],
)
def test_what_is_not_comparable_is_refused_with_the_reason(other, reason):
    with pytest.raises(StoreError) as error:
        compare_candidates([A, other])
    assert reason in str(error.value)


def test_another_version_of_the_metric_is_refused():
    score = msgspec.structs.replace(parzen(values(0)), version=7)
    with pytest.raises(StoreError, match="different versions of the metric 'parzen'"):
        compare_candidates([A, changed(trained("b", [0]), scores=(score,))])


def test_metrics_without_values_of_single_examples_are_refused_when_asked_for():
    scored = [changed(c, scores=(parzen(values(0)), other_score(Value(1.0)))) for c in (A, trained("b", [0]))]
    assert {d.metric for d in compare_candidates(scored).differences} == {"parzen"}
    with pytest.raises(UsageError, match=r"other cannot be compared pair by pair.* here: parzen"):
        compare_candidates(scored, ["other"])


def test_every_value_of_single_examples_can_be_compared():
    found = compare_candidates([A, trained("b", [3])], every_value=True)
    assert [d.quantity for d in found.differences] == ["mean_log_likelihood", "grid_mean_log_likelihood"]
    assert found.differences[1].better == "", "the metric states the direction of its first value only"


@pytest.mark.parametrize("how", [{"level": 95}, {"power": 0.0}])
def test_levels_are_probabilities(how):
    with pytest.raises(UsageError, match=r"accepted: from 0\.5 to less than 1"):
        compare_candidates([A, trained("b", [0])], **how)


def test_missing_folds_and_failures_and_warnings_are_notes():
    whole, part = folded("a", [0] * 3), folded("b", [1] * 3)
    failed = make_record("no memory", model="b", fold="fold2", training=Training(1))
    warned = folded("a", [0])
    warned = changed(warned, scores=(parzen(values(0, n=50), findings=(EDGE,)),))
    part = part._replace(records=(*part.records[:2], failed))
    found = compare_candidates([whole, part])
    assert found.differences[0].n_test == 50 + 51
    assert "On d, compared on fold0, fold1 only: not all models have the other folds." in found.notes
    assert "b on d, fold2, failed: no memory" in found.notes
    assert any("the best bandwidth is at the edge" in note for note in compare_candidates([warned, part]).notes)


@pytest.mark.parametrize("format", FORMATS)
def test_tables_in_every_format(format):
    candidates = [trained("a", [0, 20]), trained("b", [5, 25]), trained("c", [300])]
    found = compare_candidates(candidates)
    text = render_comparison(found, format)
    assert "void: training spread" in text
    if format == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["first"], row["second"], row["trainings"]) for row in rows[:2]] == [
            ("a", "b", "2 2"),
            ("a", "c", "2 1"),
        ]
        assert rows[1]["training_p_value"] == ""
    elif format == "json":
        content = json.loads(text)
        assert [d["verdict"] for d in content["differences"]] == [d.verdict for d in found.differences]
        assert content["differences"][1]["training_error"] is None
        assert content["groups"][0]["standings"][0]["model"] == "c"
    else:
        assert "c better (one training)" in text
        assert "corrected by Holm for 3 comparisons" in text


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A results folder with the models "m" and "m[k=1]", and this folder as the working one."""
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "results")
    for candidate in (trained("m", [0, 1]), trained("m[k=1]", [5, 6])):
        for record in candidate.records:
            store.write_record(msgspec.structs.replace(record, protocol="digits"))
    return store


def test_models_are_found_in_a_results_folder_by_spec_or_all_of_them(folder):
    for names in (["m", "m[k=1]"], []):
        found = ganbench.compare(*names, results="results")
        assert [(d.first, d.second, d.trainings) for d in found.differences] == [("m", "m[k=1]", (2, 2))]
    assert ganbench.compare("results", results="nowhere").differences == found.differences


def test_the_command_prints_tables(folder, capsys):
    assert main(["compare", "m", "m[k=1]", "--results", "results"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("parzen: mean log likelihood on d, higher is better\n")
    assert "m - m[k=1]" in out
    assert main(["compare", "--results", "results", "--rulers"]) == 0
    assert "No two metrics with a direction have measured two models in common." in capsys.readouterr().out
    assert main(["compare", "m", "--results", "results"]) == 2
    assert "A comparison needs at least two models; got 1 (m)." in capsys.readouterr().err
    assert main(["compare", "--results", "nowhere"]) == 1
    assert "nowhere has no records. Run `ganbench run-all` first" in capsys.readouterr().err


def test_records_may_be_files_or_objects(folder):
    paths = [folder.record_path("digits", record.place) for record in folder.records()]
    found = ganbench.compare(*paths, results="nowhere")
    assert [(d.trainings, d.first) for d in found.differences] == [((2, 2), "m")]
    assert ganbench.compare(*folder.records()).differences == found.differences


def test_one_model_in_two_folders_has_their_names(folder, tmp_path):
    other = Store(tmp_path / "other")
    for record in folder.records():
        other.write_record(record)
    (found,) = ganbench.compare("m", "other", results="results").differences[:1]
    assert (found.first, found.second) == ("m (results)", "m (other)")
    assert found.difference == 0


def test_what_nobody_knows_is_named(folder):
    with pytest.raises(UnknownNameError, match=r"Unknown model 'n'.*Known: m, m\[k=1\]"):
        ganbench.compare("m", "n", results="results")
    with pytest.raises(UsageError, match=r"at least two models; got 1 \(m\)"):
        ganbench.compare("m", "m", results="results")


def test_samples_are_scored_first_on_the_data_of_the_others(tmp_path, toy_protocol, toys, toy_images):
    run = ganbench.run(toy_protocol(), models=[f"{toys}:uniform"], results=tmp_path / "results", device="cpu")
    samples = np.random.default_rng(3).random((20, 3, 3), np.float32)
    np.save(tmp_path / "mine.npy", samples)
    arguments = {"results": tmp_path / "results", "protocol": run.protocol, "device": "cpu"}
    with pytest.raises(UsageError, match="Say on which data, by --dataset"):
        ganbench.compare(run, str(tmp_path / "mine.npy"), **arguments)
    found = ganbench.compare(run, str(tmp_path / "mine.npy"), dataset=toy_images, **arguments)
    (difference,) = found.differences
    assert (difference.first, difference.second) == ("models.py:uniform", "mine.npy")
    assert difference.trainings == (1, 0)
    again = ganbench.compare(run, tmp_path / "mine.npy", **arguments)
    assert repr(again.differences) == repr(found.differences), "its record is stored now, and needs no data set"
    with pytest.raises(StoreError, match="are of 20 and 19 samples"):
        ganbench.compare(run, samples[1:], dataset=toy_images, **arguments)
