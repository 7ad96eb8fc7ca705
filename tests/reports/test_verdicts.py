"""Verdicts on published cells, by numbers worked out by hand."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from latex_text import from_latex
from made_records import make_protocol, make_record, other_score, parzen

from ganbench.choices import FORMATS
from ganbench.metrics.metric import Finding, Value
from ganbench.protocols import DatasetPlan, Judgement, Published, load_protocol, published_elsewhere
from ganbench.records.frame import score_rows
from ganbench.records.record import ModelRef, Training
from ganbench.records.row import COLUMNS, to_frame
from ganbench.reports.results import table
from ganbench.reports.table1 import render_table
from ganbench.reports.verdicts import judged, trained_less

_UNMIXED = Finding("chains-not-mixed", "samples tell of where chains began", about="samples")


def _protocol(**published):
    fields = {"model": "m", "dataset": "d", "mean": 7.0, "source": "somewhere", "standard_error": 0.6}
    return make_protocol("examples", published=(Published(**fields | published),))


def _judge(records, protocol=None, **view):
    chosen = protocol or _protocol()
    return judged(score_rows(records, chosen), records, chosen, **view)


def _values(mean: float, error: float) -> tuple[float, ...]:
    """Two test examples with this mean and this standard error across them."""
    return (mean - error * math.sqrt(2), mean + error * math.sqrt(2))


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [(8.99, "reproduced"), (9.01, "exceeded"), (5.01, "reproduced"), (4.99, "not reached"), (7.0, "reproduced")],
)
def test_two_combined_errors_decide(mean, verdict):
    """0.6 and 0.8 combine to 1."""
    (row,) = _judge([make_record(_values(mean, 0.8))])
    assert row.combined_error == pytest.approx(1)
    assert row.difference == pytest.approx(mean - 7)
    assert row.verdict == verdict


def test_the_threshold_is_the_protocols():
    protocol = msgspec.structs.replace(_protocol(), judgement=Judgement(within=1.0))
    assert _judge([make_record(_values(8.5, 0.8))], protocol)[0].verdict == "exceeded"
    assert load_protocol("goodfellow2014").judgement == Judgement(2.0, ("chains-not-mixed",), "epochs", 0.95)


def test_the_spread_across_trainings_is_included():
    """Means 8.5 and 10.5: s^2 = 2, times 1 + 1/2 makes 3, with 0.6^2 + 0.8^2 = 1 makes 4."""
    records = [make_record(_values(mean, 0.8), seed=seed) for seed, mean in enumerate((8.5, 10.5))]
    rows = _judge(records)
    assert [row.standard_error_across for row in rows] == ["examples", "seeds"]
    for row in rows:
        assert row.combined_error == pytest.approx(2)
        assert (row.difference, row.verdict) == (pytest.approx(1.25), "reproduced")
    assert _judge(records[:1])[0].verdict == "reproduced"
    assert _judge(records[1:])[0].verdict == "exceeded"


def test_a_published_value_without_an_error_has_none_in_the_combination():
    (row,) = _judge([make_record(_values(8.0, 0.8))], _protocol(standard_error=None))
    assert row.combined_error == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("asked", "done", "preset", "short"),
    [
        (30, 30, 1000, "epochs 30 of 1000"),
        (1000, 1000, 1000, ""),
        (2000, 2000, 1000, ""),
        ([3, 4], 7, [7, 14], "epochs 7 of 21"),
        ([7, 14], 21, [7, 14], ""),
    ],
)
def test_what_was_trained_less_than_its_preset_says(monkeypatch, asked, done, preset, short):
    monkeypatch.setattr("ganbench.reports.verdicts._preset", lambda record: {"epochs": preset})
    record = make_record(_values(4.0, 0.8), training=Training(epochs=done))
    record = msgspec.structs.replace(record, model=ModelRef("m", "m", {"epochs": asked}, "d"))
    assert trained_less(record, "epochs") == short
    (row,) = _judge([record])
    assert (row.verdict, row.verdict_reason) == ("budget-limited" if short else "not reached", short)
    stopped = msgspec.structs.replace(record, training=Training(epochs=1, stopped="time limit"))
    assert trained_less(stopped, "epochs").startswith("epochs 1 of ")
    better = msgspec.structs.replace(record, scores=(parzen(_values(10.0, 0.8)),))
    assert (_judge([better])[0].verdict, _judge([better])[0].verdict_reason) == ("exceeded", short)


def test_the_preset_is_looked_up():
    record = make_record(training=Training(epochs=2))
    hyperparameters = {"epochs": 2}
    for preset, dataset in (("digits", "d"), ("", "digits")):
        of_gsn = msgspec.structs.replace(
            make_record(dataset=dataset, training=record.training),
            model=ModelRef("gsn", "gsn[epochs=2]", hyperparameters, preset),
        )
        assert trained_less(of_gsn, "epochs").startswith("epochs 2 of ")
    gone = msgspec.structs.replace(record, model=ModelRef("gone", "gone", hyperparameters, "d"))
    assert trained_less(gone, "epochs") == ""


def test_values_that_are_not_comparable():
    (row,) = _judge([make_record(_values(7.0, 0.8))], _protocol(comparable=False, reason="other images"))
    assert (row.verdict, row.verdict_reason, row.difference) == ("protocol differs", "other images", pytest.approx(0))


def test_a_row_that_is_not_by_the_protocol_is_not_judged_by_its_number():
    protocol = msgspec.structs.replace(_protocol(), judgement=Judgement(voided_by=(_UNMIXED.code,)))
    mixing = other_score(Value(1.0), "mixing", findings=(_UNMIXED,))
    record = make_record(scores=(parzen(_values(20.0, 0.8)), mixing))
    (row,) = [r for r in _judge([record], protocol) if r.metric == "parzen"]
    assert (row.verdict, row.verdict_reason) == ("protocol differs", _UNMIXED.text)
    assert _judge([record])[0].verdict == "exceeded"


def test_cells_that_have_not_been_run():
    published = tuple(Published(m, d, 7.0, "s", 1.0) for m in ("m", "n") for d in ("d", "e"))
    plans = (DatasetPlan("d"), DatasetPlan("e"))
    protocol = make_protocol(datasets=plans, models=("m", "n"), published=published)
    records = [make_record(_values(7.0, 1.0)), make_record("broken", dataset="e")]
    rows = {(row.model, row.dataset): row for row in _judge(records, protocol)}
    assert {place: row.verdict for place, row in rows.items()} == {
        ("m", "d"): "reproduced",
        ("m", "e"): "not run",
        ("n", "d"): "not run",
        ("n", "e"): "not run",
    }
    assert (rows["m", "e"].status, rows["n", "e"].status) == ("failed", "not run")
    assert {r.model for r in _judge(records, protocol, models=["m[k=1]"])} == {"m"}
    assert {r.dataset for r in _judge(records[:1], protocol, datasets=["d"])} == {"d"}
    assert _judge([make_record(model="x.npz")], protocol)[0].verdict == ""  # nobody published a file
    assert len(_judge([make_record(model="x.npz")], protocol)) == 1
    text = render_table(to_frame(rows.values()), protocol, "text")
    assert [line.split()[:3] for line in text.splitlines()[4:6]] == [["m", "7.0", "±"], ["n", "-", "7"]]


@pytest.fixture(scope="module")
def texts():
    """A row that exceeds and has not mixed, one that has not been run, one data set that has not been run at all."""
    published = (
        Published("m", "d", 7, "s", 0.6, differences=("another grid", "one chain")),
        Published("n", "d", 8, "s", 0.6),
        Published("m", "e", 1909, "s", 66),
    )
    protocol = make_protocol(
        "examples", datasets=(DatasetPlan("d", title="D"), DatasetPlan("e", title="E")), table=("parzen",),
        metrics=("parzen", "mixing"), published=published, titles={"m": "M"},
    )  # fmt: skip
    mixing = other_score(Value(1.0), "mixing", findings=(_UNMIXED,))
    record = make_record(scores=(parzen(_values(12.0, 0.8)), mixing))
    frame = table([record], protocol)
    return {format: render_table(frame, protocol, format) for format in FORMATS}


def test_verdicts_in_tables_for_people(texts):
    for format in ("text", "markdown", "latex"):
        text = from_latex(texts[format]) if format == "latex" else texts[format]
        words = " ".join(text.split())
        for part in ("D, published", "D, verdict", "exceeded (+5.0)", "[chains not mixed]", "not run"):
            assert part in words
        assert f"[chains not mixed]: {_UNMIXED.text}." in words
        assert "reproduced within 2, exceeded above" in words
        assert "Published value of M on D: another grid; one chain." in words
        assert "Published for E, and not run: M 1909 ± 66." in words
    assert max(map(len, texts["text"].splitlines())) < 110


def test_verdicts_in_tables_for_machines(texts):
    rows = json.loads(texts["json"])
    first = rows[0]
    assert (first["verdict"], first["difference"], first["combined_error"]) == (
        "exceeded", pytest.approx(5), pytest.approx(1),
    )  # fmt: skip
    assert first["protocol_differences"] == ["another grid", "one chain"]
    assert [finding["code"] for finding in first["warnings"]] == [_UNMIXED.code]
    assert [(row["model"], row["dataset"], row["verdict"], row["value"]) for row in rows[1:]] == [
        ("n", "d", "not run", None), ("m", "e", "not run", None),
    ]  # fmt: skip
    head, line = texts["csv"].splitlines()[:2]
    cells = dict(zip(head.split(","), line.split(","), strict=True))
    assert tuple(cells) == COLUMNS
    assert (cells["verdict"], float(cells["difference"])) == ("exceeded", pytest.approx(5))


def test_every_published_cell_of_the_paper_has_its_differences():
    protocol = load_protocol("goodfellow2014")
    assert all(published.differences and published.address for published in protocol.published)
    assert [(p.model, p.dataset) for p in protocol.published if not p.comparable] == [("gsn", "tfd")]


@pytest.mark.parametrize(
    ("model", "dataset", "mean", "error", "comparable", "recalled"),
    [
        ("GMMN", "mnist", 147, 2, True, True),
        ("GMMN + auto-encoder", "tfd", 2204, 20, True, False),
        ("Adversarial auto-encoder", "mnist", 340, 2, True, False),
        ("Adversarial auto-encoder, 10 million samples", "mnist", 427, None, False, True),
        ("VAE", "tfd", 2180, 20, True, False),
        ("eVAE", "mnist", 337, 2, True, False),
        ("Conditional GAN", "mnist", 132, 1.8, True, False),
        ("Conditional GAN, MindSpore", "mnist", 283, 2.2, False, False),
        ("SCGAN", "mnist", 233.6, 2.2, True, False),
        ("Diffusion", "mnist", 220, 1.9, True, False),
        ("Training images", "mnist", 241.9, 2.3, True, False),
        ("k-means centroids", "mnist", 313, None, True, False),
        ("f-GAN, Hellinger", "mnist", -708, 18, False, True),
    ],
)
def test_values_that_later_papers_printed(model, dataset, mean, error, comparable, recalled):
    """Against the literal numbers; the papers are named in the file."""
    (found,) = [p for p in published_elsewhere() if (p.model, p.dataset) == (model, dataset)]
    assert (found.mean, found.standard_error, found.comparable, found.recalled) == (mean, error, comparable, recalled)


def test_the_literature_is_told_apart_and_has_addresses():
    listed = published_elsewhere()
    assert len({(p.model, p.dataset) for p in listed}) == len(listed) == 54
    assert all(p.address.startswith("https://") and p.source for p in listed)
    with pytest.raises(ValueError, match="has a reason exactly when it is not comparable"):
        Published("m", "d", 1.0, "s", comparable=False)


def test_published_values_as_rows():
    protocol = make_protocol("examples", datasets=(DatasetPlan("mnist", title="MNIST"),), published=())
    records = [make_record(_values(200.0, 2.0), dataset="mnist")]
    assert len(table(records, protocol)) == 1
    frame = table(records, protocol, published=True)
    rows = frame[frame["status"] == "published"].set_index("model")
    assert len(rows) == sum(p.dataset == "mnist" for p in published_elsewhere())
    assert rows.loc["GMMN", "published_mean"] == 147
    assert rows.loc["GMMN", "source"].endswith("https://arxiv.org/abs/1502.02761, from memory")
    assert rows.loc["f-GAN, KL", "verdict"] == "not comparable"
    text = render_table(frame, protocol, "text")
    line = next(line for line in text.splitlines() if line.startswith("GMMN (published)"))
    assert line.split()[2:] == ["-", "147", "±", "2", "-"]
    words = " ".join(text.split())
    assert "Not comparable: 16,384 samples, and another scale (f-GAN, KL;" in words
    assert "(published) GMMN" in words
    assert "not run" not in words
    json.loads(render_table(frame, protocol, "json"))
