"""The conformance suite: what every model must satisfy, ours and everybody's (`ganbench check SPEC`)."""

from __future__ import annotations

from ganbench.conformance.models import MODEL_CHECKS, check_model
from ganbench.conformance.report import Check, CheckResult, NotExamined, Violation, run_checks

__all__ = ["MODEL_CHECKS", "Check", "CheckResult", "NotExamined", "Violation", "check_model", "run_checks"]
