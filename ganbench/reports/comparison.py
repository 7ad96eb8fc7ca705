"""Models compared pair by pair on the same test examples, from their records."""

from __future__ import annotations

import math
import string
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from ganbench.errors import UsageError
from ganbench.metrics.paired import (
    FLIPS,
    PairedDifference,
    TrainingTest,
    detectable_difference,
    holm,
    paired_differences,
    training_test,
)
from ganbench.reports.pairing import Candidate, Measured, Quantity, matched_quantities
from ganbench.reports.rulers import RankAgreement, metric_direction, rank_agreements
from ganbench.runtime.seeding import derive_seed

__all__ = ["Difference", "Group", "PairedComparison", "Standing", "Verdict", "compare_candidates"]

_LETTERS = string.ascii_letters
_FLIPS_FOR_CORRECTION = 10

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
        training_df: Its degrees of freedom.
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
    training_df: float = math.nan
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


def compare_candidates(
    candidates: Sequence[Candidate],
    metrics: Sequence[str] = (),
    *,
    every_value: bool = False,
    level: float = 0.95,
    power: float = 0.8,
) -> PairedComparison:
    """Compare models pair by pair.

    Args:
        candidates: The models.
        metrics: Only these metrics, by name.
        every_value: All values of a metric that are means over test examples, not its first only.
        level: Of the intervals; 1 - level is the rate of false alarms of all comparisons together.
        power: Of the detectable differences.

    Raises:
        UsageError: There are fewer than two models, a metric cannot be compared, or level or power are out of range.
        StoreError: The records are not comparable; the text says why.
    """
    for name, value in (("level", level), ("power", power)):
        if not 0.5 <= value < 1:
            raise UsageError(f"{name} is {value!r}; accepted: from 0.5 to less than 1.")
    if len(candidates) < 2:
        named = f" ({candidates[0].label})" if candidates else ""
        raise UsageError(f"A comparison needs at least two models; got {len(candidates)}{named}.")
    quantities = matched_quantities(candidates, metrics, every_value=every_value)
    # so many flips that the least p-value survives the correction
    flips = max(
        FLIPS, round(_FLIPS_FOR_CORRECTION * sum(math.comb(len(q.models), 2) for q in quantities) / (1 - level))
    )
    differences = _judged([d for q in quantities for d in _differences(q, level, flips)], level, power)
    return PairedComparison(
        protocol=candidates[0].records[0].protocol,
        level=level,
        power=power,
        differences=tuple(differences),
        groups=tuple(_group(quantity, differences) for quantity in quantities),
        rulers=tuple(rank_agreements(candidates, level=level)),
        notes=tuple(
            dict.fromkeys(
                [
                    *(note for q in quantities for note in q.notes),
                    *_warnings(candidates, {q.metric for q in quantities}),
                ]
            )
        ),
    )


def _warnings(candidates: Sequence[Candidate], metrics: Collection[str]) -> Iterator[str]:
    """What limits the trust in what was compared, each finding once for a model, and where it was not measured."""
    for candidate in candidates:
        texts: dict[tuple[str, str], str] = {}
        for record in candidate.records:
            found = [("", finding) for finding in record.samples.findings] if record.samples else []
            found += [(score.metric, finding) for score in record.scores for finding in score.findings]
            for metric, finding in found:
                if finding.severity == "warning" and (metric in ("", *metrics) or finding.about == "samples"):
                    texts.setdefault((record.dataset.name, finding.code), f"{finding.text}.")
            if record.reason:
                texts[f"{record.dataset.name}, {record.fold}, failed", record.reason] = record.reason
        yield from (f"{candidate.label} on {where}: {text}" for (where, _), text in texts.items())


def _differences(quantity: Quantity, level: float, flips: int) -> list[Difference]:
    """All pairs by one quantity, not yet judged."""
    pairs = list(combinations(quantity.models, 2))
    vectors = np.stack([first.per_example - second.per_example for first, second in pairs])
    rng = np.random.default_rng(derive_seed(0, "compare", quantity.metric, quantity.name))
    found = paired_differences(vectors, level=level, rng=rng, flips=flips)
    direction = _direction(quantity)
    return [_difference(quantity, *pair, paired, direction) for pair, paired in zip(pairs, found, strict=True)]


def _difference(
    quantity: Quantity, first: Measured, second: Measured, found: PairedDifference, direction: str
) -> Difference:
    across, trainings, test = _across_trainings(first, second, found)
    return Difference(
        dataset=quantity.dataset,
        metric=quantity.metric,
        quantity=quantity.name,
        first=first.label,
        second=second.label,
        difference=found.difference,
        unit=quantity.unit,
        standard_error=found.standard_error,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        p_corrected=math.nan,
        detectable=math.nan,
        n_test=len(first.per_example),
        trainings=trainings,
        training_across=across,
        training_error=test.standard_error,
        training_df=test.df,
        training_p_value=test.p_value,
        better=_better(direction, first.label, second.label, found.difference),
    )


def _across_trainings(
    first: Measured, second: Measured, found: PairedDifference
) -> tuple[str, tuple[int, int], TrainingTest]:
    """What trainings are told apart by, how many there are, and what the difference is beside their spread.

    Seeds: the variances across examples and across the runs of either model. Folds, where each has a training of its
    own: the variance s^2 of the k differences of fold means, which share training data, counts as

        (1 / k + n_test / n_train) s^2,    n_test / n_train = 1 / (k - 2)

    with k - 1 degrees of freedom. Source: Nadeau and Bengio, "Inference for the Generalization Error" (2003),
    https://doi.org/10.1023/A:1024068626366.
    """
    models = (first, second)
    k = len(first.folds)
    counts = (len(first.runs) * first.is_trained, len(second.runs) * second.is_trained)
    if min(counts) > 1:
        parts = [(float(np.var(m.runs, ddof=1)) / len(m.runs), len(m.runs) - 1.0) for m in models]
        if not math.isnan(found.standard_error):
            parts.append((found.standard_error**2, len(first.per_example) - 1.0))
        return "seeds", counts, training_test(found.difference, parts)
    if k > 2 and all(m.has_fold_trainings for m in models):
        variance = float(np.var(first.folds - second.folds, ddof=1)) * (1 / k + 1 / (k - 2))
        test = training_test(found.difference, [(variance, k - 1.0)])
        return "folds", (_trainings(first), _trainings(second)), test
    return "", counts, TrainingTest(math.nan, math.nan, math.nan)


def _trainings(model: Measured) -> int:
    """From how many trainings a model's values come."""
    return len(model.runs) * (len(model.folds) if model.has_fold_trainings else 1) * model.is_trained


def _better(direction: str, first: str, second: str, difference: float) -> str:
    if direction == "neither" or difference == 0:
        return ""
    return first if (difference > 0) == (direction == "higher") else second


def _direction(quantity: Quantity) -> str:
    """What is better; a metric states it of its first value only."""
    return metric_direction(quantity.metric) if quantity.is_headline else "neither"


def _judged(differences: Sequence[Difference], level: float, power: float) -> list[Difference]:
    """Correct for the number of comparisons, and say what follows."""
    corrected = holm([d.p_value for d in differences])
    of_trainings = holm([d.training_p_value for d in differences])
    alpha = (1 - level) / len(differences)
    judged = []
    for d, p, p_training in zip(differences, corrected, of_trainings, strict=True):
        verdict = _verdict(p, p_training, 1 - level)
        judged.append(
            d._replace(
                p_corrected=p,
                training_p_corrected=p_training,
                detectable=detectable_difference(d.standard_error, d.n_test - 1, alpha=alpha, power=power),
                training_detectable=detectable_difference(d.training_error, d.training_df, alpha=alpha, power=power),
                verdict=verdict,
                better=d.better if verdict in ("told apart", "one training") else "",
            )
        )
    return judged


def _verdict(p_corrected: float, p_training: float, alpha: float) -> Verdict:
    if p_corrected > alpha:
        return "not told apart"
    if math.isnan(p_training):
        return "one training"
    return "told apart" if p_training <= alpha else "void: training spread"


def _group(quantity: Quantity, differences: Sequence[Difference]) -> Group:
    """Models in order, with letters: the maximal sets of which no two are told apart."""
    import networkx

    of_quantity = [d for d in differences if d[:3] == (quantity.dataset, quantity.metric, quantity.name)]
    direction = _direction(quantity)
    models = sorted(quantity.models, key=lambda m: m.per_example.mean(), reverse=direction != "lower")
    order = {m.label: position for position, m in enumerate(models)}
    alike = networkx.Graph()
    alike.add_nodes_from(order)
    alike.add_edges_from((d.first, d.second) for d in of_quantity if d.verdict.startswith(("not", "void")))
    groups = sorted(sorted(order[label] for label in clique) for clique in networkx.find_cliques(alike))
    letters = [_LETTERS[i] if i < len(_LETTERS) else f"({i + 1})" for i in range(len(groups))]
    standings = tuple(
        Standing(
            model=m.label,
            value=float(m.per_example.mean()),
            groups="".join(letter for letter, group in zip(letters, groups, strict=True) if order[m.label] in group),
            trainings=_trainings(m),
        )
        for m in models
    )
    return Group(quantity.dataset, quantity.metric, quantity.name, quantity.unit, direction, standings)
