"""The committed results: records that can be read, tables that follow from them, figures that were promised.

Tables are made by `ganbench table --results results --protocol NAME --format FORMAT`, those beside the records of
another precision by `ganbench table --results results/precision --protocol NAME --format markdown`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ganbench.choices import FORMATS
from ganbench.cli import main
from ganbench.experiment.plan import Request, make_plan
from ganbench.protocols import load_protocol
from ganbench.records.store import Store
from ganbench.registry.metrics import find_metric
from ganbench.reports.formats import suffix

RESULTS = Path(__file__).parents[1] / "results"
FOLDERS = {"float32": RESULTS, "precision": RESULTS / "precision"}
PROTOCOLS = ("digits", "goodfellow2014")
ENDINGS = {suffix(format): format for format in FORMATS}
TABLES = sorted([*(RESULTS / "tables").iterdir(), *(RESULTS / "precision").glob("*.md")])


def test_every_protocol_has_a_table_in_every_format():
    assert {path.name for path in (RESULTS / "tables").iterdir()} == {
        f"{name}.{ending}" for name in PROTOCOLS for ending in ENDINGS
    }


@pytest.mark.parametrize("path", TABLES, ids=lambda path: str(path.relative_to(RESULTS)))
def test_tables_follow_from_the_records(path, capsys):
    folder = RESULTS if path.parent.name == "tables" else path.parent
    arguments = ["--results", str(folder), "--protocol", path.stem, "--format", ENDINGS[path.suffix[1:]]]
    assert main(["table", *arguments]) == 0
    assert capsys.readouterr().out == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_records_say_where_they_come_from(folder, protocol):
    records = list(Store(FOLDERS[folder]).records(protocol))
    assert {record.model.name for record in records} == {"adversarial", "cae", "dbn", "gsn"}
    assert len({score.settings.get("protocol_fingerprint") for r in records for score in r.scores}) == 1
    for record in records:
        assert record.status == "done"
        assert record.samples.n == load_protocol(protocol).n_samples == 10_000
        for provenance in (record.provenance, record.training.provenance):
            assert len(provenance["commit"]) == 40, "made from a checkout without changes"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_records_were_made_by_the_settings_of_the_protocol(folder, protocol):
    chosen = load_protocol(protocol)
    for record in Store(FOLDERS[folder]).records(protocol):
        plan = chosen.plan_of(record.dataset.identity)
        metrics = {metric.name: metric for metric in map(find_metric, chosen.metrics_on(plan))}
        assert {score.metric for score in record.scores} == set(metrics)
        for score in record.scores:
            settings = metrics[score.metric].settings_as_data
            common = score.settings.keys() & settings.keys()
            assert {key: score.settings[key] for key in common} == {key: settings[key] for key in common}
            assert score.metric != "parzen" or "grid" in common


def test_mnist_rows_are_as_good_as_promised():
    """At least 115 nats for the adversarial nets after 50 epochs; the baselines clearly beat the mean image's -35."""
    rows = {r.model.name: r for r in Store(RESULTS).records("goodfellow2014") if r.dataset.name == "mnist"}
    assert rows["adversarial"].model.hyperparameters["epochs"] == 50
    assert rows["adversarial"].score("parzen").values["grid_mean_log_likelihood"].value >= 115
    for record in rows.values():
        parzen = record.score("parzen")
        value = parzen.values["mean_log_likelihood"]
        assert value.value - 10 * value.standard_error > -35
        assert parzen.findings == ()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_digits_are_those_of_the_present_code(precision):
    """Their keys say so; if this fails, what they come from has changed: make them again, as results/README.md says."""
    protocol = load_protocol("digits")
    models = tuple(f"{model}[precision={precision}]" for model in protocol.models)
    plan = make_plan(Request(protocol, models))
    folder = RESULTS if precision == "float32" else RESULTS / "precision"
    assert len(plan.stored(Store(folder))) == len(plan.cells) == 20
