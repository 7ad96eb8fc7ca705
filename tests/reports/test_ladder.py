"""Rows of known standing in tables: apart, marked, without verdicts."""

from __future__ import annotations

import csv
import io
import itertools
import json

import msgspec
import numpy as np
import pytest
from made_records import make_protocol, make_record, mean_of, parzen

import ganbench
from ganbench.choices import FORMATS
from ganbench.cli import main
from ganbench.errors import StoreError
from ganbench.metrics.metric import Value
from ganbench.protocols import load_protocol
from ganbench.records.frame import score_frame
from ganbench.records.record import EXACT, ModelRef, Record, Score
from ganbench.records.store import Store
from ganbench.reports.results import stored_records, table, table2
from ganbench.reports.table1 import render_table


def reference(name: str, values, *, exact: float | None = None) -> Record:
    scores = [parzen(values)]
    if exact is not None:
        value = mean_of((exact, exact + 2), "nats")
        scores.append(Score(EXACT, 1, {}, "", "mean_log_density", {"mean_log_density": value}))
    record = make_record(values, fold="fold0", scores=tuple(scores))
    return msgspec.structs.replace(
        record, model=ModelRef(name.partition("[")[0], name, reference=f"what {name[0]} shows")
    )


@pytest.fixture
def records() -> list[Record]:
    return [
        reference("training_images", (5.0, 7.0)),
        make_record((50.0, 54.0), model="m"),
        reference("gaussian_fit", (1.0, 3.0), exact=700.0),
        reference("gaussian_fit[examples=5]", (1.0, 3.0), exact=800.0),
    ]


@pytest.fixture
def store(tmp_path, records) -> Store:
    store = Store(tmp_path / "results")
    store.write_protocol(make_protocol("examples"))
    for record in records:
        store.write_record(record)
    return store


def lines(text: str) -> list[str]:
    return text.partition("\n\n")[2].partition("\n\n")[0].splitlines()


def test_references_stand_below_the_models(records):
    protocol = make_protocol("examples")
    text = render_table(score_frame(records, protocol), protocol, "text")
    assert [line.split("  ")[0] for line in lines(text)[2:]] == [
        "m", "References, no models:", "training_images", "gaussian_fit", "gaussian_fit[examples=5]",
    ]  # fmt: skip
    for format in FORMATS:
        if format not in ("csv", "json"):
            assert "References, no models:" in render_table(score_frame(records, protocol), protocol, format)
    only_models = score_frame(records[1:2], protocol)
    assert "References" not in render_table(only_models, protocol, "text")


def test_what_each_shows_is_said_once(records):
    protocol = make_protocol("examples")
    notes = " ".join(render_table(score_frame(records, protocol), protocol, "text").split())
    assert "gaussian_fit, gaussian_fit[examples=5]: what g shows." in notes
    assert "training_images: what t shows." in notes


def test_the_exact_log_likelihood_stands_beside_the_estimate(records):
    protocol = make_protocol("examples")
    head, _, m, _, real, gaussian, _ = lines(render_table(score_frame(records, protocol), protocol, "text"))
    assert "D, exact log-likelihood ± SE across test examples" in head
    assert gaussian.split("  ")[-1].strip() == "701.00 ± 0.71"
    assert [line.rstrip().split("  ")[-1].strip() for line in (m, real)] == ["-", "-"]
    assert "exact" not in render_table(score_frame(records[:2], protocol), protocol, "text")


def test_a_model_above_real_data_is_marked_and_told_why(records):
    protocol = make_protocol("examples")
    text = render_table(score_frame(records, protocol), protocol, "text")
    assert "52.0 ± 1.4 [above training images]" in text
    assert "[above training images]: more likely than as many training images" in " ".join(text.split())


def test_machines_are_told_in_a_column(records):
    protocol = make_protocol("examples")
    frame = score_frame(records, protocol)
    rows = list(csv.DictReader(io.StringIO(render_table(frame, protocol, "csv"))))
    assert {row["model"]: row["reference"] for row in rows if row["metric"] == "parzen"} == {
        "m": "", "training_images": "what t shows", "gaussian_fit": "what g shows",
        "gaussian_fit[examples=5]": "what g shows",
    }  # fmt: skip
    content = json.loads(render_table(frame, protocol, "json"))
    assert [row["reference"] for row in content if row["model"] == "training_images"] == ["what t shows"]


def test_references_have_no_verdicts(store):
    frame = table(store.root, make_protocol("examples"), ladder=True)
    verdicts = frame[frame["metric"] == "parzen"].set_index("model")["verdict"].to_dict()
    assert verdicts.pop("m") != ""
    assert set(verdicts.values()) == {""}


def test_a_folder_shows_them_when_it_is_asked_to(store):
    protocol = make_protocol("examples")
    assert set(table(store.root, protocol)["model"]) == {"m"}
    assert list(dict.fromkeys(table(store.root, protocol, ladder=True)["model"])) == [
        "m", "gaussian_fit", "gaussian_fit[examples=5]", "training_images",
    ]  # fmt: skip
    assert set(table(store.root, protocol, models=["training_images"])["model"]) == {"training_images"}
    assert [r.model.spec for r in stored_records(store.root, protocol)] == ["m"]
    assert len(stored_records(store.root, protocol, ladder=True)) == 4
    assert set(table2(store.root, protocol)["model"]) == {"m"}


def test_without_any_it_is_said_how_to_get_them(tmp_path):
    store = Store(tmp_path)
    store.write_record(make_record(fold="fold0"))
    with pytest.raises(StoreError, match=r"no rows of known standing\. Compute them by `ganbench run-all --ladder`"):
        table(store.root, make_protocol(), ladder=True)


@pytest.fixture(scope="module")
def digits() -> ganbench.Dataset:
    """The first fold of the digits, under a name of its own."""
    split = ganbench.load_dataset("digits").splits[0]
    return ganbench.Dataset.from_arrays(
        **{role: getattr(split, role) for role in ("train", "valid", "test")},
        train_labels=split.train_labels,
        name="fold0",
    )


@pytest.fixture(scope="module")
def ladder(digits) -> ganbench.Run:
    """All of it, and the test images as a stranger's samples."""
    protocol = msgspec.structs.replace(load_protocol("digits"), metrics=("parzen",), n_samples=2000)
    return ganbench.run(protocol, models=[digits.splits[0].test], datasets=[digits], ladder=True, results=None)


def value(run: ganbench.Run, spec: str, metric: str = "parzen") -> Value:
    score = next(r for r in run.records if r.model.spec == spec).score(metric)
    return score.values[score.headline]


def test_the_ladder_of_the_digits(ladder):
    """Noise, collapse, one image, a Gaussian, real images, the test images themselves: each well above the last."""
    order = ("noise", "one_class", "mean_image", "gaussian_fit", "half_split", "training_images", "leaked_test_images")
    values = [value(ladder, spec) for spec in order]
    for lower, higher in itertools.pairwise(values):
        difference = np.subtract(higher.per_example, lower.per_example)
        assert difference.mean() > 4 * difference.std() / np.sqrt(len(difference))
    planted = [value(ladder, f"planted_copies{settings}").value for settings in ("[share=0.01]", "", "[share=0.2]")]
    assert value(ladder, "half_split").value < planted[0] < planted[1] < planted[2]


def test_the_estimate_is_far_below_the_exact_value_of_a_known_density(ladder):
    for spec in ("gaussian_fit", "gaussian_mixture_fit"):
        exact = value(ladder, spec, EXACT)
        assert exact.value - 10 * exact.standard_error > value(ladder, spec).value


def test_leaked_test_images_handed_in_as_samples_are_marked(ladder):
    frame = ganbench.table(ladder)
    models = frame[(frame["reference"] == "") & (frame["metric"] == "parzen")]
    assert [f.code for findings in models["findings"] for f in findings if f.code.startswith("above")] == [
        "above-training-images"
    ]


def test_the_commands_have_the_option(tmp_path, toy_images, capsys):
    """`evaluate --ladder` describes the samples and tabulates all; `table --ladder` finds them again."""
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).random((40, 3, 3)))
    arguments = ["--dataset", toy_images, "--results", str(tmp_path / "results"), "--quiet"]
    assert main(["evaluate", str(tmp_path / "mine.npy"), "--ladder", *arguments]) == 0
    out = capsys.readouterr().out
    assert out.count("protocol digits") == 1
    assert "mine.npy on squares" in out
    assert "References, no models:" in out
    assert "leaked_test_images" in out
    assert main(["table", "--results", str(tmp_path / "results"), "--ladder"]) == 0
    assert "leaked_test_images" in capsys.readouterr().out
    assert main(["table", "--results", str(tmp_path / "results")]) == 0
    assert "leaked_test_images" not in capsys.readouterr().out


@pytest.mark.real_data
@pytest.mark.slow
def test_the_ladder_of_mnist(real_data):
    """By 2,000 test images, 1,000 validation images for the bandwidth; centroids above 10,000 real images."""
    split = ganbench.load_dataset("mnist", real_data).splits[0]
    data = ganbench.Dataset.from_arrays(
        train=split.train, valid=split.valid[:1000], test=split.test[:2000], train_labels=split.train_labels
    )
    protocol = msgspec.structs.replace(load_protocol("goodfellow2014"), metrics=("parzen",))
    near = {
        "noise": (-617, 4), "one_class": (-75, 5), "mean_image": (-35, 1), "gaussian_fit": (73, 4),
        "training_images[distinct=1000]": (120, 6), "training_images": (241, 4), "k_means_centroids": (274, 4),
        "leaked_test_images": (551, 10),
    }  # fmt: skip
    run = ganbench.run(protocol, models=list(near), datasets=[data], results=None)
    values = {spec: value(run, spec).value for spec in near}
    assert list(values.values()) == sorted(values.values())
    for spec, (expected, tolerance) in near.items():
        assert values[spec] == pytest.approx(expected, abs=tolerance), spec
