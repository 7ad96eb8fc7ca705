"""Models held against real data: whether a likelihood exceeds that of training images in place of samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ganbench.metrics.metric import Finding
from ganbench.metrics.standard_error import MeanWithError, mean_with_error
from ganbench.records.record import Record, Score
from ganbench.records.summary import error_part

__all__ = ["ABOVE_TRAINING_IMAGES", "exceeds"]

ABOVE_TRAINING_IMAGES = Finding(
    "above-training-images",
    "more likely than as many training images in place of samples, beyond the joint standard error: the estimate "
    "rewards something else here than likeness to the data, as it does with centroids of k-means",
)

_Scored = Sequence[tuple[Record, Score]]


def exceeds(model: _Scored, real: _Scored, quantity: str, *, across: str, first_fold: str, within: float) -> bool:
    """Whether a quantity of a model is above that of real data, by so many joint standard errors.

    The difference is taken example by example, or fold by fold, so that what both have in common does not count; to its
    error comes what other samples of either would change.

    Args:
        model: Records of the model with their scores.
        real: The same of the real data.
        quantity: Which value.
        across: "examples" or "folds"; across anything else they are not compared.
        first_fold: The fold whose examples are meant.
        within: So many standard errors.
    """
    if across == "examples":
        model, real = ([pair for pair in pairs if pair[0].fold == first_fold] for pairs in (model, real))
    if not model or not real or not _comparable(model[0], real[0]):
        return False
    difference = _difference(model, real, quantity, across)
    if difference is None:
        return False
    parts = [error_part(pairs, quantity, "samples") for pairs in (model, real)]
    joint = math.hypot(difference.standard_error, *(part for part in parts if not math.isnan(part)))
    return difference.mean > within * joint


def _comparable(one: tuple[Record, Score], other: tuple[Record, Score]) -> bool:
    (record, score), (of_real, reference) = one, other
    same_data = record.dataset.checksum == of_real.dataset.checksum
    return same_data and (score.version, score.settings) == (reference.version, reference.settings)


def _difference(model: _Scored, real: _Scored, quantity: str, across: str) -> MeanWithError | None:
    """Of pairs, averaged over seeds; None where there are none."""
    if across == "examples":
        ours, theirs = ([s.values[quantity].per_example for _, s in pairs] for pairs in (model, real))
        if len({len(values) for values in (*ours, *theirs)}) > 1 or not ours[0]:
            return None
        return mean_with_error(np.mean(ours, axis=0) - np.mean(theirs, axis=0), across="examples")
    if across == "folds":
        means, real_means = (_by_fold(pairs, quantity) for pairs in (model, real))
        common = [means[fold] - real_means[fold] for fold in means.keys() & real_means.keys()]
        return mean_with_error(np.array(common), across="folds") if common else None
    return None


def _by_fold(scored: _Scored, quantity: str) -> dict[str, float]:
    folds: dict[str, list[float]] = {}
    for record, score in scored:
        folds.setdefault(record.fold, []).append(score.values[quantity].value)
    return {fold: float(np.mean(values)) for fold, values in folds.items()}
