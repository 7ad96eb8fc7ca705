"""What pictures say about their records."""

from __future__ import annotations

from made_records import make_record, other_score

from ganbench.metrics.metric import Value
from ganbench.reports.captions import describe, provenance


def test_the_description_has_score_error_and_bandwidth():
    text = describe(make_record((1.0, 2.0, 3.0), model="m[k=1]", fold="fold2", seed=4))
    assert text == (
        "m[k=1] on d, fold2, seed 4: mean log likelihood 2.00 ± 0.47 nats at bandwidth 0.200 "
        "(standard error across examples)"
    )
    assert describe(make_record(scores=(other_score(Value(1.5)),))) == "m on d, fold0, seed 0: v 1.50"
    assert describe(make_record("broken")) == "m on d, fold0, seed 0"


def test_the_provenance_names_the_samples():
    record = make_record(provenance={"commit": "c" * 40})
    assert provenance(record) == {
        "protocol": "toy", "model": "m", "dataset": "d", "fold": "fold0", "seed": "0",
        "commit": "c" * 40, "samples key": record.samples.key, "samples sha256": record.samples.sha256,
    }  # fmt: skip
