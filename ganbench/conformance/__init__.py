"""The conformance suite: what every model and metric must satisfy, ours and everybody's (`ganbench check SPEC`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ganbench.conformance.metrics import METRIC_CHECKS, check_metric
from ganbench.conformance.models import MODEL_CHECKS, check_model
from ganbench.conformance.report import Check, CheckResult, NotExamined, Violation, run_checks
from ganbench.registry.metrics import names_metric

__all__ = [
    "METRIC_CHECKS",
    "MODEL_CHECKS",
    "Check",
    "CheckResult",
    "NotExamined",
    "Violation",
    "check",
    "check_metric",
    "check_model",
    "run_checks",
]


def check(
    spec: Any, *, dataset: str = "digits", device: str = "cpu", data_root: str | None = None
) -> Iterator[CheckResult]:
    """Examine a model or a metric, whichever a spec, a class or an object is.

    Args:
        spec: The component.
        dataset: Data for a model to train on.
        device: The device of a model.
        data_root: Where data sets lie.

    Raises:
        UserError: There is no such component, or it cannot be imported.
    """
    if names_metric(spec):
        return check_metric(spec)
    return check_model(spec, dataset=dataset, device=device, data_root=data_root)
