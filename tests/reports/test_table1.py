"""Table 1 in five formats."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import pytest

from ganbench.protocols import DatasetPlan, Protocol, Published
from ganbench.records.frame import likelihood_frame
from ganbench.records.record import Record
from ganbench.reports.table1 import FORMATS, render_table, suffix


def _record(model, values, *, fold="fold0", dataset="d", at_edge=False) -> Record:
    fields = {
        "key": model + fold,
        "protocol": "toy",
        "protocol_fingerprint": "p",
        "model": model.partition("[")[0],
        "model_spec": model,
        "hyperparameters": {},
        "dataset": dataset,
        "dataset_checksum": "c",
        "fold": fold,
        "seed": 0,
    }
    if isinstance(values, str):
        return Record(**fields, status="failed", reason=values)
    mean = sum(values) / len(values)
    score = {"bandwidth": 0.2, "mean_log_likelihood": mean, "log_likelihoods": values, "at_edge": at_edge}
    return Record(**fields, status="done", n_samples=50, likelihood={"grid": score, "refined": score})


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return Protocol(
        name="toy",
        title="Toys & Co: 100% of them",
        n_samples=50,
        bandwidth_grid=(0.1, 0.2),
        datasets=(
            DatasetPlan("d", title="Digits 8x8", note="A note.", standard_error_across=("examples", "folds")),
            DatasetPlan("e", title="Faces_48"),
        ),
        models=("dbn", "gsn"),
        titles={"dbn": "DBN", "gsn": "Deep GSN"},
        published=(Published("dbn", "e", 138, 2, "s"), Published("gsn", "e", 214, 1.1, "s")),
    )


@pytest.fixture(scope="module")
def frame(protocol):
    records = [
        _record("dbn", [100.0, 104.0]),  # 102 with standard error 2 / sqrt(2) = 1.4
        _record("dbn", [110.0], fold="fold1"),  # folds 102 and 110: 106 with 4 / sqrt(2) = 2.8, unbiased 4.0
        _record("dbn", [140.0, 146.0], dataset="e", at_edge=True),  # 143 with 3 / sqrt(2) = 2.1
        _record("gsn", "it diverged:\nloss is nan_ after 100% | $5"),
        _record("gsn", [7.0], fold="fold1"),
        _record("gsn[k={a=1}]", [0.0, 1.0]),
    ]
    return likelihood_frame(records, protocol)


@pytest.fixture(scope="module")
def texts(frame, protocol) -> dict[str, str]:
    return {format: render_table(frame, protocol, format) for format in FORMATS}


def _cells(text: str, separator: str) -> list[list[str]]:
    return [[c.strip() for c in re.split(separator, line.strip())] for line in text.splitlines()]


_HEADS = [
    "Model",
    "Digits 8x8, measured ± SE across test examples",
    "Digits 8x8, measured ± SE across folds",
    "Faces_48, measured ± SE across test examples",
    "Faces_48, published",
]
_ROWS = [
    ["DBN", "102.0 ± 1.4", "106.0 ± 2.8", "143.0 ± 2.1 [edge]", "138 ± 2"],
    ["Deep GSN", "failed", "7.0 ± 0.0 [partial]", "-", "-"],
    ["Deep GSN [k={a=1}]", "0.5 ± 0.4 [partial]", "0.5 ± 0.0 [partial]", "-", "-"],
]


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


def test_latex_can_be_compiled(texts):
    text = texts["latex"]
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("%")]
    body = "\n".join(lines)
    assert body.startswith(r"\begin{tabular}{lllll}")
    assert body.endswith(r"\end{tabular}")
    assert "±" not in body
    unescaped = re.sub(r"\\[&%#_${}\\]", "", body)
    assert unescaped.count("{") == unescaped.count("}")
    assert unescaped.count("$") == 2 * (3 + 7)  # a plus-minus in three heads and seven cells
    assert not set("%#_^~") & set(unescaped)
    rows = [line for line in lines if "&" in unescaped and line.rstrip().endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [4] * 4
    assert r"102.0 $\pm$ 1.4" in body
    assert r"Deep GSN [k=\{a=1\}]" in body
    assert r"Faces\_48" in body


def test_csv(texts):
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert [(r["model"], r["dataset"], r["standard_error_across"]) for r in rows[:3]] == [
        ("dbn", "d", "examples"),
        ("dbn", "d", "folds"),
        ("dbn", "e", "examples"),
    ]
    assert float(rows[2]["published_mean"]) == 138
    assert (rows[0]["n_test"], rows[3]["n_test"], rows[3]["status"]) == ("2", "", "failed")


def test_json(texts):
    rows = json.loads(texts["json"])
    assert len(rows) == 7
    assert rows[0]["standard_error"] == pytest.approx(math.sqrt(2))
    assert rows[1]["standard_error_unbiased"] == pytest.approx(4)
    assert (rows[0]["published_mean"], rows[2]["published_mean"]) == (None, 138)
    assert (rows[3]["status"], rows[3]["mean_log_likelihood"], rows[3]["n_test"]) == ("failed", None, None)
    assert rows[3]["reason"].startswith("it diverged:\n")
    assert rows[2]["at_edge"] is True
    assert rows[0]["n_test"] == 2


def test_notes_say_what_the_numbers_are(texts):
    for format in ("text", "markdown", "latex"):
        text = texts[format]
        assert "on 50 samples" in text
        assert "refined search between the neighbours of the grid's optimum" in text
        assert "SE across folds with n - 1 in the variance: DBN 4.0" in text
        assert "the smallest or largest of the grid" in text
        assert "Digits 8x8: A note." in text
        assert "Deep GSN on d, failed: it diverged: loss is nan_ after 100% | $5" in text


def test_the_note_names_the_bandwidth_that_is_shown(frame, protocol):
    text = render_table(frame, protocol, "text", "grid")
    assert "(coarse grid)" in text
    assert "refined" not in text


def test_no_edge_no_note(protocol):
    frame = likelihood_frame([_record("dbn", [1.0, 2.0])], protocol)
    text = render_table(frame, protocol, "text")
    assert "edge" not in text
    assert "published" not in text


@pytest.mark.parametrize("format", FORMATS)
def test_tables_of_failures_and_of_nothing(protocol, format):
    for records in ([], [_record("dbn", "broken")]):
        text = render_table(likelihood_frame(records, protocol), protocol, format)
        assert text.endswith("\n")
        assert ("failed" in text) == bool(records)
