"""What a cached result depends on."""

from __future__ import annotations

import pytest
from ganbench.registry.fingerprint import source_fingerprint

from ganbench.files import content_key, file_sha256

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


def test_a_file_alone(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("x = 1\n")
    first = source_fingerprint(path, f"{tmp_path}/mine.py")
    assert first == source_fingerprint(path, "mine")
    path.write_text("x = 2\n")
    assert first != source_fingerprint(path, "mine")


def test_the_place_of_a_package_does_not_count(package, tmp_path):
    before = package()
    (tmp_path / "moved").mkdir()
    (tmp_path / "pack").rename(tmp_path / "moved" / "pack")
    assert source_fingerprint(tmp_path / "moved" / "pack" / "model.py", "pack.model") == before


def test_content_keys():
    assert content_key({"a": [1, 2], "b": 3}) == content_key({"b": 3, "a": (1, 2)})
    assert len({content_key(c) for c in ([1, 2], [2, 1], [1, "2"], [12], {"1": 2}, 1.5, None, "")}) == 8
    with pytest.raises(ValueError, match="JSON"):
        content_key(float("nan"))


def test_file_sha256_is_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert file_sha256(tmp_path / "f") == expected
