"""Do rulers put models into the same order? Rank agreement of metrics across models."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RankAgreement"]


class RankAgreement(NamedTuple):
    """How far two rulers agree on which models are better.

    Attributes:
        dataset: Identity of the data set.
        first: A ruler, as "parzen: mean_log_likelihood".
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
