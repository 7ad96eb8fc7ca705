"""Records made by hand."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from ganbench.metrics.metric import Finding, Value
from ganbench.protocols import DatasetPlan, Protocol, Published
from ganbench.records.record import DataRef, ModelRef, Record, SamplesRef, Score

CHECKSUM = "c" * 64
EDGE = Finding("bandwidth-at-edge", "the best bandwidth is at the edge; the optimum may lie outside")


def make_protocol(*across: str, **changes: Any) -> Protocol:
    """A protocol on the data set "d" with a published value of the model "m"."""
    fields = {
        "name": "toy",
        "title": "Toys",
        "n_samples": 50,
        "datasets": (DatasetPlan("d", title="D", standard_error_across=across or ("examples", "folds")),),
        "models": ("m",),
        "metrics": ("parzen",),
        "published": (Published("m", "d", 7, "somewhere", 0.5),),
    }
    return Protocol(**fields | changes)


def mean_of(per_example: tuple[float, ...], unit: str = "") -> Value:
    """A value that is a mean over test examples."""
    n = len(per_example)
    mean = sum(per_example) / n
    if n == 1:
        return Value(mean, unit, per_example=per_example)
    error = math.sqrt(sum((v - mean) ** 2 for v in per_example) / n / n)
    return Value(mean, unit, error, "examples", per_example)


def parzen(values: tuple[float, ...], *, settings: Any = None, findings: tuple[Finding, ...] = ()) -> Score:
    """A Parzen score: log-likelihoods of the test examples, at the optimum of the coarse grid 10 nats lower."""
    lower = tuple(v - 10 for v in values)
    return Score(
        metric="parzen",
        version=1,
        settings={"grid": [0.1, 0.3], "refinement_steps": 16} if settings is None else settings,
        key="",
        headline="mean_log_likelihood",
        values={
            "mean_log_likelihood": mean_of(values, "nats"),
            "bandwidth": Value(0.2),
            "grid_mean_log_likelihood": mean_of(lower, "nats"),
            "grid_bandwidth": Value(0.3),
        },
        findings=findings,
    )


def other_score(value: Value, metric: str = "other", **changes: Any) -> Score:
    """The score of a metric with one value."""
    fields = {"metric": metric, "version": 1, "settings": {}, "key": "", "headline": "v", "values": {"v": value}}
    return Score(**fields | changes)


def make_record(
    values: tuple[float, ...] | str = (1.0, 2.0, 3.0),
    *,
    fold: str = "fold0",
    seed: int = 0,
    model: str = "m",
    dataset: str = "d",
    n_samples: int = 50,
    **changes: Any,
) -> Record:
    """A record; `values` are the log-likelihoods of the test examples, or the reason of a failure."""
    failed = isinstance(values, str)
    fields = {
        "protocol": "toy",
        "dataset": DataRef(dataset, CHECKSUM),
        "model": ModelRef(model.partition("[")[0], model),
        "fold": fold,
        "seed": seed,
        "status": "failed" if failed else "done",
        "reason": values if failed else "",
        "samples": None if failed else SamplesRef(n_samples, hashlib.sha256(f"{model}{seed}".encode()).hexdigest()),
        "scores": () if failed else (parzen(values),),
    }
    return Record(**fields | changes)
