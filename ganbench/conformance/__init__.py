"""The conformance suite: what every model must satisfy, ours and everybody's (`ganbench check SPEC`)."""

from __future__ import annotations

from ganbench.conformance.checks import CHECKS, Check, Subject
from ganbench.conformance.run import CheckResult, check_model

__all__ = ["CHECKS", "Check", "CheckResult", "Subject", "check_model"]
