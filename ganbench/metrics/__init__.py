"""Metrics: pure functions of tensors, without input or output and without models.

`ganbench.metrics.metric` is the contract, `parzen` and `nearest_neighbors` are the first that keep it. The names below
are public; what needs torch is loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganbench.metrics._kernels.neighbors import nearest_neighbors
    from ganbench.metrics._kernels.parzen import parzen_log_density
    from ganbench.metrics._kernels.weights import effective_kernels
    from ganbench.metrics.case import Case
    from ganbench.metrics.metric import Curve, Finding, Labels, Metric, MetricResult, Value
    from ganbench.metrics.parzen import PAPER_GRID, BandwidthSelection, refine_bandwidth, select_bandwidth
    from ganbench.metrics.parzen_window import ParzenWindow
    from ganbench.metrics.standard_error import MeanWithError, jackknife_error, mean_with_error, prediction_error

_HOME = {
    "PAPER_GRID": "parzen",
    "BandwidthSelection": "parzen",
    "Case": "case",
    "Chains": "metric",
    "Curve": "metric",
    "Finding": "metric",
    "Labels": "metric",
    "MeanWithError": "standard_error",
    "Metric": "metric",
    "MetricResult": "metric",
    "ParzenWindow": "parzen_window",
    "Value": "metric",
    "effective_kernels": "_kernels.weights",
    "jackknife_error": "standard_error",
    "mean_with_error": "standard_error",
    "nearest_neighbors": "_kernels.neighbors",
    "parzen_log_density": "_kernels.parzen",
    "prediction_error": "standard_error",
    "refine_bandwidth": "parzen",
    "select_bandwidth": "parzen",
}

__all__ = [
    "PAPER_GRID",
    "BandwidthSelection",
    "Case",
    "Chains",
    "Curve",
    "Finding",
    "Labels",
    "MeanWithError",
    "Metric",
    "MetricResult",
    "ParzenWindow",
    "Value",
    "effective_kernels",
    "jackknife_error",
    "mean_with_error",
    "nearest_neighbors",
    "parzen_log_density",
    "prediction_error",
    "refine_bandwidth",
    "select_bandwidth",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
