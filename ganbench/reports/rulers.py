"""Do rulers put models into the same order? Rank agreement of metrics across models."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ganbench.errors import UserError
from ganbench.metrics.rank_agreement import kendall_agreement
from ganbench.records.record import EXACT
from ganbench.registry.metrics import find_metric
from ganbench.reports.pairing import Candidate

__all__ = ["RankAgreement", "metric_direction", "rank_agreements"]


class RankAgreement(NamedTuple):
    """How far two rulers agree on which models are better.

    Attributes:
        dataset: Identity of the data set.
        first: A ruler: a metric, by its first value.
        second: Another.
        models: How many models both have measured.
        tau: Kendall's tau-b, 1 where both put the models into the same order from worst to best, -1 where one has the
            other's reversed; NaN where a ruler does not tell any two models apart.
        low: Lower end of its interval; NaN for fewer than five models.
        high: Upper end.
        p_value: That the orders have nothing to do with each other; NaN as tau.
    """

    dataset: str
    first: str
    second: str
    models: int
    tau: float
    low: float
    high: float
    p_value: float


def rank_agreements(candidates: Sequence[Candidate], *, level: float = 0.95) -> list[RankAgreement]:
    """The agreement of all pairs of rulers that have measured at least two models in common.

    A model's value is the mean of a metric's first value over its records. Metrics of which neither higher nor lower is
    better are no rulers, nor are those that are not installed here: nothing tells their direction. Models are taken as
    they are: that a ruler's own error could change their order is not in the interval.

    Args:
        candidates: The models.
        level: Of the intervals.
    """
    agreements = []
    for dataset in dict.fromkeys(record.dataset.identity for c in candidates for record in c.records):
        for (first, one), (second, other) in combinations(_rulers(candidates, dataset).items(), 2):
            common = [label for label in one if label in other]
            if len(common) > 1:
                values = (np.array([ruler[label] for label in common]) for ruler in (one, other))
                found = kendall_agreement(*values, level=level)
                agreements.append(RankAgreement(dataset, first, second, len(common), *found))
    return agreements


def _rulers(candidates: Sequence[Candidate], dataset: str) -> dict[str, dict[str, float]]:
    """By metric and model, values of which the higher are better."""
    values: dict[str, dict[str, list[float]]] = {}
    for candidate in candidates:
        for record in candidate.records:
            for score in record.scores if record.dataset.identity == dataset else ():
                of_models = values.setdefault(score.metric, {})
                of_models.setdefault(candidate.label, []).append(score.values[score.headline].value)
    signs = {metric: {"higher": 1.0, "lower": -1.0}.get(metric_direction(metric), 0.0) for metric in values}
    return {
        metric: {label: signs[metric] * float(np.mean(found)) for label, found in of_models.items()}
        for metric, of_models in values.items()
        if signs[metric]
    }


def metric_direction(metric: str) -> str:
    """What is better in an installed metric: "higher", "lower" or "neither"; of another one nobody knows: "neither"."""
    if metric == EXACT:
        return "higher"
    try:
        return find_metric(metric).metric.direction
    except UserError:
        return "neither"
