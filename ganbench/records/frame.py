"""Records as a pandas frame: one row for each value that a table prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.errors import StoreError, UsageError
from ganbench.metrics.standard_error import MeanWithError, mean_with_error
from ganbench.protocols import DatasetPlan, Protocol
from ganbench.records.record import Record

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "likelihood_frame"]

COLUMNS = (
    "protocol",
    "model",
    "dataset",
    "mean_log_likelihood",
    "standard_error",
    "standard_error_across",
    "n_test",
    "n_samples",
    "bandwidth",
    "seeds",
    "published_mean",
    "published_standard_error",
    "status",
)


def likelihood_frame(records: Iterable[Record], protocol: Protocol, bandwidth: str | None = None) -> pandas.DataFrame:
    """One row per model, data set and kind of standard error.

    - *examples*: the first fold; a test example's log-likelihood is averaged over seeds first.
    - *folds*: the fold means, each fold with its own bandwidth, averaged over seeds first.
    - *seeds* (where there are several): the means of whole runs.

    Beside `COLUMNS` there are `standard_error_unbiased` (n - 1 in the variance), `at_edge` and `reason`.

    Args:
        records: Records of the protocol.
        protocol: The protocol; its data sets that carry no likelihood are left out.
        bandwidth: "grid" or "refined"; the protocol's choice unless given.

    Raises:
        UsageError: The refined bandwidth is asked for, and the protocol does not search for it.
        StoreError: Records of one data set come from different settings of the protocol, or different data.
    """
    import pandas

    shown = bandwidth or protocol.bandwidth_shown
    if shown == "refined" and not protocol.refinement_steps:
        raise UsageError(f"Protocol {protocol.name!r} has no refined bandwidth; only that of the grid can be shown.")
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.dataset, record.model_spec), []).append(record)
    _check_comparable(groups)
    plans = {plan.name: plan for plan in protocol.datasets}
    rows = [
        row
        for (dataset, _), group in groups.items()
        if (plan := plans.get(dataset, DatasetPlan(name=dataset))).likelihood
        for row in _rows(group, plan, protocol, shown, _number_of_folds(groups, dataset))
    ]
    frame = pandas.DataFrame(rows, columns=[*COLUMNS, "standard_error_unbiased", "at_edge", "reason"])
    return frame.astype({"n_test": "Int64", "n_samples": "Int64"})  # whole numbers even where a failed row has none


def _check_comparable(groups: dict[tuple[str, str], list[Record]]) -> None:
    """Refuse to put numbers side by side that were made by different rules or on different data."""
    seen: dict[str, tuple[str, str, str]] = {}
    for (dataset, _), group in groups.items():
        for record in (r for r in group if r.status == "done"):
            facts = (record.protocol_fingerprint, record.dataset_checksum, record.model_spec)
            first = seen.setdefault(dataset, facts)
            if first[:2] != facts[:2]:
                what = "settings of the protocol" if first[0] != facts[0] else "versions of the data"
                raise StoreError(
                    f"Records of {dataset!r} come from different {what} ({first[2]} and {record.model_spec}); they are "
                    "not put into one table. Run the older ones again, or name the models by --models."
                )


def _number_of_folds(groups: dict[tuple[str, str], list[Record]], dataset: str) -> int:
    """As many as the most complete model has: an interrupted run leaves others with fewer."""
    return max(len({r.fold for r in group}) for (name, _), group in groups.items() if name == dataset)


def _rows(
    group: Sequence[Record], plan: DatasetPlan, protocol: Protocol, shown: str, n_folds: int
) -> list[dict[str, Any]]:
    done = [record for record in group if record.status == "done"]
    seeds = sorted({record.seed for record in group})
    kinds = [*plan.standard_error_across, *(["seeds"] if len(seeds) > 1 else [])]
    if not done:
        failure = {"status": "failed", "reason": group[0].reason}
        return [_common(group, protocol, across, seeds) | failure for across in kinds]
    failed = [record for record in group if record.status == "failed"]
    reason = failed[0].reason if failed else ""
    status = "done"
    if failed:
        status = f"partial: {len(failed)} of {len(group)} cells failed"
    elif (present := len({record.fold for record in done})) < n_folds:
        status, reason = f"partial: {present} of {n_folds} folds", "the other folds have not been run"
    rows = []
    for across in kinds:
        used = [r for r in done if r.fold == _first_fold(group)] if across == "examples" else done
        if used:
            numbers = _numbers(used, across, shown)
            rows.append(_common(group, protocol, across, seeds) | {"status": status, "reason": reason} | numbers)
        else:
            missing = {"status": "failed", "reason": reason}
            rows.append(_common(group, protocol, across, seeds) | missing)
    return rows


def _first_fold(group: Sequence[Record]) -> str:
    return min(record.fold for record in group)


def _common(group: Sequence[Record], protocol: Protocol, across: str, seeds: Sequence[int]) -> dict[str, Any]:
    record = group[0]
    # By the spec: a user's file or class may well be called what a published model is called.
    published = protocol.find_published(record.model_spec.partition("[")[0].strip(), record.dataset)
    return {
        "protocol": record.protocol,
        "model": record.model_spec,
        "dataset": record.dataset,
        "standard_error_across": across,
        "seeds": len(seeds),
        "published_mean": published.mean if published else math.nan,
        "published_standard_error": published.standard_error if published else math.nan,
    }


def _numbers(done: Sequence[Record], across: str, shown: str) -> dict[str, Any]:
    scores = [record.likelihood[shown] for record in done]
    summary = _summary(done, scores, across)
    tested = {record.fold: len(score["log_likelihoods"]) for record, score in zip(done, scores, strict=True)}
    return {
        "mean_log_likelihood": summary.mean,
        "standard_error": summary.standard_error,
        "standard_error_unbiased": summary.standard_error_unbiased,
        "n_test": sum(tested.values()),
        "n_samples": done[0].n_samples,
        "bandwidth": float(np.mean([score["bandwidth"] for score in scores])),
        "at_edge": any(score["at_edge"] for score in scores),
    }


def _summary(done: Sequence[Record], scores: Sequence[Any], across: str) -> MeanWithError:
    if across == "examples":
        values = np.mean([score["log_likelihoods"] for score in scores], axis=0)
    else:
        groups: dict[Any, list[float]] = {}
        for record, score in zip(done, scores, strict=True):
            groups.setdefault(getattr(record, across[:-1]), []).append(score["mean_log_likelihood"])
        values = np.array([np.mean(group) for group in groups.values()])
    return mean_with_error(values, across=across)
