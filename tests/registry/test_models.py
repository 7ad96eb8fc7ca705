"""Models by name, by file, by entry point."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.errors import ModelError, UnknownNameError, UsageError
from ganbench.registry.models import find_model, model_entry_points

_THIRD_PARTY = Path(__file__).parents[1] / "data" / "third_party_model"


@pytest.fixture
def third_party(monkeypatch, tmp_path):
    """The third party's package, and one that cannot be imported, as if they were installed."""
    broken = tmp_path / "toy_broken"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('this wheel is for another machine')\n")
    (broken / "model.py").write_text("class Broken: pass\n")
    for name, target in [("clouds", "toy_clouds.model:Clouds"), ("broken", "toy_broken.model:Broken")]:
        information = tmp_path / f"toy_{name}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toy-{name}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[ganbench.models]\n{name} = {target}\n")
    for folder in (tmp_path, _THIRD_PARTY):
        monkeypatch.syspath_prepend(folder)
    yield
    for module in [m for m in sys.modules if m.startswith(("toy_clouds", "toy_broken"))]:
        del sys.modules[module]


def _settings(text: str) -> dict:
    return dict(find_model(f"dbn[{text}]").settings)


def test_our_four_models_are_found_by_name():
    assert {"adversarial", "dbn", "cae", "gsn"} <= set(model_entry_points())
    model = find_model("adversarial")
    assert (model.spec, model.name, dict(model.settings)) == ("adversarial", "adversarial", {})
    assert model.source_file.name == "model.py"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", {}),
        ("epochs=3", {"epochs": 3}),
        (" epochs = 3 , preset = mnist ", {"epochs": 3, "preset": "mnist"}),
        ("rate=1e-3,on=true,off=False,On=True", {"rate": 1e-3, "on": True, "off": False, "On": True}),
        ("layers=[[1, 2], [3]],k=2", {"layers": [[1, 2], [3]], "k": 2}),
        ("table={a = 1, b = [2, 3]},k=2", {"table": {"a": 1, "b": [2, 3]}, "k": 2}),
        ("word='two words',preset=cifar10-fc", {"word": "two words", "preset": "cifar10-fc"}),
    ],
)
def test_settings_are_toml_or_bare_words(text, settings):
    assert _settings(text) == settings
    assert {k: type(v) for k, v in _settings(text).items()} == {k: type(v) for k, v in settings.items()}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dbn[epochs]", "Malformed setting 'epochs'.*key=value"),
        ("dbn[=3]", "Malformed setting"),
        ("dbn[1a=3]", "Malformed setting"),
        ("dbn[k=1,k=2]", "sets 'k' twice"),
        ("dbn[k=[1,2]", "neither TOML nor a bare word"),
        ("dbn[k=]", "neither TOML nor a bare word"),
        ("dbn[k=1", "Malformed model"),
        ("dbn]", "Malformed model"),
        ("", "Malformed model"),
        ("samples.npz[k=1]", "takes no settings"),
    ],
)
def test_malformed_specs_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        find_model(spec)


def test_an_unknown_name_gets_the_nearest_and_the_list():
    with pytest.raises(UnknownNameError) as caught:
        find_model("adversrial")
    text = str(caught.value)
    assert "Unknown model 'adversrial'" in text
    assert "Did you mean 'adversarial'" in text
    assert "cae, dbn, gsn" in text
    assert "./file.py:Class" in text


@pytest.mark.parametrize("value", ["nan", "inf", "2020-01-01"])
def test_values_that_no_record_can_hold_are_refused(toys, value):
    with pytest.raises(UsageError, match=r"spread = .* is not accepted"):
        find_model(f"{toys}:PixelwiseGaussian[spread={value}]").hyperparameters("digits")


def test_a_class_of_a_file_is_built_with_its_settings(toys):
    source = find_model(f"{toys}:PixelwiseGaussian[epochs=2,spread=0.5]")
    model = source.build((3, 3), "cpu", source.hyperparameters("digits"))
    assert (source.name, model.total_epochs, model.spread) == ("PixelwiseGaussian", 2, 0.5)
    assert source.load() is source.load()


def test_a_user_folder_does_not_become_importable(toys):
    before = list(sys.path)
    find_model(f"{toys}:PixelwiseGaussian").load()
    assert sys.path == before
    assert "models" not in sys.modules


def test_an_attribute_of_an_importable_module():
    source = find_model("ganbench_models.adversarial.goodfellow2014:AdversarialNets[preset=mnist]")
    assert source.load() is find_model("adversarial").load()
    assert source.hyperparameters("digits") == find_model("adversarial").hyperparameters("mnist")


def test_a_function_is_a_model_without_training(toys):
    model = find_model(f"{toys}:uniform").build((3, 3), "cpu", {})
    first = model.sample(5, generator=torch.Generator().manual_seed(1))
    assert first.shape == (5, 3, 3)
    assert list(model.fit(first, generator=None)) == []
    model.load_state_dict(model.state_dict())
    assert torch.equal(first, model.sample(5, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("uniform[n=3]", "is a function and takes no settings"),
        ("not_a_model", "neither a class nor a function.*int"),
        ("Missing", "cannot be imported: AttributeError"),
        ("PixelwiseGaussian[spread=-1]", "cannot be built: spread must not be negative; got -1"),
        ("PixelwiseGaussian[colour=1]", "no hyper-parameter 'colour'; it has: .*spread"),
        ("LacksSample", "lacks the method sample"),
    ],
)
def test_what_cannot_be_built_says_why(toys, attribute, message):
    source = find_model(f"{toys}:{attribute}")
    with pytest.raises(ModelError, match=message):
        source.build((3, 3), "cpu", source.hyperparameters("digits"))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("./nowhere.py:M", "there is no file"),
        ("nowhere.npz", "there is no file"),
        ("no_such_package.module:M", "cannot be found"),
        ("no_such_package:M", "there is no module"),
    ],
)
def test_a_source_that_is_not_there(target, message):
    with pytest.raises(ModelError, match=message):
        find_model(target).fingerprint()


def test_a_file_with_a_syntax_error(tmp_path):
    (tmp_path / "wrong.py").write_text("class M(:\n")
    source = find_model(f"{tmp_path}/wrong.py:M")
    with pytest.raises(ModelError, match="source cannot be read: SyntaxError"):
        source.fingerprint()
    with pytest.raises(ModelError, match="cannot be imported: SyntaxError"):
        source.load()


@pytest.mark.parametrize("name", ["samples.npz", "samples.npy", "a:b.NPZ"])
def test_a_file_of_samples_is_known_by_its_suffix(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"content")
    source = find_model(str(path))
    assert source.is_sample_file
    assert (source.name, source.presets(), source.hyperparameters("digits")) == (path.stem, {}, {})
    first = source.fingerprint()
    path.write_bytes(b"Content")
    assert find_model(str(path)).fingerprint() != first


def test_presets_of_the_third_party(third_party):
    source = find_model("clouds")
    assert list(source.presets()) == ["digits", "sharp"]
    assert source.hyperparameters("digits") == {"deviation": 0.2}
    assert find_model("clouds[preset=sharp]").hyperparameters("digits") == {"deviation": 0.05}
    assert find_model("clouds[deviation=0.7]").hyperparameters("digits") == {"deviation": 0.7}
    with pytest.raises(UsageError, match=r"no preset 'mnist'; it has: digits, sharp.*clouds\[preset=digits\]"):
        source.hyperparameters("mnist")


def test_a_preset_without_presets(toys):
    with pytest.raises(UsageError, match="names a preset, and there is no folder"):
        find_model(f"{toys}:PixelwiseGaussian[preset=mnist]").hyperparameters("digits")


def test_a_damaged_preset(tmp_path):
    (tmp_path / "m.py").write_text("class M: pass\n")
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "digits.toml").write_text("rate = ")
    with pytest.raises(ModelError, match=r"digits.toml cannot be read"):
        find_model(f"{tmp_path}/m.py:M").hyperparameters("digits")


def test_the_third_party_is_a_model_like_ours(third_party):
    source = find_model("clouds")
    model = source.build((8, 8), "cpu", source.hyperparameters("digits"))
    images = torch.zeros(4, 8, 8)
    assert list(model.fit(images, generator=torch.Generator())) == [{"images": 4.0}]
    deviation = float(model.sample(400, generator=torch.Generator().manual_seed(1)).square().mean()) ** 0.5
    assert deviation == pytest.approx(0.2 / math.sqrt(2), rel=0.05)  # half of the noise is clipped at 0


def test_a_package_that_fails_is_named_with_its_reason(third_party):
    source = find_model("broken")
    for use in (source.load, source.presets, source.fingerprint):
        with pytest.raises(ModelError, match="RuntimeError: this wheel is for another machine"):
            use()


def test_the_list_keeps_a_package_that_fails(third_party, capsys):
    from ganbench.cli import main

    assert main(["list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert "cannot be used" in lines["broken"]
    assert "this wheel is for another machine" in lines["broken"]
    assert "Training images with a little noise; presets: digits, sharp" in lines["clouds"]
    assert "presets: " in lines["dbn"]


def test_two_packages_with_one_name(third_party, tmp_path):
    file = tmp_path / "toy_clouds-1.0.dist-info" / "entry_points.txt"
    file.write_text(file.read_text() + "dbn = toy_clouds.model:Clouds\n")
    with pytest.raises(
        ModelError, match=r"Several .* 'dbn'.*ganbench_models.boltzmann.dbn:\w+, toy_clouds.model:Clouds"
    ):
        find_model("dbn")


def test_the_third_party_passes_the_conformance_suite(third_party, tmp_path):
    from ganbench.conformance import check_model

    np.savez(tmp_path / "digits.npz", **{r: np.random.default_rng(2).random((9, 3, 3), np.float32) for r in _ROLES})
    results = list(check_model("clouds[preset=digits]", dataset=str(tmp_path / "digits.npz")))
    assert [r.violation for r in results] == [""] * len(results)


_ROLES = ("train", "valid", "test")
