"""Cases whose answer is known, for the metrics that come with ganbench: closed forms, and other tools' answers."""

from __future__ import annotations

from ganbench.conformance.cases import classes, distances, likelihood, memorisation, neighbors
from ganbench.metrics.case import Case

__all__ = ["CASES"]

CASES: dict[str, tuple[Case, ...]] = {
    **likelihood.CASES,
    **distances.CASES,
    **neighbors.CASES,
    **memorisation.CASES,
    **classes.CASES,
}
"""By metric."""
