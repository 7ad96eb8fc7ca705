"""Table 1 in five formats."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import msgspec
import pytest
from latex_text import from_latex
from made_records import EDGE, make_record, other_score, parzen

from ganbench.choices import FORMATS
from ganbench.metrics.metric import Finding, Value
from ganbench.protocols import DatasetPlan, Protocol, Published
from ganbench.records.frame import score_frame
from ganbench.records.record import DataRef, ModelRef
from ganbench.reports.formats import Titles, suffix, with_error
from ganbench.reports.table1 import render_table


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return Protocol(
        name="toy",
        title="Toys & Co: 100% of them",
        n_samples=50,
        datasets=(
            DatasetPlan("d", title="Digits 8x8", note="A note.", standard_error_across=("examples", "folds")),
            DatasetPlan("e", title="Faces_48"),
        ),
        models=("dbn", "gsn"),
        metrics=("parzen",),
        titles={"dbn": "DBN", "gsn": "Deep GSN"},
        published=(Published("dbn", "e", 138, "s", 2), Published("gsn", "e", 214, "s", 1.1)),
    )


@pytest.fixture(scope="module")
def frame(protocol):
    return score_frame(
        [
            make_record((100.0, 104.0), model="dbn"),  # 102 with standard error 2 / sqrt(2) = 1.4
            make_record((110.0,), model="dbn", fold="fold1"),  # folds 102 and 110: 106 with 4 / sqrt(2) = 2.8
            make_record(model="dbn", dataset="e", scores=(parzen((140.0, 146.0), findings=(EDGE,)),)),  # 143 with 2.1
            make_record("it diverged:\nloss is nan_ after 100% | $5", model="gsn"),
            make_record((7.0,), model="gsn", fold="fold1"),
            make_record((0.0, 1.0), model="gsn[k={a=1}]"),
        ],
        protocol,
    )


@pytest.fixture(scope="module")
def texts(frame, protocol) -> dict[str, str]:
    return {format: render_table(frame, protocol, format) for format in FORMATS}


def _cells(text: str, separator: str) -> list[list[str]]:
    return [[c.strip() for c in re.split(separator, line.strip())] for line in text.splitlines()]


def _text(records, protocol, **view) -> str:
    return render_table(score_frame(records, protocol, **view), protocol, "text")


def _words(text: str) -> str:
    """The notes without their line breaks."""
    return " ".join(text.split())


_HEADS = [
    "Model",
    "Digits 8x8, measured ± SE across test examples",
    "Digits 8x8, measured ± SE across folds",
    "Faces_48, measured ± SE across test examples",
    "Faces_48, published",
]
_ROWS = [
    ["DBN", "102.0 ± 1.4", "106.0 ± 2.8", "143.0 ± 2.1 [bandwidth at edge]", "138 ± 2"],
    ["Deep GSN", "failed", "7 [partial]", "-", "-"],
    ["Deep GSN [k={a=1}]", "0.50 ± 0.35", "0.5 [partial]", "-", "-"],
]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (224.96, 1.98, "225.0 ± 2.0"),
        (1909.2, 66.4, "1909 ± 66"),
        (190920.0, 6640.0, "190920 ± 6640"),
        (12.3456, 0.0312, "12.346 ± 0.031"),
        (12.3456, 0.0996, "12.35 ± 0.10"),
        (-5.0, 0.95, "-5.00 ± 0.95"),
        (5.0, 1e-12, "5 ± 1e-12"),
        (5.0, 0.0, "5"),
        (12.3456, math.nan, "12.35"),
        (2057.4, math.nan, "2057"),
    ],
)
def test_an_error_has_two_significant_digits(value, error, text):
    assert with_error(value, error) == text


def test_five_formats_with_endings():
    assert [suffix(format) for format in FORMATS] == ["txt", "md", "tex", "csv", "json"]


def test_text(texts):
    lines = _cells(texts["text"], r"\s{2,}")
    assert lines[0] == ["Toys & Co: 100% of them"]
    assert lines[2] == _HEADS
    assert lines[4:7] == _ROWS


def test_markdown(texts):
    table = [line for line in texts["markdown"].splitlines() if line.startswith("|")]
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in table]
    assert rows[0] == _HEADS
    assert set("".join(rows[1])) <= set("-:")
    assert rows[2:] == _ROWS


def test_csv(texts):
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert [(r["dataset"], r["model"], r["standard_error_across"]) for r in rows[:3]] == [
        ("d", "dbn", "examples"),
        ("d", "dbn", "folds"),
        ("d", "gsn", "examples"),
    ]
    assert float(rows[-1]["published_mean"]) == 138
    assert (rows[0]["n_test"], rows[2]["n_test"], rows[2]["status"]) == ("2", "", "failed")


def test_json(texts):
    rows = json.loads(texts["json"])
    assert len(rows) == 7
    assert rows[0]["standard_error"] == pytest.approx(math.sqrt(2))
    assert rows[1]["standard_error_unbiased"] == pytest.approx(4)
    assert (rows[0]["published_mean"], rows[6]["published_mean"]) == (None, 138)
    assert (rows[2]["status"], rows[2]["value"], rows[2]["n_test"]) == ("failed", None, None)
    assert rows[2]["reason"].startswith("it diverged:\n")
    assert rows[6]["findings"] == [{"code": EDGE.code, "text": EDGE.text, "severity": "warning", "about": "value"}]
    assert (rows[0]["n_test"], rows[0]["findings"], rows[0]["mixed"]) == (2, [], [])


def test_notes_say_what_the_numbers_are(texts):
    for format in ("text", "markdown", "latex"):
        text = _words(from_latex(texts[format]) if format == "latex" else texts[format])
        assert "on 50 samples" in text
        assert "refined search between the neighbours of the grid's optimum" in text
        assert "SE across folds with n - 1 in the variance: DBN 4.0." in text
        assert "Digits 8x8: values with SE across test examples are of fold0 alone" in text
        assert "Faces_48: values" not in text
        assert f"[bandwidth at edge]: {EDGE.text}." in text
        assert "Digits 8x8: A note." in text
        assert "Deep GSN on Digits 8x8, failed: it diverged: loss is nan_ after 100% | $5" in text
        assert "Deep GSN on Digits 8x8, partial: 1 of 2 cells failed: it diverged" in text
        assert text.count("A note.") == 1


def test_the_note_names_the_bandwidth_that_is_shown(protocol):
    text = _text([make_record((1.0, 2.0), model="dbn")], protocol, bandwidth="grid")
    assert "(coarse grid)" in text
    assert "refined" not in text
    assert "Digits 8x8, measured" in text
    alone = make_record(model="dbn", scores=(parzen((1.0, 2.0), settings={"refinement_steps": 0}),))
    assert "(coarse grid)" in _text([alone], protocol)


def test_no_edge_no_note(protocol):
    text = _text([make_record((1.0, 2.0), model="dbn")], protocol)
    assert "edge" not in text
    assert "published" not in text


def test_a_finding_about_the_data_is_said_once_and_marks_nothing(protocol):
    found = Finding("duplicates", "7 training examples are copies", "note", "data")
    record = make_record()
    data = msgspec.structs.replace(record.dataset, findings=(found,))
    rows = [msgspec.structs.replace(make_record(model=m), dataset=data) for m in ("dbn", "gsn")]
    text = _text(rows, protocol)
    assert text.count("Digits 8x8: 7 training examples are copies.") == 1
    assert "[duplicates]" not in text


def test_notes_of_a_metric_do_not_mark_the_value(protocol):
    note = Finding("few-effective-kernels", "few", "note")
    assert "few" not in _text([make_record(scores=(parzen((1.0, 2.0), findings=(note,)),))], protocol)


def test_one_test_image_has_no_error(protocol):
    text = _text([make_record((3.0,))], protocol)
    assert "± 0" not in text
    assert _cells(text, r"\s{2,}")[4] == ["m", "3", "3"]


def test_own_data_do_not_stand_under_the_title_of_others(protocol):
    own = msgspec.structs.replace(make_record(model="dbn"), dataset=DataRef("d", "c" * 64, "abc"))
    text = _text([own], protocol)
    assert text.startswith("Scores by the protocol 'toy'\n")
    assert "d, measured" in text
    assert "Digits" not in text
    two = [own, msgspec.structs.replace(own, dataset=DataRef("d", "b" * 64, "xyz"))]
    assert "d@abc, measured" in _text(two, protocol)
    assert "d@xyz, measured" in _text(two, protocol)
    named = msgspec.structs.replace(protocol, datasets=(DatasetPlan("data/d.npz", title="Mine"),))
    assert _text([own], named).startswith(protocol.title)
    assert "Mine, measured" in _text([own], named)


def test_titles_of_models(protocol):
    specs = {"dbn": "DBN", "gsn[epochs=30]": "Deep GSN [epochs=30]", "gsn[1].npy": "gsn[1].npy", "a.py:gsn": "a.py:gsn"}
    records = [make_record(model=spec) for spec in specs]
    files = [msgspec.structs.replace(make_record(), model=ModelRef("x", "x.npz", mark=mark)) for mark in ("abc", "xyz")]
    rows = _cells(_text([*records, *files], protocol), r"\s{2,}")[4:]
    assert [row[0] for row in rows[:6]] == [*specs.values(), "x.npz@abc", "x.npz@xyz"]


def test_different_numbers_of_samples_are_told(protocol):
    records = [make_record((1.0, 2.0), model="dbn"), make_record((1.0, 2.0), model="x.npz", n_samples=7)]
    words = _words(_text(records, protocol))
    assert "on different numbers of samples (DBN: 50, x.npz: 7), which are not comparable" in words
    words = _words(_text([records[0], make_record((1.0, 2.0), model="x.npz", n_samples=7, dataset="e")], protocol))
    assert "(DBN on Digits 8x8: 50, x.npz on Faces_48: 7)" in words


def test_cells_that_differ_in_what_may_change_their_numbers_are_told(protocol):
    records = [make_record(model="dbn", fold=f"fold{k}", provenance={"threads": k + 1}) for k in (0, 1)]
    words = _words(_text(records, protocol))
    assert "DBN on Digits 8x8: the cells of the row differ in threads (1, 2), which may change their numbers." in words
    assert "differ" not in _text(records[:1], protocol)


def test_several_metrics(protocol):
    other = other_score(Value(0.123456, "", 0.01, "permutations"))
    records = [make_record(fold=fold, scores=(parzen((1.0, 2.0)), other)) for fold in ("fold0", "fold1")]
    text = _text([*records, make_record("broken", model="n")], protocol, metrics=["other"])
    lines = _cells(text, r"\s{2,}")
    assert lines[2] == [
        "Model",
        "Digits 8x8, measured ± SE across test examples",
        "Digits 8x8, measured ± SE across folds",
        "Digits 8x8, other: v ± SE across permutations",
        "Digits 8x8, other: v ± SE across folds",
    ]
    assert lines[4] == ["m", "1.50 ± 0.35", "1.5", "0.123 ± 0.010", "0.1235"]
    assert lines[5] == ["n", "failed", "failed", "failed", "failed"]
    assert "SE across folds of Digits 8x8, other: v, with n - 1 in the variance: m 0" in _words(text)


def test_every_value_has_a_column(protocol):
    text = _text([make_record((1.0, 2.0), model="dbn", dataset="e")], protocol, every_value=True)
    assert _cells(text, r"\s{2,}")[2] == [
        "Model",
        "Faces_48, parzen: mean_log_likelihood ± SE across test examples",
        "Faces_48, published",
        "Faces_48, parzen: bandwidth",
        "Faces_48, parzen: grid_mean_log_likelihood ± SE across test examples",
        "Faces_48, published",
        "Faces_48, parzen: grid_bandwidth",
    ]


def test_seeds_have_a_range_and_a_note_and_published_values_stand_once(protocol):
    """Means 1.5 and 2: s = 0.354, and Student's 12.706 s sqrt(1.5) = 5.5 around 1.75."""
    records = [make_record((1.0 + seed, 2.0), model="dbn", dataset="e", seed=seed) for seed in (0, 1)]
    text = _text(records, protocol)
    lines = _cells(text, r"\s{2,}")
    assert lines[2][3] == "Faces_48, measured ± 95% range of a new training"
    assert lines[4][3] == "1.8 ± 5.5"
    words = _words(text)
    assert "a new training ends in it with probability 95%" in words
    assert "DBN on Faces_48: 2 trainings, s = 0.35." in words
    assert words.count("Faces_48, published") == 1


@pytest.mark.parametrize("format", FORMATS)
def test_tables_of_failures_and_of_nothing(protocol, format):
    for records in ([], [make_record("broken", model="dbn")]):
        text = render_table(score_frame(records, protocol), protocol, format)
        assert text.endswith("\n")
        assert ("failed" in text) == bool(records)
        assert "nan" not in text


def test_no_format_lets_a_name_act(protocol):
    name = 'm\x1b]0;x\x07\n<img src=x>[a="=1+1"]'
    titled = msgspec.structs.replace(protocol, title="a\n\\write18{x}", titles={})
    record = make_record((1.0, 2.0), model=name, dataset="d")
    failed = make_record("=cmd\x1b[2J", model="=1+1", dataset="d")
    frame = score_frame([record, failed], titled)
    texts = {format: render_table(frame, titled, format) for format in FORMATS}
    for format, text in texts.items():
        assert not [c for c in text if ord(c) < 32 and c != "\n"], format
    assert "<img" not in texts["markdown"]
    assert r"\write18" not in texts["latex"]
    assert not any(cell.startswith("=") for row in csv.reader(io.StringIO(texts["csv"])) for cell in row)


def test_a_spec_with_settings_may_have_a_title_of_its_own(protocol):
    titled = msgspec.structs.replace(protocol, titles=protocol.titles | {"dbn[epochs=2]": "Two epochs"})
    titles = Titles(titled, ("d",))
    assert [titles.model(spec) for spec in ("dbn[epochs=2]", "dbn[epochs=3]", "dbn")] == [
        "Two epochs", "DBN [epochs=3]", "DBN"
    ]  # fmt: skip
