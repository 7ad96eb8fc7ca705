"""`--metrics all`: every installed metric with its default settings, as far as the data have what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganbench.datasets import Dataset
from ganbench.errors import DataError
from ganbench.evaluation import score_key
from ganbench.registry.metrics import ENTRY_POINT_GROUP, MetricSource, find_metric
from ganbench.registry.source import installed

__all__ = ["EVERY_METRIC", "with_every_metric"]

EVERY_METRIC = "all"


def with_every_metric(specs: Sequence[Any], dataset: Dataset) -> tuple[Any, ...]:
    """The specs with "all", if it is among them, replaced by the installed metrics that no other spec names.

    Left out are those that need labels that the data do not have, and those of images (`images_only = True`) where
    examples are vectors.

    Raises:
        UserError: A metric cannot be imported or constructed.
    """
    others = tuple(spec for spec in specs if spec != EVERY_METRIC)
    if len(others) == len(specs):
        return others
    named = {find_metric(spec).name for spec in others}
    return (*others, *(name for name in installed(ENTRY_POINT_GROUP) if name not in named and _fits(name, dataset)))


def _fits(name: str, dataset: Dataset) -> bool:
    source: MetricSource = find_metric(name)
    if getattr(source.metric, "images_only", False) and len(dataset.event_shape) < 2:
        return False
    try:
        score_key(source, "", dataset.splits[0], 0)
    except DataError:
        return False
    return True
