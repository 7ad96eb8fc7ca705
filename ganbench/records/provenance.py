"""Where a number comes from: collected when a cell is run, stored in its record."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ganbench import __version__

__all__ = ["collect_provenance", "installed_version", "processor_name"]

_PACKAGES = ("numpy", "torch", "scikit-learn", "scipy", "torchvision", "numba")


def collect_provenance(device: str) -> dict[str, Any]:
    """Versions, code, processor and device of this process.

    Keys: `ganbench` (version), `commit` (of the source checkout, with "+" when files differ from it; "" outside one),
    `python`, `packages` (versions; "" of one that is not installed), `system`, `processor`, `device`, `device_name`,
    `threads` (of torch on the CPU).
    """
    import torch

    return {**_lasting(device), "threads": torch.get_num_threads()}


@cache
def _lasting(device: str) -> dict[str, Any]:
    """What stays as it is while this process runs."""
    import torch

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else processor_name()
    return {
        "ganbench": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {package: installed_version(package) for package in _PACKAGES},
        "system": platform.system(),
        "processor": processor_name(),
        "device": device,
        "device_name": name,
    }


def installed_version(package: str) -> str:
    """The version of a package; empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    """The commit of the checkout that this package runs from: "" for an installed package or without git."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "ganbench", "baselines", "pyproject.toml")
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + ("+" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # may name others
    done = subprocess.run(command, capture_output=True, check=True, timeout=30, env=own, stdin=subprocess.DEVNULL)
    return done.stdout.decode(errors="replace").strip()


def processor_name() -> str:
    """The processor's own name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
