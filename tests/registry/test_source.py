"""Targets, constructors read from the source, and imports that agree with what was fingerprinted."""

from __future__ import annotations

import importlib
import sys

import pytest

from ganbench.errors import ModelError, UnknownNameError, UsageError
from ganbench.registry.source import REQUIRED, Source, find_target, installed, object_target
from ganbench.registry.specs import Spec

_GROUP = "ganbench.models"


def _find(target):
    return find_target(Spec(target), _GROUP, "model", "Or a file.")


def test_what_is_installed_goes_by_its_name_however_it_is_written():
    target = "ganbench_models.boltzmann.dbn:DeepBeliefNetwork"
    assert _find("dbn") == _find(target) == ("dbn", target)
    assert {"adversarial", "dbn", "cae", "gsn"} <= set(installed(_GROUP))


def test_files_by_any_path_are_one_target(tmp_path, monkeypatch):
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "m.py").write_text("class M: pass\n")
    monkeypatch.chdir(tmp_path)
    found = {_find(f"{path}:M") for path in ("A/m.py", "./A/m.py", "A/../A/m.py", f"{tmp_path}/A/m.py")}
    assert found == {("M", f"{tmp_path}/A/m.py:M")}


def test_other_modules_go_by_their_attribute():
    assert _find("some.package:Net") == ("Net", "some.package:Net")


@pytest.mark.parametrize("target", ["pkg.mod:", ":M", "pkg:1M", "pkg:M.N", "./m.py:"])
def test_malformed_targets(target):
    with pytest.raises(UsageError, match=r"is malformed. Expected package.module:Class"):
        _find(target)


def test_a_file_alone_is_not_enough():
    with pytest.raises(UsageError, match=r"add the class or function in it, as in m.py:MyClass"):
        _find("m.py")
    with pytest.raises(UsageError, match=r"there is no file nowhere.py"):
        _find("nowhere.py:M")


def test_an_unknown_name_gets_the_nearest_and_the_list():
    with pytest.raises(
        UnknownNameError, match=r"Unknown model 'adversrial'. Did you mean 'adversarial'\? .*Or a file."
    ):
        _find("adversrial")


def test_two_distributions_with_one_name(install):
    points = {_GROUP: {"dbn": "toy_twice:Clouds"}}
    install("toy-twice", points, {"toy_twice.py": "class Clouds: pass\n"})
    with pytest.raises(ModelError, match=r"Several .* 'dbn'.*ganbench_models.boltzmann.dbn:\w+, toy_twice:Clouds"):
        _find("dbn")


_CONSTRUCTORS = """
class Plain:
    def __init__(self, event_shape, *, device="cpu", rate=0.1, layers=(3, 4), kind=make()): pass
class Positional:
    def __init__(self, shape, /, depth, width=5, *, device="cpu", seed): pass
class Inherits(Plain): pass
class InheritsTwice(Inherits): rate = 3
class Anything:
    def __init__(self, event_shape, **settings): pass
class FromElsewhere(torch.nn.Module): pass
class Circle(Circle): pass
class Nothing: pass
def function(n, generator): pass
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Plain", {"device": "cpu", "rate": 0.1, "layers": (3, 4), "kind": REQUIRED}),
        ("Positional", {"depth": REQUIRED, "width": 5, "device": "cpu", "seed": REQUIRED}),
        ("Inherits", {"device": "cpu", "rate": 0.1, "layers": (3, 4), "kind": REQUIRED}),
        ("InheritsTwice", {"device": "cpu", "rate": 0.1, "layers": (3, 4), "kind": REQUIRED}),
        ("Anything", None),
        ("FromElsewhere", None),
        ("Circle", None),
        ("Nothing", None),
        ("function", None),
        ("absent", None),
    ],
)
def test_parameters_are_read_without_an_import(tmp_path, name, expected):
    (tmp_path / "m.py").write_text("raise SystemExit\n" + _CONSTRUCTORS)
    source = Source(name, f"{tmp_path}/m.py:{name}")
    assert source.parameters == expected
    assert source.is_function == (name == "function")


def test_damaged_sources(tmp_path):
    (tmp_path / "wrong.py").write_text("class M(:\n")
    source = Source("M", f"{tmp_path}/wrong.py:M")
    for use in (lambda: source.parameters, lambda: source.fingerprint, lambda: source.dependencies()):
        with pytest.raises(ModelError, match="'M': its source cannot be read: SyntaxError"):
            use()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_package.module:M", "cannot be found .ModuleNotFoundError"),
        ("no_such_package:M", "there is no module no_such_package in this environment"),
    ],
)
def test_modules_that_are_not_there(target, message):
    with pytest.raises(ModelError, match=message):
        Source("M", target).load()


def test_a_distribution_that_fails_is_named_with_its_reason(broken):
    source = Source(*_find("broken"))
    for use in (source.load, source.dependencies, lambda: source.parameters):
        with pytest.raises(ModelError, match="RuntimeError: this wheel is for another machine"):
            use()


def test_what_a_module_prints_while_it_is_imported_goes_to_stderr(install, capsys):
    install("toy-loud", {}, {"toy_loud.py": "print('loud')\nclass M: pass\n"})
    assert Source("M", "toy_loud:M").load().__name__ == "M"
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "loud\n")


def test_a_missing_attribute(toys):
    with pytest.raises(UnknownNameError, match=r"Unknown class or function of models.py 'Difergent'") as raised:
        Source("Difergent", f"{toys}:Difergent").load()
    assert "Did you mean 'Diverges'" in str(raised.value)
    assert "_ganbench_user" not in str(raised.value)
    with pytest.raises(UnknownNameError, match=r"Unknown class or function of ganbench.modelling 'Missing'"):
        Source("Missing", "ganbench.modelling:Missing").load()


def test_a_source_that_changes_after_its_fingerprint_is_not_imported_as_the_old_one(tmp_path):
    path = tmp_path / "m.py"
    path.write_text("class M: rate = 1\n")
    source = Source("M", f"{path}:M")
    assert source.fingerprint
    path.write_text("class M: rate = 2\n")
    with pytest.raises(ModelError, match=r"its source changed while the run went on. Run the same command again"):
        source.load()
    assert Source("M", f"{path}:M").load().rate == 2


def test_a_module_that_was_imported_before_it_was_edited(install):
    """As in a notebook: Python keeps the old class, and results of it must not be stored as those of the new source."""
    site = install("toy-edited", {}, {"toy_edited.py": "class M: rate = 1\n"})
    assert Source("M", "toy_edited:M").load().rate == 1
    (site / "toy_edited.py").write_text("class M:\n    rate = 22\n")
    with pytest.raises(ModelError, match=r"has changed since this process imported toy_edited. Restart Python, or"):
        Source("M", "toy_edited:M").load()
    importlib.reload(sys.modules["toy_edited"])
    assert Source("M", "toy_edited:M").load().rate == 22


def test_targets_of_objects(install):
    install(
        "toy-objects",
        {},
        {"toy_objects.py": "class M:\n    class Inner: pass\ndef f(n, generator): pass\ng = lambda n: n\n"},
    )
    import toy_objects

    assert object_target(toy_objects.M) == "toy_objects:M"
    assert object_target(toy_objects.f) == "toy_objects:f"
    assert [object_target(thing) for thing in (toy_objects.M.Inner, toy_objects.g, toy_objects.M(), 3)] == [None] * 4
    local = type("M", (), {"__module__": "toy_objects", "__qualname__": "M"})
    assert object_target(local) is None  # not what the name stands for
    local.__module__ = "__main__"
    assert object_target(local) is None
    del sys.modules["toy_objects"]
    assert object_target(toy_objects.M) is None
