"""The trainings behind the records of a model: folds that have the same training images share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganbench.metrics.metric import Curve
from ganbench.records.record import Record

__all__ = ["curves_by_training"]


def curves_by_training(records: Sequence[Record]) -> dict[str, Mapping[str, Curve]]:
    """What each training reported, by its name, as "fold0, seed 1", or "seed 1" where it is that of all folds.

    Args:
        records: Of one model on one data set. Records without curves are left out.
    """
    found: list[tuple[list[Record], Mapping[str, Curve]]] = []
    for record in records:
        if record.training is None or not record.training.curves:
            continue
        curves = record.training.curves
        same = next((of for of, known in found if of[0].seed == record.seed and known == curves), None)
        if same is None:
            found.append(([record], curves))
        else:
            same.append(record)
    folds = {record.fold for record in records}
    return {_name(of, folds): curves for of, curves in found}


def _name(records: Sequence[Record], folds: set[str]) -> str:
    own, seed = [record.fold for record in records], f"seed {records[0].seed}"
    return seed if set(own) == folds else f"{', '.join(own)}, {seed}"
