"""What a card says of several cells."""

from __future__ import annotations

from made_records import EDGE, make_record, parzen

from ganbench.metrics.metric import Finding
from ganbench.reports.html import cards


def test_a_card_says_how_many_cells_have_a_finding_and_warnings_first():
    note = Finding("few-effective-kernels", "few", "note")
    records = [
        make_record(fold="fold0", scores=(parzen((1.0, 2.0), findings=(note,)),)),
        make_record(fold="fold1", scores=(parzen((1.0, 2.0), findings=(note, EDGE)),)),
    ]
    told = [finding.text for finding in cards.findings(records)]
    assert told == [f"in 1 of 2 cells, {EDGE.text}", "few"]
