"""Metrics: pure functions of tensors, without input or output and without models."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "PAPER_GRID": "ganbench.metrics._kernels.parzen",
    "BandwidthSelection": "ganbench.metrics._kernels.parzen",
    "MeanWithError": "ganbench.metrics.standard_error",
    "effective_kernels": "ganbench.metrics._kernels.parzen",
    "mean_with_error": "ganbench.metrics.standard_error",
    "nearest_neighbors": "ganbench.metrics._kernels.neighbors",
    "parzen_log_density": "ganbench.metrics._kernels.parzen",
    "refine_bandwidth": "ganbench.metrics._kernels.parzen",
    "select_bandwidth": "ganbench.metrics._kernels.parzen",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ganbench.metrics' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
