"""What a cached result depends on."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ganbench.errors import ModelError
from ganbench.files import content_key, file_sha256
from ganbench.registry import dependencies as dependencies_module
from ganbench.registry.dependencies import dependencies, source_fingerprint

_MODEL = '''"""A model."""
from pack.sub.layers import Layer
import pack.sub.noise
from other import thing
class Model:
    """Docstring."""
    rate = 1.0
    def fit(self):
        return Layer(self.rate)
'''


@pytest.fixture
def package(tmp_path):
    """A package with modules that import each other; returns a function that writes one and fingerprints the model."""
    files = {
        "pack/__init__.py": "",
        "pack/constants.py": "DEPTH = 3\n",
        "pack/unused.py": "x = 1\n",
        "pack/model.py": _MODEL,
        "pack/sub/__init__.py": "from .inner import INNER\n",
        "pack/sub/inner.py": "INNER = 1\n",
        "pack/sub/layers.py": "from ..constants import DEPTH\nfrom . import inner\nclass Layer: pass\n",
        "pack/sub/noise.py": "NOISE = 1\n",
        "other/__init__.py": "thing = 1\n",
    }

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    for name, text in files.items():
        write(name, text)

    def fingerprint(name="pack/model.py", text=_MODEL, *, module="pack.model"):
        write(name, text)
        file = tmp_path.joinpath(*module.split("."))
        return source_fingerprint(file / "__init__.py" if file.is_dir() else file.with_suffix(".py"), module)

    return fingerprint


@pytest.mark.parametrize(
    "text",
    [
        "# comment\n" + _MODEL,
        _MODEL.replace("Docstring.", "Another docstring."),
        _MODEL.replace('    """Docstring."""\n', ""),
        _MODEL.replace("(self)", "( self )"),
        _MODEL.replace("1.0", "1.00"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(package, text):
    assert package() == package(text=text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.0", "1.1"),
        ("return Layer", "yield Layer"),
        ("rate", "speed"),
        ("self.rate", "self.rate, 0"),
        ("1.0", "'1.0'"),
    ],
)
def test_any_change_of_the_code_counts(package, old, new):
    assert package() != package(text=_MODEL.replace(old, new))


@pytest.mark.parametrize(
    "name",
    ["pack/sub/layers.py", "pack/sub/noise.py", "pack/constants.py", "pack/sub/inner.py", "pack/sub/__init__.py"],
)
def test_modules_that_are_imported_count(package, name):
    assert package() != package(name, "changed = True\n")


@pytest.mark.parametrize("name", ["pack/unused.py", "other/__init__.py", "pack/new.py"])
def test_other_modules_and_packages_do_not_count(package, name):
    assert package() == package(name, "changed = True\n")


@pytest.mark.parametrize(
    "statement",
    [
        "from .net import Net",
        "from . import net",
        "import pack.net",
        "from pack.net import *",
        "def f():\n    import pack.net",
    ],
)
def test_a_model_in_the_file_of_its_package(package, statement):
    package("pack/__init__.py", statement + "\n")
    before = package("pack/net.py", "class Net: pass\n", module="pack")
    assert before != package("pack/net.py", "class Net: deep = True\n", module="pack")


def test_constants_of_the_package_itself_count(package):
    model = "from pack import DEPTH\n"
    package("pack/__init__.py", "DEPTH = 1\n")
    before = package(text=model)
    package("pack/__init__.py", "DEPTH = 2\n")
    assert before != package(text=model)


def test_modules_that_import_each_other_come_to_an_end(package):
    package("pack/constants.py", "import pack.model\n")
    assert package() == package()


def test_the_place_of_a_package_does_not_count(package, tmp_path):
    before = package()
    (tmp_path / "moved").mkdir()
    (tmp_path / "pack").rename(tmp_path / "moved" / "pack")
    assert source_fingerprint(tmp_path / "moved" / "pack" / "model.py", "pack.model") == before


def test_a_helper_outside_of_the_subfolder_and_the_harness_below_count():
    gsn = Path(find_spec("ganbench_models").origin).parent / "markov_chains" / "gsn.py"
    found = dependencies(gsn, "ganbench_models.markov_chains.gsn")
    assert {"ganbench_models.markov_chains.gsn", "ganbench_models.chains", "ganbench.runtime.matmul"} <= set(found)
    assert not set(found) & {"ganbench.modelling", "ganbench.errors", "ganbench.hyperparameters"}
    assert not [name for name in found if name.startswith(("ganbench.cli", "ganbench.experiment"))]


@pytest.fixture
def write(tmp_path):
    """Writes files below one folder."""

    def write_all(**files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write_all


@pytest.fixture
def harness(write, tmp_path, monkeypatch):
    """A harness of a few modules; returns a function that gives what a model with some statements uses of it."""
    write(
        **{
            "ganbench/__init__.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n"
            "    from ganbench.errors import UserError\n"
            "    from ganbench.runtime.seeding import derive_seed\n"
            "__version__ = '1'\n",
            "ganbench/errors.py": "import ganbench.cli\nclass UserError(Exception): pass\n",
            "ganbench/cli.py": "",
            "ganbench/modelling.py": "from ganbench.runtime.matmul import affine\n"
            "from ganbench.runtime.graphs import Replayed\n",
            "ganbench/runtime/__init__.py": "",
            "ganbench/runtime/matmul.py": "from ganbench.errors import UserError\n"
            "def affine():\n    from ganbench.runtime import device\n",
            "ganbench/runtime/device.py": "",
            "ganbench/runtime/graphs.py": "class Replayed: pass\n",
            "ganbench/runtime/seeding.py": "def derive_seed(): pass\n",
        }
    )
    monkeypatch.setattr(dependencies_module, "_HARNESS_FOLDER", tmp_path)

    def used(statements):
        write(**{"mine/model.py": statements})
        found = dependencies(tmp_path / "mine" / "model.py", str(tmp_path / "mine" / "model.py"))
        return {name.removeprefix("ganbench.") for name in found} - {"model"}

    return used


def test_a_module_of_the_harness_may_stand_for_an_earlier_source(write, tmp_path, monkeypatch):
    """And one that says that it gives its importer's numbers does not count; what they import does."""
    monkeypatch.setattr(dependencies_module, "_HARNESS_FOLDER", tmp_path)

    def found(kernel, other="", last="z = 1\n"):
        write(
            **{
                "ganbench/__init__.py": "",
                "ganbench/kernel.py": f"from ganbench.other import y\n{kernel}",
                "ganbench/other.py": f"from ganbench.last import z\n{other}",
                "ganbench/last.py": last,
                "mine/model.py": "from ganbench.kernel import x\nNUMBERS_OF = ''\n",
            }
        )
        path = tmp_path / "mine" / "model.py"
        return dependencies(path, str(path))

    plain = found("x = 1\n", "y = 1\n")
    assert set(plain) == {"model", "ganbench.kernel", "ganbench.other", "ganbench.last"}  # a user's file always counts
    declared = found("NUMBERS_OF = 'of before'\nx = 1\n", "NUMBERS_OF = ''\ny = 1\n")
    assert declared == {**{name: plain[name] for name in ("model", "ganbench.last")}, "ganbench.kernel": "of before"}
    assert declared == found("NUMBERS_OF = 'of before'\nx = 2\n", "y = 3\nNUMBERS_OF = ''\n")
    assert declared != found("NUMBERS_OF = 'of before'\nx = 1\n", "NUMBERS_OF = ''\ny = 1\n", "z = 2\n")
    assert declared != found("NUMBERS_OF = 'another'\nx = 1\n", "NUMBERS_OF = ''\ny = 1\n")


def test_modules_of_our_models_may_declare_whose_numbers_they_give():
    from ganbench_models.adversarial import goodfellow2014, stages

    found = dependencies(Path(goodfellow2014.__file__), goodfellow2014.__name__)
    assert found[stages.__name__] == stages.NUMBERS_OF


_MATMUL, _GRAPHS = {"runtime.matmul", "runtime.device"}, {"runtime.graphs"}
_MODELLING = {"modelling"} | _MATMUL | _GRAPHS


@pytest.mark.parametrize(
    ("statements", "used"),
    [
        ("from ganbench.modelling import affine", _MATMUL),
        ("def fit():\n    from ganbench.modelling import affine as a", _MATMUL),
        ("from ganbench.runtime import matmul", _MATMUL),
        ("from ganbench import derive_seed", {"runtime.seeding"}),
        ("from ganbench import UserError", set()),
        ("import ganbench.errors", {"ganbench"} | {"runtime.seeding"}),
        ("import ganbench.modelling as m\nm.Replayed(m.Replayed.size)", _GRAPHS),
        ("import ganbench.modelling\nganbench.modelling.affine(ganbench.UserError)", _MATMUL),
        ("import ganbench\nclass M(ganbench.modelling.Replayed): pass", _GRAPHS),
        ("from ganbench import modelling", _MODELLING),
        ("from ganbench.modelling import *", _MODELLING),
        ("from ganbench.modelling import affin", _MODELLING),
        ("import ganbench.modelling as m\nvars(m)", _MODELLING),
        ("from ganbench import __version__", {"ganbench", "runtime.seeding"}),
    ],
)
def test_names_of_the_harness_stand_for_the_modules_that_define_them(harness, statements, used):
    assert harness(statements) == used


_USERS = {
    "my_model.py": "import helper\nimport pack.deep\nfrom space.inner import f\n"
    "class M:\n    depends_on = ['weights.bin', '../shared']\n    def fit(self):\n        from .late import g\n",
    "helper.py": "import my_model, torch, random\nfrom helper2 import h\n",
    "helper2.py": "",
    "pack/__init__.py": "from . import one\n",
    "pack/one.py": "from ..other import x\ndepends_on: list[str] = ['table.csv']\n",
    "pack/table.csv": "1,2",
    "pack/deep.py": "",
    "pack/unused.py": "",
    "other.py": "from deep.er.est import z\n",
    "deep/__init__.py": "",
    "deep/er/__init__.py": "",
    "deep/er/est.py": "",
    "space/inner.py": "",
    "late.py": "",
    "unused.py": "",
    "torch/notes.py": "",
    "weights.bin": b"\x00\x01",
    "../shared/a.txt": "a",
    "../shared/b/c.txt": "c",
}


@pytest.fixture
def users(write, tmp_path):
    """A model in a file of the user's; returns a function that gives its dependencies."""
    write(**{f"users/{name}": content for name, content in _USERS.items()})
    path = tmp_path / "users" / "my_model.py"
    return lambda: dependencies(path, str(path))


def test_a_users_file_and_what_lies_beside_it(users, tmp_path):
    modules = {"my_model", "helper", "helper2", "pack", "pack.one", "pack.deep", "other", "space.inner", "late"}
    modules |= {"deep", "deep.er", "deep.er.est"}
    files = {"weights.bin", "pack/table.csv", "../shared/a.txt", "../shared/b/c.txt"}
    assert set(users()) == modules | files
    assert users()["weights.bin"] == file_sha256(tmp_path / "users" / "weights.bin")
    assert "helper" not in sys.modules


@pytest.mark.parametrize("name", [name for name in _USERS if "unused" not in name and name != "torch/notes.py"])
def test_a_change_beside_a_users_file_counts(users, write, tmp_path, name):
    before, times = users(), (tmp_path / "users" / name).stat()
    old = _USERS[name]
    write(**{f"users/{name}": old + b"!" if isinstance(old, bytes) else old + ("x = 1\n" if ".py" in name else "!")})
    os.utime(tmp_path / "users" / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = {key for key, value in users().items() if before.get(key) != value}
    assert len(changed) == 1


@pytest.mark.parametrize("name", ["unused.py", "pack/unused.py", "torch/notes.py"])
def test_what_is_not_imported_does_not_count(users, write, name):
    before = users()
    write(**{f"users/{name}": "x = 1\n"})
    assert users() == before


def test_a_users_file_that_extends_a_model_of_ours(write, tmp_path):
    write(**{"mine.py": "from ganbench_models.markov_chains.gsn import GenerativeStochasticNetwork\n"})
    assert "ganbench_models.chains" in dependencies(tmp_path / "mine.py", "mine.py")


def test_a_link_means_the_folder_of_the_file(users, tmp_path):
    link = tmp_path / "link.py"
    link.symlink_to(tmp_path / "users" / "my_model.py")
    assert dependencies(link, str(link)) == users()


def test_a_module_that_is_named_by_its_name_stands_alone(write, tmp_path):
    write(**{"alone.py": "import helper\n", "helper.py": ""})
    assert set(dependencies(tmp_path / "alone.py", "alone")) == {"alone"}


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("depends_on = ['none.npz']", r"my_model.py declares .*none.npz, which does not exist"),
        ("depends_on = 'weights.npz'", r"my_model.py: line 1: depends_on must be a literal list.* it is 'weights.npz'"),
        ("x = 1\ndepends_on = [x]", r"line 2: .*it is \[x\]"),
        ("class M:\n    depends_on: list", "line 2: .*it is without a value"),
    ],
)
def test_declarations_that_cannot_be_followed(users, write, statement, reason):
    write(**{"users/my_model.py": statement})
    with pytest.raises(ModelError, match=reason):
        users()


def test_a_syntax_error_names_the_file(users, write):
    write(**{"users/helper.py": "x = 1\ny ="})
    with pytest.raises(SyntaxError) as caught:
        users()
    assert (Path(caught.value.filename).name, caught.value.lineno) == ("helper.py", 2)


def test_content_keys():
    assert content_key({"a": [1, 2], "b": 3}) == content_key({"b": 3, "a": (1, 2)})
    assert len({content_key(c) for c in ([1, 2], [2, 1], [1, "2"], [12], {"1": 2}, 1.5, None, "")}) == 8
    with pytest.raises(ValueError, match="JSON"):
        content_key(float("nan"))


def test_file_sha256_is_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert file_sha256(tmp_path / "f") == expected
