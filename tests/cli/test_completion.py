"""`ganbench completion`: scripts that shells accept, and that complete."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest


def _completed(script: str, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    line = " ".join(f"'{word}'" for word in words)
    probe = f'{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _shtab_ganbench; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "--norc"], input=probe, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture
def script(command) -> str:
    """That of bash."""
    pytest.importorskip("shtab", reason="shtab is not installed: pip install 'ganbench[completion]'")
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    code, out, err = command("completion", "bash", results=False)
    assert (code, err) == (0, "")
    return out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ganbench", "run"], ["run-all"]),
        (["ganbench", "run-all", "--dry"], ["--dry-run"]),
        (["ganbench", "run-all", "--executor", "sl"], ["slurm"]),
        (["ganbench", "table", "--format", "l"], ["latex"]),
    ],
)
def test_bash_completes_commands_options_and_choices(script, words, expected):
    assert _completed(script, *words) == expected


def test_bash_completes_files_where_files_belong(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples.npz").touch()
    (tmp_path / "samples").mkdir()
    assert sorted(_completed(script, "ganbench", "evaluate", "sam")) == ["samples", "samples.npz"]
    assert _completed(script, "ganbench", "table", "--results", "sam") == ["samples"]


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_get_theirs(command, shell):
    pytest.importorskip("shtab", reason="shtab is not installed: pip install 'ganbench[completion]'")
    code, out, _ = command("completion", shell, results=False)
    assert code == 0
    assert "run-all" in out


def test_what_is_missing_is_said(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    code, out, err = command("completion", "bash", results=False)
    assert (code, out) == (2, "")
    assert "pip install 'ganbench[completion]'" in err
