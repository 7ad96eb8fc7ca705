"""Table 2: what models declare beside what their records measured."""

from __future__ import annotations

import csv
import io
import json
import math

import msgspec
import pytest
from latex_text import from_latex
from made_records import make_protocol, make_record, other_score, parzen

import ganbench
from ganbench.choices import FORMATS
from ganbench.cli import main
from ganbench.errors import DataError
from ganbench.metrics.metric import Value
from ganbench.records.record import ModelRef, Timing, Training
from ganbench.records.store import Store
from ganbench.registry.cards import Card, read_card
from ganbench.registry.models import find_model
from ganbench.reports.table2 import compare_models, render_table2

_MODELS = ("dbn", "cae", "gsn", "adversarial")


@pytest.fixture
def records():
    """Two folds of the GSN with a chain that was measured, and adversarial nets without."""
    values = {"autocorrelation_time": Value(20.0), "effective_sample_size": Value(1500.0)}
    mixing = other_score(Value(1.0), "mixing", headline="autocorrelation_time", values=values)
    return [
        make_record(
            model=model,
            fold=f"fold{fold}",
            scores=(parzen((1.0, 2.0)), *([mixing] if model == "gsn" else [])),
            timing=Timing(sample_seconds=0.1 * (fold + 1)),
            training=Training(epochs=10, seconds=5.0 + fold),
        )
        for model in ("gsn", "adversarial")
        for fold in (0, 1)
    ]


def test_what_is_measured_is_a_mean_over_the_records(records):
    gsn, nets = compare_models(records)
    assert gsn.seconds_per_1000_samples == pytest.approx(3.0)  # 0.1 and 0.2 s for 50 samples
    assert gsn.seconds_per_epoch == pytest.approx(0.55)
    assert (gsn.autocorrelation_time, gsn.effective_sample_size) == (20, 1500)
    assert math.isnan(nets.autocorrelation_time)
    assert (nets.dataset, nets.model, nets.density) == ("d", "adversarial", "no")


@pytest.mark.parametrize("name", _MODELS)
def test_every_model_declares_what_is_hard(name):
    card = read_card(find_model(name))
    assert all(getattr(card, field) for field in card.__struct_fields__)


def test_kinds_of_the_paper():
    kinds = {name: read_card(find_model(name)) for name in _MODELS}
    assert kinds["adversarial"].sampling == "one pass through the generator"
    assert {kinds[name].sampling for name in ("dbn", "cae", "gsn")} == {"a Markov chain"}
    assert kinds["cae"].family == kinds["gsn"].family != kinds["dbn"].family


def test_a_card_beside_a_model_of_the_users(tmp_path):
    """A model with a log density."""
    text = "class Mine:\n    def fit(self): ...\n    def sample(self): ...\n    def log_density(self): ...\n"
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    model = find_model(f"{tmp_path}/mine.py:Mine")
    assert read_card(model) == Card()
    (tmp_path / "cards").mkdir()
    path = tmp_path / "cards" / "Mine.toml"
    path.write_text('family = "flow"', encoding="utf-8")
    assert read_card(model) == Card(family="flow")
    for content, message in (('familly = "flow"', "unknown key 'familly'"), ("family = ", "is not valid")):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            read_card(model)
    assert read_card(find_model(lambda n, generator: None)) == Card()


def test_models_that_are_not_here_have_no_words():
    (row,) = compare_models([make_record(model="gone")])
    assert (row.family, row.density) == ("", "")
    file = msgspec.structs.replace(make_record(), model=ModelRef("gsn", "gsn.npz", mark="abcd"))
    assert compare_models([file, make_record("broken", model="m")])[0].family == ""


def test_in_every_format(records):
    protocol = make_protocol(titles={"gsn": "Deep GSN"})
    frame = ganbench.table2(records, protocol)
    texts = {format: render_table2(frame, protocol, format) for format in FORMATS}
    for format in ("markdown", "latex"):
        text = from_latex(texts[format]) if format == "latex" else texts[format]
        assert "D, effective sample size" in text
        assert "mixing of the chain is traded against reconstruction" in text
        assert "Deep GSN" in text
    lines = [line for line in texts["markdown"].splitlines() if line.startswith("|")]
    cells = {line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]] for line in lines}
    assert cells["D, autocorrelation time, steps"] == ["20", "-"]
    assert cells["D, seconds per epoch"] == ["0.55", "0.55"]
    assert cells["Density can be evaluated"] == ["no", "no"]
    assert max(map(len, texts["text"].splitlines())) < 120
    rows = json.loads(texts["json"])
    assert [row["autocorrelation_time"] for row in rows] == [20, None]
    table = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert [row["effective_sample_size"] for row in table] == ["1500.0", ""]


def test_the_command(tmp_path, capsys, records):
    store = Store(tmp_path)
    store.write_protocol(make_protocol())
    for record in records:
        store.write_record(record)
    assert main(["table", "--table", "2", "--results", str(tmp_path), "--models", "gsn", "--format", "json"]) == 0
    assert [row["model"] for row in json.loads(capsys.readouterr().out)] == ["gsn"]
