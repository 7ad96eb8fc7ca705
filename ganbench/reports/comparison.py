"""Models compared pair by pair on the same test examples, from their records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from ganbench.metrics.paired import (
    PairedDifference,
    detectable_difference,
    holm,
    paired_differences,
    training_test,
)
from ganbench.reports.candidates import Candidate, Quantity, quantities_of
from ganbench.reports.rulers import RankAgreement, rank_agreements
from ganbench.runtime.seeding import derive_seed

__all__ = ["Difference", "Group", "PairedComparison", "Standing", "Verdict", "compare_candidates"]

Verdict = Literal["told apart", "not told apart", "void: training spread", "one training"]
"""What follows for a pair of models.

- "not told apart": test examples like these could have given the difference between equal models;
- "void: training spread": these samples differ, but other trainings of the same two models might as well;
- "one training": these samples differ, and nothing is known of other trainings;
- "told apart": these samples differ, by more than other trainings would.
"""


class Difference(NamedTuple):
    """Two models on one data set, by one quantity.

    Attributes:
        dataset: Identity of the data set.
        metric: Name of the metric.
        quantity: Which of its values.
        first: Label of a model.
        second: Label of the other.
        difference: Mean over the test examples, first minus second; trainings of a model are averaged first.
        unit: Its unit.
        standard_error: Of the difference, across test examples; NaN for one example.
        low: Lower end of the interval across test examples; NaN for one example.
        high: Upper end.
        p_value: That these samples do not differ, by flips of sign.
        p_corrected: The same, corrected for all comparisons that were made at once.
        detectable: The least difference that so many test examples would have shown, with the stated power.
        n_test: Number of test examples.
        trainings: Of the first model and of the second; 0 for samples from elsewhere.
        training_across: What tells trainings apart: "seeds", "folds", or empty where there is only one.
        training_error: Standard error of the difference across trainings and test examples; NaN with one training.
        training_detectable: The least difference that so many trainings would have shown; NaN with one training.
        training_p_value: That models trained again and again would not differ; NaN with one training.
        training_p_corrected: The same, corrected for all comparisons.
        better: Label of the better model where the two are told apart or have one training; empty otherwise, or where
            neither higher nor lower is better.
        verdict: What follows.
    """

    dataset: str
    metric: str
    quantity: str
    first: str
    second: str
    difference: float
    unit: str
    standard_error: float
    low: float
    high: float
    p_value: float
    p_corrected: float
    detectable: float
    n_test: int
    trainings: tuple[int, int]
    training_across: str = ""
    training_error: float = math.nan
    training_detectable: float = math.nan
    training_p_value: float = math.nan
    training_p_corrected: float = math.nan
    better: str = ""
    verdict: Verdict = "not told apart"


class Standing(NamedTuple):
    """A model by one quantity.

    Attributes:
        model: Label.
        value: Mean over test examples and trainings.
        groups: Letters of the groups that it belongs to, as "ab": models that share one are not told apart.
        trainings: From how many; 0 for samples from elsewhere.
    """

    model: str
    value: float
    groups: str
    trainings: int


class Group(NamedTuple):
    """All models by one quantity on one data set, the best first.

    Attributes:
        dataset: Identity of the data set.
        metric: Name of the metric.
        quantity: Which of its values.
        unit: Its unit.
        direction: "higher" or "lower" is better; "neither" where that is not known.
        standings: The models.
    """

    dataset: str
    metric: str
    quantity: str
    unit: str
    direction: str
    standings: tuple[Standing, ...]


class PairedComparison(NamedTuple):
    """What `ganbench.compare` returns.

    Attributes:
        protocol: Name of the protocol.
        level: Of the intervals; 1 - level is the rate of false alarms of all comparisons together.
        power: At which the detectable differences would be found.
        differences: All pairs, by data set and quantity.
        groups: All models, by data set and quantity.
        rulers: Agreement of rulers on the order of models, for each pair of rulers on each data set.
        notes: What a reader must know, a sentence each.
    """

    protocol: str
    level: float
    power: float
    differences: tuple[Difference, ...]
    groups: tuple[Group, ...]
    rulers: tuple[RankAgreement, ...] = ()
    notes: tuple[str, ...] = ()
