"""The committed results: records that can be read, tables that follow from them, figures that were promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganbench.cli import main
from ganbench.protocols import load_protocol
from ganbench.records.store import Store

RESULTS = Path(__file__).parents[1] / "results"
PROTOCOLS = ("digits", "goodfellow2014")
FORMATS = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("format", FORMATS)
def test_tables_follow_from_the_records(protocol, format, capsys):
    assert main(["table", "--protocol", protocol, "--results", str(RESULTS), "--format", format]) == 0
    table = RESULTS / "tables" / f"{protocol}.{FORMATS[format]}"
    assert capsys.readouterr().out == table.read_text(encoding="utf-8")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_records_say_where_they_come_from(protocol):
    records = list(Store(RESULTS).records(protocol))
    plans = {plan.name: plan for plan in load_protocol(protocol).datasets}
    assert {record.model for record in records} == {"adversarial", "cae", "dbn", "gsn"}
    for record in records:
        assert record.status == "done"
        assert record.protocol_fingerprint == load_protocol(protocol).fingerprint(plans[record.dataset])
        assert record.n_samples == 10_000
        for provenance in (record.provenance, record.training["provenance"]):
            assert len(provenance["commit"]) == 40, "made from a checkout without changes"


def test_mnist_rows_are_as_good_as_promised():
    """At least 115 nats for the adversarial nets after 50 epochs; the baselines clearly beat the mean image's -35."""
    rows = {record.model: record for record in Store(RESULTS).records("goodfellow2014") if record.dataset == "mnist"}
    assert rows["adversarial"].hyperparameters["epochs"] == 50
    assert rows["adversarial"].likelihood["grid"]["mean_log_likelihood"] >= 115
    for record in rows.values():
        score = record.likelihood["refined"]
        assert score["mean_log_likelihood"] - 10 * score["standard_error"] > -35
        assert score["at_edge"] is False
