"""Models by name, file, class, function and array; their presets and variants."""

from __future__ import annotations

import functools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.errors import DataError, ModelError, UnknownNameError, UsageError
from ganbench.registry.models import ModelObject, ModelSource, find_model
from ganbench.registry.samples import SampleArray, SampleFile

_SHAPE = (8, 8)


def _variant(spec, dataset="digits", shape=_SHAPE):
    return find_model(spec).variant(dataset, shape)


def _build(spec, dataset="", shape=(3, 3)):
    model = find_model(spec)
    return model.build(shape, "cpu", model.variant(dataset, shape).hyperparameters)


def test_a_model_of_ours_by_name():
    model = find_model("adversarial")
    assert (model.name, dict(model.settings), model.mark) == ("adversarial", {}, "")
    assert model.file.parent.name == "adversarial"


def test_equal_specs_are_one_variant():
    preset = _variant("adversarial").hyperparameters
    spellings = [
        "adversarial",
        "adversarial[]",
        " adversarial ",
        "adversarial[preset=digits]",
        f"adversarial[epochs={preset['epochs']}]",
    ]
    spellings += ["ganbench_models.adversarial.goodfellow2014:AdversarialNets"]
    assert {(v.label, str(v)) for v in map(_variant, spellings)} == {("adversarial", str(_variant("adversarial")))}
    assert len({find_model(s).mark for s in spellings}) == 1
    changed = ["adversarial[epochs=3,preset=mnist]", "adversarial[ preset = mnist , epochs = 3 ]"]
    assert {_variant(s).label for s in changed} == {"adversarial[epochs=3,preset=mnist]"}
    assert _variant(changed[0]).hyperparameters["epochs"] == 3


def test_values_that_are_the_constructors_default_are_not_shown(toys):
    spellings = ["", "[]", "[epochs=3]", "[spread=1,epochs=3]", "[spread=1.0]", "[seconds=0]"]
    assert {_variant(f"{toys}:PixelwiseGaussian{s}").label for s in spellings} == {"models.py:PixelwiseGaussian"}
    assert {str(_variant(f"{toys}:PixelwiseGaussian[spread={s}]")) for s in ("2", "2.0", "2e0")} == {
        str(_variant(f"{toys}:PixelwiseGaussian[spread=2.0]"))
    }
    assert _variant(f"{toys}:Diverges[epochs=3]").label == "models.py:Diverges"  # its constructor is inherited


def test_files_by_any_path_are_one_and_files_in_two_folders_are_two(tmp_path, monkeypatch, toys):
    for folder in ("A", "B"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "models.py").write_bytes(Path(toys).read_bytes())
    monkeypatch.chdir(tmp_path)
    found = [
        find_model(f"{path}:uniform")
        for path in ("A/models.py", "./A/models.py", f"{tmp_path}/A/models.py", "B/models.py")
    ]
    assert [model.variant("", _SHAPE).label for model in found] == ["models.py:uniform"] * 4
    assert len({model.mark for model in found[:3]}) == 1
    assert found[3].mark != found[0].mark


def test_classes_of_one_name_in_two_modules_are_two(install):
    install(
        "toy-two",
        {},
        {f"toy_{x}.py": "class Net:\n    def __init__(self, shape, *, device, rate=1.0): pass\n" for x in "ab"},
    )
    assert [_variant(f"toy_{x}:Net[rate=2]").label for x in "ab"] == ["toy_a:Net[rate=2.0]", "toy_b:Net[rate=2.0]"]


def test_a_user_folder_does_not_become_importable(toys):
    before = list(sys.path)
    find_model(f"{toys}:PixelwiseGaussian").load()
    assert sys.path == before
    assert "models" not in sys.modules


def test_a_script_that_runs_itself_is_a_model_file(tmp_path):
    """It imports the whole harness, in which files are named `depends_on` without being declared by anybody."""
    text = "import ganbench\nclass M:\n    def __init__(self, shape, *, device): pass\n"
    (tmp_path / "m.py").write_text(text + "if __name__ == '__main__':\n    ganbench.run('digits', models=[M])\n")
    assert {"m", "ganbench.records.record"} <= set(find_model(f"{tmp_path}/m.py:M").dependencies())


def test_a_path_with_brackets(tmp_path, toys):
    folder = tmp_path / "run[lr=0.1]"
    folder.mkdir()
    (folder / "m.py").write_bytes(Path(toys).read_bytes())
    np.save(folder / "samples[1].npy", np.zeros((2, 3, 3)))
    model = _build(f"{folder}/m.py:PixelwiseGaussian[epochs=2,spread=0.5]")
    assert (model.total_epochs, model.spread) == (2, 0.5)
    assert find_model(f"{folder}/samples[1].npy").read().shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("attribute", "error", "message"),
    [
        ("uniform[n=3]", UsageError, "is a function and takes no settings"),
        ("uniform[preset=x]", UsageError, "has no preset 'x'"),
        ("not_a_model", UsageError, "neither a class nor a function.*int"),
        ("Missing", UsageError, "Unknown class or function of models.py 'Missing'."),
        ("PixelwiseGaussian[spread=-1]", UsageError, "cannot be built: spread must not be negative; got -1"),
        ("PixelwiseGaussian[epochs=two,spread=x]", UsageError, "cannot be built: TypeError"),
        ("PixelwiseGaussian[colour=1]", UsageError, "no hyper-parameter 'colour'; it has: epochs, spread, seconds"),
        ("Diverges[colour=1]", UsageError, "no hyper-parameter 'colour'"),
        ("PixelwiseGaussian[device=cuda]", UsageError, "no hyper-parameter 'device'"),
        ("PixelwiseGaussian[preset=mnist]", UsageError, r"has no preset 'mnist'; it has: \(none\)"),
        ("of_python", UsageError, "'of_python' cannot be built: TypeError: cannot convert dictionary"),
        ("LacksSample", ModelError, "lacks the method sample"),
        ("RaisesInConstructor", ModelError, "RuntimeError: no accelerator for this model"),
    ],
)
def test_what_cannot_be_built_says_why(toys, attribute, error, message):
    with pytest.raises(error, match=message):
        _build(f"{toys}:{attribute}")


def test_a_path_that_is_no_python_file(tmp_path):
    with pytest.raises(UsageError, match=r"/m is no Python file. Expected package.module:Class or ./file.py:Class"):
        find_model(f"{tmp_path}/m:Model")


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ("n", r"'f' takes \(n\) \(too many positional arguments\). A function .* is called as f\(n, generator\)"),
        ("n, *, generator", r"'f' takes \(n, \*, generator\)"),
        ("n, generator, scale", r"'f' takes .*missing a required argument: 'scale'"),
    ],
)
def test_functions_that_are_called_otherwise(tmp_path, signature, said):
    (tmp_path / "m.py").write_text(f"def f({signature}): pass\n")
    with pytest.raises(UsageError, match=said):
        _build(f"{tmp_path}/m.py:f")


def test_functions_with_more_arguments_that_have_values(tmp_path):
    (tmp_path / "m.py").write_text("def f(n, generator, scale=3.0): return scale\ndef g(*a): return a\nh = max\n")
    assert _build(f"{tmp_path}/m.py:f").sample(1, generator=None) == 3.0
    assert _build(f"{tmp_path}/m.py:g").sample(1, generator=2) == (1, 2)
    assert _build(f"{tmp_path}/m.py:h").sample(1, generator=2) == 2  # whose arguments Python does not know


def test_names_of_hyperparameters_are_checked_without_an_import(tmp_path):
    (tmp_path / "m.py").write_text(
        "raise SystemExit\nclass M:\n    def __init__(self, shape, *, device, epochs=1): pass\n"
    )
    with pytest.raises(UsageError, match="no hyper-parameter 'epoch'; it has: epochs"):
        _variant(f"{tmp_path}/m.py:M[epoch=2]")


# Presets


@pytest.fixture
def modelled(tmp_path):
    """Writes presets for a model that keeps whatever it is given, and returns its spec."""

    def write(function: bool = False, folder: str = "presets/M", **presets: str) -> str:
        text = (
            "def M(n, generator): pass\n"
            if function
            else "class M:\n    def __init__(self, shape, *, device, **settings): pass\n"
        )
        (tmp_path / "m.py").write_text(text)
        (tmp_path / folder).mkdir(parents=True)
        for name, content in presets.items():
            (tmp_path / folder / f"{name}.toml").write_text(content)
        return f"{tmp_path}/m.py:M"

    return write


def test_a_preset_is_that_of_the_data_set_or_of_the_same_event_shape(modelled):
    spec = modelled(digits="event_shape = [8, 8]\nrate = 1", faces="event_shape = [48, 48]\nrate = 2", other="rate = 3")
    assert list(find_model(spec).presets) == ["digits", "faces", "other"]
    found = [
        _variant(spec, *data) for data in [("digits", (8, 8)), ("other", (1, 2)), ("", (48, 48)), ("fer", (48, 48))]
    ]
    assert [v.hyperparameters for v in found] == [{"rate": 1}, {"rate": 3}, {"rate": 2}, {"rate": 2}]
    assert {v.label for v in found} == {"m.py:M"}
    assert _variant(spec, "", (2304,)).preset == "faces"  # rows of pixels
    chosen = _variant(f"{spec}[preset=other,rate=5]", "digits")
    assert (chosen.label, chosen.hyperparameters, chosen.preset) == (
        "m.py:M[preset=other,rate=5]",
        {"rate": 5},
        "other",
    )
    assert _variant(f"{spec}[rate=2]", "faces", (48, 48)).label == "m.py:M"


@pytest.mark.parametrize("shape", [(3, 3), (8, 8), (64,)])
def test_where_no_preset_or_several_fit_the_option_is_given(modelled, shape):
    spec = modelled(a="event_shape = [8, 8]", b="event_shape = [8, 8]", c="")
    with pytest.raises(UsageError) as caught:
        _variant(f"{spec}[rate=2]", "", shape)
    assert (
        f"'M' has no preset for these data, whose examples have shape {list(shape)}; it has: a [8, 8], b [8, 8], c."
        in str(caught.value)
    )
    assert 'Choose one, as in "m.py:M[preset=a,rate=2]"' in str(caught.value)
    with pytest.raises(UsageError, match="no preset for 'mine'"):
        _variant(spec, "mine", shape)


def test_our_own_presets_say_their_shape():
    assert _variant("dbn", "", (28, 28)).preset == "mnist"
    assert _variant("dbn", "", (784,)).preset == "mnist"
    with pytest.raises(UsageError, match=r'it has: digits \[8, 8\], .*mnist \[28, 28\].*as in "dbn\[preset=digits\]"'):
        _variant("dbn", "", (5, 5))


def test_somebody_elses_presets_beside_a_model_do_not_matter(modelled):
    spec = modelled(folder="presets", digits="rate = 1")
    assert (find_model(spec).presets, _variant(spec).hyperparameters) == ({}, {})


def test_a_function_has_no_preset(modelled):
    spec = modelled(function=True, digits="rate = 1")
    assert (find_model(spec).presets, _variant(spec).hyperparameters) == ({}, {})


def test_presets_beside_a_package(install):
    install(
        "toy-shelf",
        {"ganbench.models": {"shelved": "toy_shelf.nets.deep:Net"}},
        {
            "toy_shelf/__init__.py": "",
            "toy_shelf/nets/__init__.py": "",
            "toy_shelf/nets/deep.py": "class Net:\n    def __init__(self, shape, *, device, rate=0.5): pass\n",
            "toy_shelf/presets/shelved/digits.toml": "rate = 0.25\n",
        },
    )
    assert _variant("shelved").hyperparameters == {"rate": 0.25}
    assert _variant("toy_shelf.nets.deep:Net").label == "shelved"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rate = ", "cannot be read: Invalid value"),
        ("rate = nan", "cannot be read: .*not JSON compliant"),
        ("day = 2020-01-01", "cannot be read: .*date"),
        ("event_shape = 3", r"event_shape is 3; expected a list of whole numbers"),
        ("event_shape = [8, '8']", r"event_shape is \[8, '8'\]; expected a list"),
    ],
)
def test_a_damaged_preset(modelled, content, message):
    spec = modelled(digits=content)
    with pytest.raises(UsageError, match=rf"digits.toml:? {message}"):
        _variant(spec)


# Files and arrays of samples


@pytest.mark.parametrize("name", ["samples.npz", "samples.npy", "a:b.NPZ", "x[1].npy"])
def test_a_file_of_samples_is_known_by_its_suffix(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"content")
    source = find_model(path)
    assert isinstance(source, SampleFile)
    assert (source.name, source.variant("digits", _SHAPE).label) == (path.stem, name)
    assert find_model(str(path)).fingerprint == source.fingerprint
    path.write_bytes(b"Content")
    assert find_model(str(path)).fingerprint != source.fingerprint


def test_copies_of_samples_are_one_and_other_samples_of_one_name_are_two(tmp_path):
    for folder, value in [("A", 0.0), ("B", 0.0), ("C", 1.0)]:
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "x.npz", samples=np.full((2, 3, 3), value))
    marks = [find_model(f"{tmp_path}/{folder}/x.npz").mark for folder in ("A", "B", "C", "A/../C")]
    assert marks[0] == marks[1] != marks[2] == marks[3]


@pytest.mark.parametrize(
    "arrays",
    [
        {"samples": 0, "labels": "labels"},
        {"x": 0, "y": "labels"},
        {"images": 0, "labels": "column"},
        {"arr_0": 0, "arr_1": "column"},
        {"samples": 0, "train": "other"},
        {"x": 0, "README": "text", "names": "texts"},
    ],
    ids=str,
)
def test_samples_are_found_beside_labels_and_texts(tmp_path, arrays):
    samples = np.random.default_rng(1).random((4, 3, 3))
    others = {"labels": np.arange(4), "column": np.arange(4)[:, None], "other": np.zeros((2, 3, 3))}
    others |= {"text": np.array("a note"), "texts": np.array(["a", "b"])}
    np.savez(tmp_path / "x.npz", **{name: samples if kind == 0 else others[kind] for name, kind in arrays.items()})
    np.testing.assert_array_equal(find_model(f"{tmp_path}/x.npz").read(), samples)


def test_several_arrays_that_may_be_samples(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros((2, 3)), b=np.zeros((2, 3)))
    with pytest.raises(
        UsageError, match=r"holds 2 arrays \(a, b\); which are the samples\? Name one of them 'samples'"
    ):
        find_model(f"{tmp_path}/x.npz").read()
    np.savez(tmp_path / "x.npz", samples=np.array(["a"]), b=np.zeros((2, 3)))
    with pytest.raises(DataError, match="array 'samples': expected real numbers"):
        find_model(f"{tmp_path}/x.npz").read()


def test_a_file_of_samples_that_changes_meanwhile(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    source = find_model(f"{tmp_path}/x.npy")
    assert source.dependencies() == {"x.npy": source.fingerprint}
    np.save(tmp_path / "x.npy", np.ones((2, 3)))
    with pytest.raises(ModelError, match=r"x.npy changed while the run went on"):
        source.read()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("net.onnx", "'net.onnx' is a file of another kind. Samples are read from .npy, .npz, .pt,.* or a folder"),
        ("notes", "'notes' is a file of another kind"),
        ("sampels.npz", "there is no file sampels.npz"),
        ("a/b", "there is no file a/b"),
        ("sample.png", "there is no file sample.png"),
        ("samples.npz[k=1]", r"samples have no setting 'k'; they take layout=\.\.\. and scale="),
        ("nowhere.py:M", "there is no file nowhere.py"),
    ],
)
def test_files_that_are_no_models_say_what_to_do(tmp_path, monkeypatch, target, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gsn").mkdir()
    for file in ("net.onnx", "notes"):
        (tmp_path / file).touch()
    with pytest.raises(UsageError, match=message) as caught:
        find_model(target)
    assert "Did you mean" not in str(caught.value)
    assert find_model("gsn").name == "gsn"  # the folder of this name hides no model


def test_an_unknown_name_gets_the_nearest_and_the_list():
    with pytest.raises(
        UnknownNameError, match=r"'adversrial'. Did you mean 'adversarial'\?.*cae, dbn, .*gsn.*./file.py:Class"
    ):
        find_model("adversrial")


@pytest.mark.parametrize(
    ("samples", "dtype"),
    [
        (torch.full((2, 3), 0.5, dtype=torch.bfloat16), np.float32),
        (torch.full((2, 3), 0.5, requires_grad=True), np.float32),
        (np.full((2, 3), 0.5, ">f8"), np.float64),
        (np.full((2, 3), 0.5, np.longdouble), np.float64),
        ([[0.5] * 3] * 2, np.float64),
    ],
    ids=["bfloat16", "gradients", "big-endian", "longdouble", "lists"],
)
def test_arrays_of_samples(samples, dtype):
    model = find_model(samples)
    assert isinstance(model, SampleArray)
    assert model.read().dtype == np.dtype(dtype)
    np.testing.assert_array_equal(model.read(), np.full((2, 3), 0.5))
    other = find_model(np.full((2, 3), 0.25))
    assert other.mark != model.mark == find_model(np.full((2, 3), 0.5, dtype)).mark


@pytest.mark.parametrize("thing", [{"a": 1}, object(), ["a", "b"], None])
def test_what_is_no_model(thing):
    with pytest.raises(UsageError, match="A model is a spec, a class, a function or an array of samples; got"):
        find_model(thing)


# Classes and functions in memory


class InAFile:
    """A class of an importable module, as this one is for the tests."""

    def __init__(self, event_shape, *, device="cpu", width=3):
        self.width = width

    def fit(self, train, *, generator):
        yield {}

    def sample(self, n, *, generator):
        return torch.zeros(n, self.width)

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def _notebook_class():
    class Local(InAFile):
        pass

    return Local


def test_a_class_of_an_importable_module_goes_by_its_target():
    from ganbench_models.boltzmann.dbn import DeepBeliefNetwork

    assert find_model(DeepBeliefNetwork) == find_model("dbn")
    found = find_model(functools.partial(DeepBeliefNetwork, epochs=3))
    assert (found.target, dict(found.settings)) == (find_model("dbn").target, {"epochs": 3})
    own = find_model(InAFile)
    assert isinstance(own, ModelSource)
    assert own.variant("", _SHAPE).label == f"{__name__}:InAFile"


def test_a_class_of_a_notebook():
    local = _notebook_class()
    first, second = find_model(local), find_model(local)
    assert isinstance(first, ModelObject)
    assert (first.name, first.variant("digits", _SHAPE).label) == ("Local", "Local")
    assert first.fingerprint != second.fingerprint  # never taken from the store
    assert first.mark == second.mark  # but one row
    assert find_model(_notebook_class()).mark != first.mark
    assert _build(local).width == 3
    given = find_model(functools.partial(local, width=5))
    assert given.variant("", _SHAPE).label == "Local[width=5]"
    assert _build(functools.partial(local, width=5)).width == 5
    with pytest.raises(UsageError, match="'Local' has no hyper-parameter 'widht'; it has: width"):
        _build(functools.partial(local, widht=5))
    with pytest.raises(UsageError, match=r"The settings .* of 'Local' are not accepted"):
        find_model(functools.partial(local, width=torch.zeros(1)))
    with pytest.raises(UsageError, match=r"got an object of class Local. Give the class, with settings by functools"):
        find_model(local(_SHAPE))


def test_functions_are_models_without_training(toys):
    for thing in (f"{toys}:uniform", lambda n, generator: torch.rand(n, 3, 3, generator=generator)):
        model = _build(thing)
        first = model.sample(5, generator=torch.Generator().manual_seed(1))
        assert first.shape == (5, 3, 3)
        assert list(model.fit(first, generator=None)) == []
        model.load_state_dict(model.state_dict())
        assert torch.equal(first, model.sample(5, generator=torch.Generator().manual_seed(1)))
    assert find_model(lambda n, generator: None).name == "<lambda>"
    assert find_model(functools.partial(torch.rand, 3)).name == "partial"


def test_the_third_party_is_a_model_like_ours(third_party):
    model = _build("clouds[deviation=0.2]", shape=_SHAPE)
    assert list(model.fit(torch.zeros(4, 8, 8), generator=torch.Generator())) == [{"images": 4.0}]
    deviation = float(model.sample(400, generator=torch.Generator().manual_seed(1)).square().mean()) ** 0.5
    assert deviation == pytest.approx(0.2 / math.sqrt(2), rel=0.05)  # half of the noise is clipped at 0


def test_the_list_keeps_what_fails(broken, capsys):
    from ganbench.cli import main

    assert main(["list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    for name in ("broken", "broken_metric"):
        assert "cannot be used" in lines[name]
        assert "this wheel is for another machine" in lines[name]
    assert "presets: " in lines["dbn"]
