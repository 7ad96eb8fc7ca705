"""Values of several cells to one, with its error, and the error's parts; and their findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from ganbench.metrics.metric import Finding, Value
from ganbench.metrics.standard_error import MeanWithError, mean_with_error, prediction_error
from ganbench.records.record import Record, Score

__all__ = ["error_part", "spread", "summarize", "summarize_findings"]


def summarize(values: Sequence[tuple[Record, Value]], across: str) -> MeanWithError:
    """The mean and its error across "examples", "folds" or "seeds"; what is not meant is averaged first."""
    if across == "examples":
        return _over_examples([value for _, value in values])
    groups = _grouped((record.fold if across == "folds" else record.seed, value.value) for record, value in values)
    return mean_with_error(np.array([np.mean(group) for group in groups.values()]), across=across)


def spread(values: Sequence[tuple[Record, Value]], error_samples: float, level: float) -> dict[str, float]:
    """What the means of whole runs from several seeds tell of another training.

    The variance between seeds is that of training and of sampling. Test examples are the same for all and add nothing;
    what sampling alone adds is known from within the runs, and training is the rest.

    Args:
        values: Those of whole runs.
        error_samples: `error_part(..., "samples")`; NaN where it is not known.
        level: Of the interval.

    Returns:
        The fields `deviation`, `prediction_error`, `prediction_level` and `error_training` of a row.
    """
    means = np.array([np.mean(run) for run in _grouped((r.seed, value.value) for r, value in values).values()])
    variance = float(np.var(means, ddof=1)) if len(means) > 1 else math.nan
    return {
        "deviation": math.sqrt(variance),
        "prediction_error": prediction_error(means, level=level),
        "prediction_level": level,
        "error_training": math.sqrt(max(variance - error_samples**2, 0.0)) if error_samples >= 0 else math.nan,
    }


def error_part(scored: Sequence[tuple[Record, Score]], quantity: str, across: str) -> float:
    """The part of the error of a whole run that is across "samples" or "validation examples": root mean square.

    It is that of the value `<quantity>_across_...` of the metric; NaN where one of the cells does not have it. Cells of
    one seed are averaged, so their variances are summed over their number squared.
    """
    runs: dict[Any, list[float]] = {}
    for record, score in scored:
        prefix = f"{quantity}_across_"
        parts = [v.standard_error for n, v in score.values.items() if n.startswith(prefix) and v.across == across]
        if not parts or parts[0] is None:
            return math.nan
        runs.setdefault(record.seed, []).append(parts[0] ** 2)
    return math.sqrt(np.mean([math.fsum(run) / len(run) ** 2 for run in runs.values()])) if runs else math.nan


def _grouped(pairs: Any) -> dict[Any, list[float]]:
    groups: dict[Any, list[float]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _over_examples(values: Sequence[Value]) -> MeanWithError:
    """Across examples where their values are known; otherwise the metric's own error, root mean square over seeds."""
    if all(value.per_example for value in values):
        means = np.mean([value.per_example for value in values], axis=0)
        return mean_with_error(means, across="examples")
    errors = [value.standard_error for value in values if value.standard_error is not None]
    error = math.sqrt(float(np.mean(np.square(errors)))) if errors else math.nan
    mean = float(np.mean([value.value for value in values]))
    return MeanWithError(mean, error, math.nan, values[0].across, len(values))


def summarize_findings(found: Sequence[Iterable[Finding]]) -> tuple[Finding, ...]:
    """Of the findings of several cells the first of each code, with how many of the cells have one where not all do."""
    by_code: dict[str, list[Finding]] = {}
    for of_cell in found:
        firsts: dict[str, Finding] = {}
        for finding in of_cell:
            firsts.setdefault(finding.code, finding)
        for code, first in firsts.items():
            by_code.setdefault(code, []).append(first)
    return tuple(_with_count(same, len(found)) for same in by_code.values())


def _with_count(same: Sequence[Finding], cells: int) -> Finding:
    first = same[0]
    if len(same) == cells or first.about == "data":
        return first
    return msgspec.structs.replace(first, text=f"in {len(same)} of {cells} cells, {first.text}")
