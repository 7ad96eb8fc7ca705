"""Cases whose answer is known: all are passed, a wrong metric fails, an absent library is named."""

from __future__ import annotations

import json
import math

import pytest

from ganbench.cli import main
from ganbench.conformance import selftest as module
from ganbench.conformance.cases import CASES
from ganbench.conformance.selftest import selftest
from ganbench.errors import UserError
from ganbench.registry.metrics import ENTRY_POINT_GROUP
from ganbench.registry.source import installed

METRIC = '''
import torch

from ganbench.metrics import Case, MetricResult, Value


class PixelMean:
    """Distance of the mean images."""

    name, version, direction, symmetric, needs = "pixel_mean", 1, "lower", True, ("test",)

    def __init__(self, *, factor: float = 1.0) -> None:
        self.factor = factor

    def measure(self, *, generated, test):
        return MetricResult({"distance": Value(self.factor * float((generated.mean(0) - test.mean(0)).abs().mean()))})

    def reference_cases(self):
        ones = torch.ones(20, 3)
        data = {"generated": ones, "test": ones + 0.5}
        return [
            Case("a shift by one half", "distance", lambda: data, lambda data: 0.5, 1e-6),
            Case("twice as far", "distance", lambda: data, lambda data: 1.0, 1e-6, settings={"factor": 2.0}),
            *MORE
        ]
'''


@pytest.fixture
def own_metric(tmp_path):
    """Writes the file of a metric with cases of its own, and maybe more of them."""

    def write(more: str = "") -> str:
        path = tmp_path / "pixel_mean.py"
        path.write_text(METRIC.replace("*MORE", more))
        return f"{path}:PixelMean"

    return write


def test_every_installed_metric_has_a_closed_form():
    ours = [n for n, point in installed(ENTRY_POINT_GROUP).items() if point.value.startswith("ganbench.")]
    assert ours
    for name in ours:
        assert any(case.source == "closed form" for case in CASES[name]), name


@pytest.mark.parametrize("metric", sorted(CASES))
def test_all_cases_are_passed(metric):
    results = list(selftest([metric]))
    assert [r for r in results if r.status == "failed"] == []
    assert [r.text for r in results if r.status == "not run" and "is not installed" not in r.text] == []
    assert len(results) == len(CASES[metric])


def test_a_metric_brings_its_own_cases(own_metric):
    spec = own_metric()
    results = list(selftest([spec]))
    assert [(r.case, r.ours, r.status) for r in results] == [
        ("a shift by one half", 0.5, "passed"), ("twice as far", 1.0, "passed"),
    ]  # fmt: skip
    spec = own_metric("").replace(".py", "_wrong.py")
    (file,) = [spec.partition(":")[0]]
    with open(file, "w") as opened:
        opened.write(METRIC.replace("*MORE", "").replace(".abs()", ".square()"))
    assert [(r.status, r.difference) for r in selftest([spec])] == [("failed", 0.25), ("failed", 0.5)]


def test_whatever_a_case_does_is_a_result(own_metric):
    more = (
        'Case("broken", "distance", lambda: data, lambda data: 1 / 0, 1.0), '
        'Case("unknown", "distance", lambda: data, lambda data: 0.5, 1.0, "a library", "no_such_library"), '
        'Case("not a number", "distance", lambda: data, lambda data: float("nan"), 1.0)'
    )
    results = {r.case: r for r in selftest([own_metric(more)])}
    assert (results["broken"].status, results["broken"].text) == ("failed", "ZeroDivisionError: division by zero")
    assert (results["unknown"].status, results["unknown"].text) == ("not run", "a library is not installed")
    assert results["not a number"].status == "failed"


def test_a_metric_without_cases_is_named(rulers):
    (result,) = selftest([f"{rulers}:Spread"])
    assert (result.status, result.text) == ("not run", "it has no reference_cases")
    with pytest.raises(UserError, match="Unknown metric"):
        list(selftest(["nobody"]))


def test_the_command_prints_a_table_and_ends_with_3_on_failure(own_metric, capsys, monkeypatch):
    monkeypatch.setattr(module, "CASES", {name: CASES[name] for name in ("parzen", "copies")})
    assert main(["selftest", "copies", own_metric()]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == [
        "Metric", "Case", "By", "Ours", "Reference", "Difference", "Tolerance", "Status",
    ]  # fmt: skip
    assert out.endswith("4 passed, 0 failed, 0 not run.\n")
    wrong = own_metric('Case("wrong", "distance", lambda: data, lambda data: 7.0, 1.0)')
    assert main(["selftest", wrong, "--json"]) == 3
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["status"] for row in rows] == ["passed", "passed", "failed"]
    assert rows[2]["difference"] == 6.5
    absent = own_metric('Case("x", "distance", lambda: data, lambda data: 0.5, 1.0, "a library", "no_such_library")')
    assert main(["selftest", absent, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ours"] is None
    assert math.isnan(next(r for r in selftest([absent]) if r.case == "x").ours)
