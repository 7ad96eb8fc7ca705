"""Commands, in this process and in one of their own."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

import pytest

from ganbench.cli import main


@pytest.fixture
def command(capsys, tmp_path):
    """Runs a command in this process with a results folder of its own: exit code, stdout, stderr."""

    def call(*arguments: str, results: bool = True) -> tuple[int, str, str]:
        extra = ["--results", str(tmp_path / "results")] if results else []
        try:
            code = main([*arguments, *extra])
        except SystemExit as leaving:
            code = leaving.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def process():
    """Runs Python in a process of its own."""

    def call(*arguments: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return call


@pytest.fixture(scope="session")
def imports(process):
    """Runs a command in a process of its own that ends with the models and heavy packages it imported, on stderr."""
    return functools.partial(
        process,
        "-c",
        "import sys; from ganbench.cli import main\n"
        "try: code = main(sys.argv[1:])\n"
        "except SystemExit as leaving: code = leaving.code\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)\n"
        "models = [name for name in sys.modules if name.startswith('ganbench_models.') and name.count('.') > 1]\n"
        "print('models:', *models or ['none'], file=sys.stderr)\n"
        "print('imported:', *sorted(heavy), file=sys.stderr)\n"
        "sys.exit(code)",
    )
