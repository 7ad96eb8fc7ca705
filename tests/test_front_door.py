"""The Python front door: what a notebook or a script can do, and what a type checker sees of it."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch

import ganbench
from ganbench.errors import UsageError

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(2).random((60, 3, 3), np.float32)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(3).random((30, 9))


@pytest.fixture
def python(tmp_path):
    """Runs a program in a process of its own, in an empty folder; what it prints."""

    def call(code: str, *arguments: str) -> str:
        (tmp_path / "script.py").write_text(code)
        command = [sys.executable, "script.py", *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def _value(outcome) -> float:
    (record,) = outcome.records
    assert (record.status, record.reason) == ("done", "")
    return record.score("parzen").values["mean_log_likelihood"].value


def test_what_a_notebook_shows_of_data_and_of_a_run_is_short(images, samples):
    data = ganbench.Dataset.from_arrays(images, name="noise")
    assert repr(data) == "<Dataset 'noise': [3, 3] in [0, 1], [<Split 'standard': 48 train, 6 valid, 6 test>]>"
    assert repr(ganbench.evaluate(samples, data)) == "<Run by the protocol 'digits': 1 done>"


def test_every_name_can_be_used():
    assert sorted(ganbench._HOME) == sorted(set(ganbench.__all__) - {"__version__"})
    for name in ganbench.__all__:
        assert getattr(ganbench, name) is getattr(ganbench, name) is not None
    assert dir(ganbench) == ganbench.__all__
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        ganbench.runn  # noqa: B018


def test_names_of_functions_are_not_lost_to_modules():
    assert callable(ganbench.catalogue)
    assert {"dbn", "gsn"} <= set(ganbench.catalogue()["models"])
    assert callable(ganbench.catalogue)


def test_an_array_against_an_array_in_two_lines(python):
    code = (
        "import numpy as np, ganbench; rng = np.random.default_rng(1)\n"
        "print(ganbench.evaluate(rng.random((50, 4)), rng.random((100, 4))).records[0].scores[0].values['bandwidth'])"
    )
    assert python(code).startswith("Value(value=0.")


def test_the_same_samples_in_every_form_have_one_score(images, samples, tmp_path):
    np.save(tmp_path / "mine.npy", samples)
    forms = (
        samples,
        samples.reshape(30, 3, 3),
        torch.from_numpy(samples),
        str(tmp_path / "mine.npy"),
        tmp_path / "mine.npy",
    )
    values = {_value(ganbench.evaluate(form, images)) for form in forms}
    assert len(values) == 1
    data = ganbench.Dataset.from_arrays(images, name="noise")
    outcome = ganbench.evaluate(samples, data)
    assert (_value(outcome), outcome.records[0].dataset.name) == (values.pop(), "noise")


def test_samples_as_bfloat16(images, samples):
    rounded = torch.from_numpy(samples).bfloat16()
    assert _value(ganbench.evaluate(rounded, images)) == _value(ganbench.evaluate(rounded.float(), images))


def test_nothing_is_kept_unless_a_folder_is_named(images, samples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = ganbench.evaluate(samples, images)
    assert (outcome.store, list(tmp_path.iterdir()), outcome.succeeded) == (None, [], True)
    assert list(ganbench.table(outcome)["metric"]) == ["parzen"]
    kept = ganbench.evaluate(samples, images, results=tmp_path / "results")
    assert [r.samples for r in ganbench.stored_records(tmp_path / "results")] == [kept.records[0].samples]
    assert ganbench.evaluate(samples, images, results=tmp_path / "results").new == frozenset()


_NOTEBOOK = """
import numpy as np, torch, ganbench

class Mean:
    def __init__(self, event_shape, *, device="cpu"):
        self.mean, self.epoch = torch.zeros(event_shape), 0
    def fit(self, train, *, generator):
        while self.epoch < 1:
            self.mean, self.epoch = train.mean(0), 1
            yield {"loss": 0.0}
    def sample(self, n, *, generator):
        noise = torch.randn(n, *self.mean.shape, generator=generator)
        return (self.mean + 0.1 * noise).clamp(0, 1)
    def state_dict(self):
        return {"mean": self.mean, "epoch": self.epoch}
    def load_state_dict(self, state):
        self.mean, self.epoch = state["mean"].clone(), state["epoch"]

def uniform(n, generator):
    return torch.rand(n, 2, 2, generator=generator)

class Spread:
    name, version, direction, needs = "spread", 1, "neither", ()
    def measure(self, *, generated):
        return ganbench.metrics.MetricResult({"spread": ganbench.metrics.Value(float(generated.std()))})

import ganbench.metrics
images = np.random.default_rng(1).random((100, 2, 2))
outcome = ganbench.run(models=[Mean, uniform, images[:20]], datasets=images, metrics=Spread, results="kept", jobs=2)
for record in outcome.records:
    print(record.model.spec, record.status, record.reason, len(record.scores))
print(ganbench.evaluate(Mean, images, results="kept").new == frozenset())
print(all(result.status != "failed" for result in ganbench.check_model(Mean)))
"""


def test_a_class_and_a_function_of_a_notebook_are_models(python):
    lines = python(_NOTEBOOK).splitlines()
    assert lines[:3] == ["Mean done  3", "uniform done  3", "samples done  3"]
    assert lines[3:] == ["False", "True"]  # what it depends on cannot be known, so it is not taken from the store


def test_one_thing_need_not_be_in_a_list(images, samples):
    outcome = ganbench.run(models=samples, datasets=images, metrics="nearest_neighbors[limit=7]", results=None)
    assert [score.settings.get("limit") for score in outcome.records[0].scores][1:] == [1000, 7]


def test_what_is_asked_for_is_checked(images):
    with pytest.raises(UsageError, match="A model is a spec, a class, a function or an array of samples; got"):
        ganbench.evaluate(object(), images)
    with pytest.raises(UsageError, match="No seeds"):
        ganbench.run(models="dbn[preset=digits]", datasets=images, seeds=0, results=None)
    with pytest.raises(UsageError, match="Unknown device 'gpu'"):
        ganbench.run(models="dbn[preset=digits]", datasets=images, device="gpu", results=None)


_TABLE_1 = """
import sys

import ganbench

outcome = ganbench.run(sys.argv[1], results=sys.argv[2])
frame = ganbench.table(outcome)
frame.to_csv("frame.csv", index=False)
print(ganbench.render_table(frame, outcome.protocol, "csv"), end="")
"""


def _check_table_1(python, protocol, tmp_path):
    """The script without a main guard, in several processes; then the command line on what it stored."""
    assert len(_TABLE_1.strip().splitlines()) <= 15
    printed = python(_TABLE_1, protocol, "results")
    command = [sys.executable, "-m", "ganbench", "table", "--protocol", protocol, "--results", "results", "--format"]
    csv = subprocess.run([*command, "csv"], capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    assert csv == printed
    expected, found = pandas.read_csv(io.StringIO(csv)), pandas.read_csv(tmp_path / "frame.csv")
    pandas.testing.assert_frame_equal(found[list(expected.columns)], expected)
    return expected


def test_a_script_makes_the_table_of_a_protocol(python, toy_protocol, toys, tmp_path):
    path = toy_protocol(models=[f"{toys}:PixelwiseGaussian", f"{toys}:uniform"], threads=1)
    frame = _check_table_1(python, path, tmp_path)
    assert list(frame["model"]) == ["models.py:PixelwiseGaussian", "models.py:uniform"]
    assert (frame["status"] == "done").all()


@pytest.mark.slow
def test_a_script_makes_table_1(python, tmp_path):
    frame = _check_table_1(python, "digits", tmp_path)
    assert list(frame["model"]) == ["dbn", "dbn", "cae", "cae", "gsn", "gsn", "adversarial", "adversarial"]
    assert (frame["status"] == "done").all()


_TYPED = """
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ganbench
from ganbench import Dataset, GenerativeModel, Metric
from ganbench.metrics import MetricResult, Value


class Mean:
    def __init__(self, event_shape: tuple[int, ...], *, device: str = "cpu") -> None:
        self.mean = torch.zeros(event_shape)

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        yield {}

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        return self.mean.expand(n, 2, 2)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass


class Spread:
    name, version, needs = "spread", 1, ()
    direction: ganbench.metrics.metric.Direction = "lower"

    def measure(self, *, generated: torch.Tensor) -> MetricResult:
        return MetricResult({"spread": Value(float(generated.std()))})


def uniform(n: int, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(n, 2, 2, generator=generator)


images = np.zeros((20, 2, 2), np.float32)
data = Dataset.from_arrays(images, labels=np.zeros(20, int))
model: GenerativeModel = Mean((2, 2))
outcome = ganbench.run("digits", models=["dbn", Mean, uniform, images], datasets=[data, "digits"], metrics=[Spread])
for thing in (images, torch.zeros(9, 2, 2), "samples.npz", Path("samples.npz"), Mean, uniform):
    ganbench.evaluate(thing, data)
reveal_type(ganbench.load_dataset("digits"))
reveal_type(data)
reveal_type(data.splits[0].train)
reveal_type(outcome)
reveal_type(outcome.records)
reveal_type(outcome.records[0].scores[0].values)
reveal_type(ganbench.evaluate(images, images, seeds=[3, 4]))
reveal_type(ganbench.table(outcome))
reveal_type(ganbench.check_model(Mean))
ganbench.run(modells=["dbn"])
ganbench.evaluate(images)
ganbench.evaluate(3, data)
outcome.recrods
"""
_REVEALED = [
    "ganbench.datasets.base.Dataset",
    "ganbench.datasets.base.Dataset",
    "numpy.ndarray[",
    "ganbench.experiment.run.Run",
    "tuple[ganbench.records.record.Record, ...]",
    "dict[str, ganbench.metrics.metric.Value]",
    "ganbench.experiment.run.Run",
    "pandas.core.frame.DataFrame",
    "Iterator[ganbench.conformance.report.CheckResult]",
]
_ERRORS = ["call-arg", "call-arg", "arg-type", "attr-defined"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
@pytest.mark.skipif(importlib.util.find_spec("pandas-stubs") is None, reason="pandas-stubs is not installed")
def test_a_type_checker_sees_real_types(tmp_path):
    (tmp_path / "user.py").write_text(_TYPED)
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--follow-imports=silent", "user.py"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    printed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=600).stdout
    revealed = re.findall(r'Revealed type is "(.*)"', printed)
    assert len(revealed) == len(_REVEALED), printed
    for found, expected in zip(revealed, _REVEALED, strict=True):
        assert expected in found
        assert found.replace("numpy.dtype[Any]", "").replace("tuple[Any, ...]", "").count("Any") == 0
    assert re.findall(r"error: .*\[(.*)\]", printed) == _ERRORS, printed
