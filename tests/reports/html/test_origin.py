"""Where a row comes from, as words that can be used."""

from __future__ import annotations

import shlex

import msgspec
import pytest
from made_records import make_protocol, make_record, parzen

from ganbench.cli import build_parser
from ganbench.protocols import load_protocol
from ganbench.records.record import DataRef, ModelRef, Training
from ganbench.reports.html import origin


def _record(spec: str, dataset: str = "mnist", **changes):
    model = ModelRef(spec.partition("[")[0], spec)
    fields = {"model": spec, "protocol": "goodfellow2014", **changes}
    record = make_record(scores=(parzen((1.0, 2.0), settings={"groups": 40}),), **fields)
    return msgspec.structs.replace(record, model=model, dataset=DataRef(dataset, "c" * 64))


def test_the_command_is_one_that_the_command_line_takes():
    protocol = load_protocol("goodfellow2014")
    records = [_record("adversarial[epochs=5]", seed=seed, provenance={"device": "cpu"}) for seed in (0, 1, 2)]
    *_, line = origin.command(records, protocol).splitlines()
    options = build_parser().parse_args(shlex.split(line)[1:])
    assert (options.models, options.datasets, options.seeds) == (["adversarial[epochs=5]"], ["mnist"], 3)
    assert (options.protocol, options.device, options.metrics) == ("goodfellow2014", "cpu", [])


def test_what_a_command_alone_does_not_repeat_is_said():
    stopped = Training(epochs=7, stopped="time limit")
    text = origin.command([_record("dbn", training=stopped, provenance={"commit": "ab+"})], make_protocol())
    assert "a time limit ended the training after 7 epochs" in text
    assert "git checkout ab  # with changes that were not committed" in text


@pytest.mark.parametrize(
    ("spec", "dataset", "present", "absent"),
    [
        ("adversarial", "mnist", ["goodfellow2014", "breuleux2011", "lecun1998"], ["kynkaanniemi2019"]),
        ("nosuch", "nowhere", ["breuleux2011"], ["lecun1998"]),
    ],
)
def test_bibtex_is_of_what_was_used(spec, dataset, present, absent):
    text = origin.bibtex([_record(spec, dataset)])
    assert all(f"{{{key}," in text for key in present)
    assert not any(f"{{{key}," in text for key in absent)
    assert text.count("@") >= len(present)


def test_the_methods_paragraph_names_what_was_run():
    text = origin.methods([_record("dbn", provenance={"ganbench": "0.1.0"})], load_protocol("goodfellow2014"))
    for words in ("ganbench 0.1.0", "'goodfellow2014'", "dbn", "50 samples", "mnist (sha256 cccccccccccc)", "parzen"):
        assert words in text
