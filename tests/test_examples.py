"""The scripts in examples/ run as they are, and its model and metric keep their contracts."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pytest

import ganbench

EXAMPLES = Path(__file__).parents[1] / "examples"
SAYS = {
    "score_a_file": "they may be copies",
    "model_in_a_file": "(3, 8, 8)",
    "metric_in_a_file": "less sharp than the data",
    "own_protocol": "Adversarial nets [epochs=10,noise=gaussian]",
    "compare_two_seeds": "nats across test images",
}


def test_each_script_is_one_of_these():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("script", SAYS)
def test_it_runs(script, tmp_path, monkeypatch, capsys):
    for path in EXAMPLES.glob(f"{script}.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    runpy.run_path(str(tmp_path / f"{script}.py"), run_name="__main__")
    assert SAYS[script] in capsys.readouterr().out


@pytest.mark.parametrize("spec", ["model_in_a_file.py:ComponentGaussian", "metric_in_a_file.py:SharpnessGap"])
def test_it_keeps_its_contract(spec):
    results = list(ganbench.check(f"{EXAMPLES}/{spec}"))
    assert len(results) > 10
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}


def test_their_results_depend_on_little():
    """A model or metric that imports `ganbench` itself would be computed again whenever anything there changes."""
    model = ganbench.describe_component(f"{EXAMPLES}/model_in_a_file.py:ComponentGaussian")
    metric = ganbench.describe_component(f"{EXAMPLES}/metric_in_a_file.py:SharpnessGap")
    assert set(model.depends_on) == {"model_in_a_file"}
    assert set(metric.depends_on) == {"metric_in_a_file", "ganbench.metrics.metric"}


def test_they_are_short():
    assert max(path.read_text(encoding="utf-8").count("\n") for path in EXAMPLES.iterdir() if path.is_file()) <= 65
