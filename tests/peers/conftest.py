"""Collects what the comparisons with peers measure, prints it as tables and, where asked, writes them."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from ganbench.files import write_atomically


@dataclass(frozen=True)
class Comparison:
    """One contender: `work` pairs of points times dimensions, and the median of its times in seconds."""

    title: str
    contender: str
    work: float
    seconds: float

    @property
    def rate(self) -> float:
        """10^9 pairs times dimensions a second."""
        return self.work / self.seconds / 1e9


_COMPARISONS: list[Comparison] = []
_ABSENT: dict[str, str] = {}
OURS, PRODUCT = "ganbench", "bare matrix product"
PACKAGES = (
    "torch",
    "numpy",
    "numba",
    "scikit-learn",
    "scikit-learn-intelex",
    "faiss-cpu",
    "usearch",
    "numkong",
    "pykeops",
)


def pytest_addoption(parser):
    parser.addoption(
        "--write-tables", metavar="DIR", help="write the tables of the peers to DIR/peers.md and peers.json"
    )


def is_here(contender: str, module: str) -> bool:
    """Whether the module of a contender can be used; where it cannot, the report says why."""
    if importlib.util.find_spec(module) is None:
        _ABSENT[contender] = f"{module} is not installed"
    elif module == "pykeops" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        _ABSENT[contender] = "it needs a C++ compiler"
    return contender not in _ABSENT


@pytest.fixture
def present():
    """Of contenders, name to (module, anything), those whose module is here, as name to anything."""
    return lambda contenders: {name: what for name, (module, what) in contenders.items() if is_here(name, module)}


@pytest.fixture
def compare(benchmark):
    """Times contenders in turn, so that all of them have the same good and bad phases of the machine.

    `compare(title, contenders, rounds=5)`, where contenders maps a name to (work, function), returns what each function
    returned. The benchmark's own figures are those of ganbench; the medians of the others are in its `extra_info`.
    """

    def run(title, contenders, rounds=5):
        results, times = {}, {name: [] for name in contenders}

        def once(name):
            start = time.perf_counter()
            results[name] = contenders[name][1]()
            times[name].append(time.perf_counter() - start)

        def peers():
            for name in contenders:
                if name != OURS:
                    once(name)

        peers()
        once(OURS)
        for measured in times.values():
            measured.clear()  # those warmed up
        benchmark.pedantic(once, args=(OURS,), setup=peers, rounds=rounds)
        for name, (work, _) in contenders.items():
            comparison = Comparison(title, name, work, statistics.median(times[name]))
            benchmark.extra_info[name] = comparison.seconds
            _COMPARISONS.append(comparison)
        return results

    return run


def _table(title: str) -> str:
    from tabulate import tabulate

    rows = [comparison for comparison in _COMPARISONS if comparison.title == title]
    rates = {row.contender: row.rate for row in rows}
    ours, product = rates.get(OURS), rates.get(PRODUCT)
    cells = [
        [
            row.contender,
            f"{row.seconds:.3g} s",
            f"{row.work / 1e9:.3g}",
            f"{row.rate:.3g}",
            f"{row.rate / product:.2f}" if product else "",
            f"{ours / row.rate:.3g}" if ours else "",
        ]
        for row in sorted(rows, key=lambda row: -row.rate)
    ]
    headers = ["", "median", "work (10^9)", "rate (10^9/s)", "share of the product rate", "ganbench is faster by"]
    return f"{title}\n\n" + tabulate(cells, headers, tablefmt="github", disable_numparse=True)


def _head() -> str:
    root = Path(__file__).parents[2]
    found = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty=+"], cwd=root, capture_output=True, text=True
    )
    return found.stdout.strip() or "unknown"


def _machine() -> str:
    import torch

    from ganbench.records.provenance import collect_provenance

    facts = collect_provenance("cpu")
    packages = ", ".join(filter(None, map(_name_and_version, PACKAGES)))
    if importlib.util.find_spec("numba") is None:
        packages += ", without numba"
    processor = facts.get("processor") or platform.processor()
    commit = facts.get("commit") or _head()  # the package does not know where it is installed from a wheel
    return f"{processor}, {_instructions()}, {torch.get_num_threads()} threads; {packages}; commit {commit}"


def _name_and_version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def _instructions() -> str:
    """The instruction set that torch uses, and the units for bfloat16 that it sees."""
    import torch

    from ganbench.runtime.matmul import has_bfloat16_units

    amx = getattr(torch.cpu, "_is_amx_tile_supported", bool)()
    units = "AMX" if amx else "AVX512-BF16" if has_bfloat16_units(torch.device("cpu")) else "no bfloat16 units"
    return f"{torch.backends.cpu.get_cpu_capability()} ({units})"


def pytest_terminal_summary(terminalreporter, config):
    if not _COMPARISONS:
        return
    titles = dict.fromkeys(comparison.title for comparison in _COMPARISONS)
    text = "\n\n".join(_table(title) for title in titles)
    note = "Medians of rounds that took turns; work is pairs of points times dimensions. " + _machine()
    if _ABSENT:
        note += "\n\nLeft out: " + "; ".join(f"{name} ({why})" for name, why in _ABSENT.items()) + "."
    terminalreporter.write_line(f"\n{text}\n\n{note}")
    if folder := config.getoption("--write-tables"):
        rows = [asdict(comparison) | {"rate": comparison.rate} for comparison in _COMPARISONS]
        write_atomically(Path(folder) / "peers.md", f"# ganbench and its peers\n\n{text}\n\n{note}\n".encode())
        content = {"machine": _machine(), "loadavg": os.getloadavg(), "comparisons": rows}
        write_atomically(Path(folder) / "peers.json", (json.dumps(content, indent=1) + "\n").encode())
