"""A distribution of under 60 lines brings a model and a metric, and both go all the way to the table."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ganbench
from ganbench.cli import main

_FOLDER = Path(__file__).parents[1] / "data" / "third_party"
pytestmark = pytest.mark.usefixtures("third_party")


@pytest.fixture
def protocol(toy_protocol) -> str:
    """A protocol that names the third party's model, with two settings, and its metric beside ours."""
    return toy_protocol(
        models=["clouds", "clouds[deviation=0.3]"],
        metrics=["parzen[grid=[0.1,0.2,0.4,0.8]]", "nearest_neighbors[limit=5]", "brightness"],
        table=None,
    )


def test_it_is_short():
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in _FOLDER.iterdir() if path.is_file()) < 60


def test_both_are_listed(capsys):
    assert main(["list", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["models"]["clouds"] == "Training images with a little noise; presets: (none)"
    assert content["metrics"]["brightness"].startswith("How far the mean brightness of samples is")
    assert main(["list", "clouds"]) == 0
    assert "deviation  0.1" in capsys.readouterr().out


@pytest.mark.parametrize("spec", ["clouds", "clouds[deviation=0.5]", "brightness"])
def test_both_pass_the_conformance_suite(spec, toy_images):
    results = list(ganbench.check(spec, dataset=toy_images))
    assert len(results) > 10
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}


def test_a_protocol_that_names_them_runs_and_every_table_shows_them(protocol, tmp_path):
    run = ganbench.run(protocol, results=tmp_path / "results")
    assert [record.reason for record in run.records] == ["", ""]
    assert [record.model.spec for record in run.records] == ["clouds", "clouds[deviation=0.3]"]
    gaps = [record.score("brightness").values["brightness_gap"].value for record in run.records]
    assert all(0 < gap < 0.5 for gap in gaps)
    assert gaps[0] != gaps[1]
    formats = {
        path.suffix: path.read_text(encoding="utf-8") for path in ganbench.write_reports(run) if path.suffix != ".png"
    }
    assert len(formats) >= 4
    for suffix, text in formats.items():
        assert "clouds" in text, suffix
        assert "deviation=0.3" in text.replace("\\", ""), suffix
        assert "brightness" in text.replace("\\", "").replace(" ", "_").lower(), suffix
    numbers = pd.read_csv(io.StringIO(formats[".csv"])).select_dtypes("number").to_numpy().ravel()
    assert all(np.isclose(numbers, gap).any() for gap in gaps)


def test_one_more_metric_trains_and_samples_nothing(protocol, toy_protocol, tmp_path):
    """The stored samples are scored by the metric that is new, and the other score stays."""
    without = toy_protocol(models=["clouds"], metrics=["nearest_neighbors"], table=None)
    first = ganbench.run(without, results=tmp_path / "results")
    second = ganbench.run(without, results=tmp_path / "results", metrics=["brightness"])
    assert second.new == {record.place for record in first.records}
    assert second.records[0].samples == first.records[0].samples
    assert second.records[0].training == first.records[0].training
    assert second.records[0].score("nearest_neighbors") == first.records[0].score("nearest_neighbors")
    assert ganbench.run(without, results=tmp_path / "results", metrics=["brightness[]"]).new == set()


def test_its_build_has_what_the_test_made_up(tmp_path, third_party):
    """The metadata of a real build name the same entry points."""
    pytest.importorskip("setuptools", "77")
    source = tmp_path / "source"
    source.mkdir()
    for path in _FOLDER.iterdir():
        if path.is_file():
            (source / path.name).write_bytes(path.read_bytes())
    code = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(tmp_path / "toy_clouds-1.0-py3-none-any.whl") as wheel:
        built = wheel.read("toy_clouds-1.0.dist-info/entry_points.txt").decode()
        assert "toy_clouds.py" in wheel.namelist()
    made_up = (third_party / "toy-clouds-1.0.dist-info" / "entry_points.txt").read_text()
    assert sorted(filter(None, built.splitlines())) == sorted(filter(None, made_up.splitlines()))
