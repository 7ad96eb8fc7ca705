"""`ganbench --version`, and the environment for reports of defects."""

from __future__ import annotations

import json
import platform

import torch

import ganbench


def test_the_version(command):
    assert command("--version", results=False) == (0, f"ganbench {ganbench.__version__}\n", "")


def test_the_environment(command, monkeypatch, tmp_path):
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    code, out, err = command("--version", "--json", results=False)
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said == ganbench.environment()
    assert (said["ganbench"], said["python"], said["system"]) == (
        ganbench.__version__, platform.python_version(), platform.platform()
    )  # fmt: skip
    assert (said["packages"]["torch"], said["threads"]) == (
        torch.__version__.partition("+")[0],
        torch.get_num_threads(),
    )
    assert "" not in said["packages"].values()
    assert said["cores"] >= 1
    assert said["processor"]
    assert said["data_folder"] == said["variables"]["GANBENCH_DATA"] == str(tmp_path)
    assert "digits" in said["data_there"]
    assert "mnist" not in said["data_there"]


def test_without_a_command(command):
    code, out, err = command(results=False)
    assert (code, out) == (2, "")
    assert err == "ganbench: No command was given; usage: ganbench COMMAND ... (`ganbench --help` lists them).\n"


def test_the_version_is_told_without_heavy_libraries(imports):
    done = imports("--version")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "imported:"
