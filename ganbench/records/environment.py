"""The environment in which ganbench runs here, for reports of defects."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import requires
from typing import Any

from ganbench.datasets import data_root, dataset_names, find_entry
from ganbench.records.provenance import collect_provenance, installed_version
from ganbench.runtime.device import resolve_device, usable_cores

__all__ = ["environment"]

_VARIABLES = ("GANBENCH_DATA", "GANBENCH_RESULTS", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


def environment() -> dict[str, Any]:
    """Versions, system, device and data.

    Keys: those of `collect_provenance` for the device that `auto` means; `system` in full; `packages`, of all that
    ganbench and its extras need, those that are installed; `cores`; `cuda`, the version that torch was built for;
    `data_folder`, `data_there` (which data sets can be loaded) and `variables` (of the environment).
    """
    import torch

    return {
        **collect_provenance(resolve_device()),
        "system": platform.platform(),
        "packages": {name: version for name in _declared() if (version := installed_version(name))},
        "cores": usable_cores(),
        "cuda": torch.version.cuda or "",
        "data_folder": str(data_root()),
        "data_there": [name for name in dataset_names() if find_entry(name).is_available()],
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def _declared() -> list[str]:
    """The names of the packages that ganbench and its extras need."""
    names = {re.match(r"[\w.-]+", line)[0] for line in requires("ganbench") or ()}  # type: ignore[index]
    return sorted(names, key=str.lower)
