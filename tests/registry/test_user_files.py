"""Models in files of the user's: their neighbours, their prints, their arguments, and where they fail."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest
import torch

from ganbench.errors import ModelError
from ganbench.registry.user_files import calling_user_code, import_file, user_error_place

_MODEL = """import sys

import helper
import pack.deep as deep
from pack import one
from .helper import VALUE
import space.inner

arguments = list(sys.argv)
print("hello")


class Thing:
    pass


def values():
    import late
    from late import LATE

    return helper.VALUE, VALUE, deep.DEEP, one.ONE, space.inner.INNER, late.LATE, LATE


def fail():
    return torch.zeros(2) @ torch.zeros(3)


import torch
"""


@pytest.fixture
def folder(tmp_path):
    """Makes a folder of a model and its neighbours, which all have one value, and returns the model's file."""

    def make(name, value):
        files = {
            "my_model.py": _MODEL,
            "helper.py": f"import my_model\nVALUE = {value}\n",
            "pack/__init__.py": "",
            "pack/one.py": "from ..helper import VALUE as ONE\n",
            "pack/deep.py": "import helper\nDEEP = helper.VALUE\n",
            "space/inner.py": f"INNER = {value}\n",
            "late.py": f"print('late')\nLATE = {value}\n",
        }
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / name / "my_model.py"

    return make


def test_each_folder_has_its_own_neighbours(folder):
    path_before = list(sys.path)
    modules = [import_file(folder(name, value)) for name, value in [("a", 1), ("b", 2)]]
    assert [module.values() for module in modules] == [(1,) * 7, (2,) * 7]
    assert sys.path == path_before
    assert not {"helper", "late", "pack", "space", "my_model"} & set(sys.modules)


def test_an_edit_of_a_neighbour_is_seen_at_once(folder, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = folder("a", 1)
    first = import_file(path)
    assert import_file(path) is first
    helper, times = path.with_name("helper.py"), path.with_name("helper.py").stat()
    helper.write_text("import my_model\nVALUE = 3\n")
    os.utime(helper, ns=(times.st_atime_ns, times.st_mtime_ns))  # within one tick of the clock, and of equal length
    assert import_file(path).values()[:4] == (3, 3, 3, 3)
    assert not list(path.parent.rglob("*.pyc"))


def test_a_neighbour_comes_before_what_is_installed_but_for_our_own(tmp_path):
    (tmp_path / "random.py").write_text("mine = True\n")
    (tmp_path / "ganbench").mkdir()
    (tmp_path / "ganbench" / "__init__.py").write_text("raise RuntimeError('a second ganbench')\n")
    (tmp_path / "sklearn").mkdir()  # a folder, but no package
    path = tmp_path / "m.py"
    path.write_text("import random, sklearn, tempfile\nfrom ganbench import UserError\nmine = random.mine\n")
    module = import_file(path)
    assert module.mine
    assert module.sklearn.__version__
    assert not hasattr(sys.modules["random"], "mine")


def test_objects_of_a_users_file_can_be_pickled(folder):
    thing = import_file(folder("a", 1)).Thing()
    assert type(pickle.loads(pickle.dumps(thing))) is type(thing)


def test_prints_and_arguments(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ganbench", "check", "--json"])
    path = folder("a", 1)
    module = import_file(path)
    assert module.arguments == [str(path)]
    with calling_user_code():
        module.values()
    print("ours")
    assert capsys.readouterr() == ("ours\n", "hello\nlate\n")
    assert sys.argv == ["ganbench", "check", "--json"]


def test_what_libraries_and_programs_write_to_stdout(capfd):
    print("before", file=sys.__stdout__)  # in a buffer, where the output is no terminal
    with calling_user_code(), calling_user_code():
        os.write(1, b"library\n")
        subprocess.run([sys.executable, "-c", "print('program')"], check=True)
        print("original", file=sys.__stdout__)
    os.write(1, b"ours\n")
    assert capfd.readouterr() == ("before\nours\n", "library\nprogram\noriginal\n")


def test_a_stdout_that_is_closed():
    script = (
        "import os, sys; from ganbench.registry.user_files import calling_user_code\n"
        "os.close(1)\n"
        "with calling_user_code(): print('said')\n"
        "try: os.fstat(1)\n"
        "except OSError: print('still closed', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[:2] == ["said", "still closed"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\n1 / 0\n", r"m.py cannot be imported: ZeroDivisionError: division by zero \(m.py, line 2\)"),
        ("def f():\n    raise ValueError('no')\n\nf()", r"ValueError: no \(m.py, line 2, in f\)"),
        ("import sys\nsys.exit(3)", r"SystemExit: 3 \(m.py, line 2\)"),
        ("import argparse\nargparse.ArgumentParser().parse_args(['-x'])", r"SystemExit: 2 \(m.py, line 2\)"),
        ("x = 1\ny = (\n", r"SyntaxError: '\(' was never closed \(m.py, line 2\)"),
        ("import broken", r"RuntimeError: broken \(broken.py, line 3\)"),
        ("import nowhere_to_be_found", r"No module named 'nowhere_to_be_found' \(m.py, line 1\)"),
        ("depends_on = ['none.npz']", r"m.py declares in depends_on that it reads .*none.npz"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path, text, reason):
    path = tmp_path / "m.py"
    path.write_text(text)
    (tmp_path / "broken.py").write_text("\n\nraise RuntimeError('broken')\n")
    for _ in range(2):  # nothing is left of the first try
        with pytest.raises(ModelError, match=reason):
            import_file(path)


def test_there_is_no_such_file(tmp_path):
    with pytest.raises(ModelError, match=r"none.py cannot be imported: FileNotFoundError"):
        import_file(tmp_path / "none.py")


def test_a_name_with_dots_and_dashes(tmp_path):
    path = tmp_path / "my-model.v2.py"
    path.write_text("from helper import x\n")
    (tmp_path / "helper.py").write_text("x = 5\n")
    assert import_file(path).x == 5


_DECORATED = """import contextlib
import torch

@contextlib.contextmanager
def guard():
    yield

@guard()
@torch.no_grad()
def f(function):
    with contextlib.ExitStack():
        return sorted([2, 1], key=function)

def g(x):
    raise ValueError(x)
"""


def _caught(function, *arguments, **keywords):
    """The exception, as the harness sees it: its traceback begins in the harness."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        function(*arguments, **keywords)
    return caught.value.with_traceback(caught.value.__traceback__.tb_next)


def test_the_place_of_an_error(folder, tmp_path):
    error = _caught(import_file(folder("a", 1)).fail)  # it is torch that fails
    line = _MODEL.splitlines().index("    return torch.zeros(2) @ torch.zeros(3)") + 1
    assert user_error_place(error) == f"my_model.py, line {line}, in fail"
    path = tmp_path / "m.py"
    path.write_text(_DECORATED)
    module = import_file(path)
    assert user_error_place(_caught(module.f, module.g)) == "m.py, line 15, in g"


def test_the_place_in_a_package_and_nowhere():
    from ganbench_models.adversarial.goodfellow2014 import AdversarialNets

    error = _caught(AdversarialNets, (8, 8), epochs=-1)
    assert user_error_place(error).startswith("ganbench_models/adversarial/")
    assert user_error_place(ValueError("never raised")) == ""
    assert user_error_place(_caught(torch.nn.functional.linear, torch.zeros(2, 2), torch.zeros(3, 3))) == ""
