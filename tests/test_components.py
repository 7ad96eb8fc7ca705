"""The lists of what is known here, and the description of one component."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import ganbench
from ganbench import components
from ganbench.errors import UsageError

_TOYS = str(Path(__file__).parent / "data" / "metrics.py")


def test_the_catalogue_can_be_asked_twice(tmp_path):
    """A module of the same name as a name of the front door would take its place."""
    first, second = (ganbench.catalogue(str(tmp_path)) for _ in range(2))
    assert first == second
    assert list(first) == ["models", "metrics", "datasets", "protocols", "libraries"]
    assert not [name for name in ganbench.__all__ if (Path(ganbench.__file__).parent / f"{name}.py").exists()]


def test_what_is_listed(tmp_path):
    content = ganbench.catalogue(str(tmp_path))
    assert content["models"]["dbn"].endswith("; presets: digits, fer2013-laptop, mnist, tfd")
    assert content["models"]["noise"].endswith("; a reference")
    assert content["models"]["leaked_test_images"].endswith("; a reference, given test")
    assert content["metrics"]["parzen"].endswith("; needs valid, test; higher is better")
    assert "; needs train, valid, test, labels; " in content["metrics"]["class_histogram"]
    assert content["metrics"]["nearest_neighbors"].endswith("; neither higher nor lower is better")
    assert "digits" in content["protocols"]


def test_data_sets_say_whether_they_are_here(tmp_path):
    (tmp_path / "TFD_48x48.mat").touch()
    content = ganbench.catalogue(str(tmp_path))["datasets"]
    assert not any("here:" in content[name] or "not here" in content[name] for name in ("digits", "toy-mixture"))
    assert content["tfd"].endswith(f"; here: {tmp_path}/TFD_48x48.mat")
    assert content["mnist"].endswith(
        f"; not here: needs a download of 12 MB (--download), belongs at {tmp_path}/MNIST/raw"
    )


def test_libraries_say_what_they_are_for_and_whether_they_are_here(monkeypatch):
    content = ganbench.catalogue()["libraries"]
    assert content["formats"] == "files in HDF5 and safetensors: installed"
    monkeypatch.setattr(components, "installed_version", lambda name: "" if name == "jinja2" else "1")
    content = ganbench.catalogue()["libraries"]
    assert content["report"] == "`ganbench report`: jinja2 not installed: pip install 'ganbench[report]'"


def test_our_models_are_listed_as_they_would_be_after_an_import():
    for name, text in ganbench.catalogue()["models"].items():
        assert text == components._line(name, "model"), name


def test_a_model_by_its_spec():
    described = ganbench.describe_component("dbn[epochs=3]")
    assert (described.spec, described.kind) == ("dbn[epochs=3]", "model")
    assert described.presets == ("digits", "fer2013-laptop", "mnist", "tfd")
    assert described.summary == "A deep belief network with binary units, trained greedily from the lowest layer up"
    assert "epochs" in described.settings
    assert not {"device", "event_shape", "self"} & set(described.settings)
    assert "ganbench_models.boltzmann.dbn" in described.depends_on
    with pytest.raises(UsageError, match="'dbn' has no hyper-parameter 'epoch'"):
        ganbench.describe_component("dbn[epoch=3]")


def test_a_metric_by_its_spec():
    described = ganbench.describe_component("parzen")
    assert (described.kind, described.needs, described.direction) == ("metric", ("valid", "test"), "higher")
    assert described.settings["refinement_steps"] == "16"
    assert "ganbench.metrics._kernels.parzen" in described.depends_on
    described = ganbench.describe_component(f"{_TOYS}:MeanDistance")
    assert (described.kind, described.settings) == ("metric", {"scale": "1.0"})
    assert described.summary == "Squared distances of the test examples to the mean sample"


def test_what_is_in_memory(toys):
    def my_sampler(n, generator):
        """Draws samples."""

    described = ganbench.describe_component(my_sampler)
    assert (described.spec, described.summary, described.settings) == ("my_sampler", "Draws samples", {})
    assert ganbench.describe_component(f"{toys}:uniform").summary == "A plain function: uniform noise on 3x3 images"


def test_samples_have_nothing_to_describe(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    with pytest.raises(UsageError, match="are samples; there is nothing to describe"):
        ganbench.describe_component(f"{tmp_path}/x.npy")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("import time; time.sleep(100)", "importing it took more than 3 seconds"),
        ("import os; os._exit(0)", "importing it ended the process"),
        ("import os; os.abort()", "importing it ended the process (-6)"),
    ],
)
def test_a_plug_in_that_hangs_or_ends_is_listed_with_its_reason(tmp_path, monkeypatch, content, reason):
    (tmp_path / "strange_models.py").write_text(content)
    folder = tmp_path / "strange-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[ganbench.models]\nstrange = strange_models:Net\n")
    monkeypatch.syspath_prepend(tmp_path)
    installed = {"strange": EntryPoint("strange", "strange_models:Net", "ganbench.models")}
    if "sleep" in content:
        monkeypatch.setattr(components, "_SECONDS", 3.0)
    assert reason in components._lines("model", installed)["strange"]
