"""One row of the frame of scores, and rows to and from a pandas frame."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ganbench.metrics.metric import Finding

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "Row", "to_frame", "to_rows"]


class Row(NamedTuple):
    """One row of the frame.

    Attributes:
        protocol: Name of the protocol.
        dataset: Name of the data set; for own data with the mark of their content.
        model: Spec of the model; with a mark where several share it.
        metric: Name of the metric, with settings where it was computed with several.
        quantity: Which of the metric's values; empty where no record has any.
        value: The value, a mean over the cells of the row.
        unit: Its unit.
        standard_error: Of the value.
        standard_error_across: "examples", "folds", "seeds", what the metric says, or empty without an error.
        n_test: Number of test examples, where the value is a mean over them.
        n_samples: Number of samples.
        seeds: From how many seeds.
        prediction_error: Of a row across seeds: around the value, half the width of the interval in which another
            training ends with the probability `prediction_level`.
        prediction_level: That probability.
        deviation: Of a row across seeds: the standard deviation of whole runs, n - 1 in the variance.
        error_samples: What drawing other samples from one trained model adds to the error, root mean square over seeds.
        error_validation: What choosing settings by other validation examples adds.
        error_training: Of a row across seeds: the standard deviation by training alone, the square root of
            deviation^2 - error_samples^2, or 0 where that is negative.
        published_mean: What somebody else printed, in nats.
        published_standard_error: Its error.
        difference: How far the value lies above it, in combined standard errors.
        combined_error: The combined standard error.
        verdict: What follows; see `ganbench.protocols.Judgement`.
        reference: What the row shows, where it is of no model but of known standing (`ganbench.Reference`).
        status: "done", "failed", "partial: ...", "not run" or "published", of a value that others printed.
        standard_error_unbiased: With n - 1 in the variance.
        fold: Of a data set in several folds, the one that the value is of; empty where it is of all.
        findings: What limits the trust in the value.
        warnings: Warnings of other metrics on the same samples, and findings about the data.
        settings: Of the metric, as JSON.
        mixed: In what the cells of the row differ that may change their numbers.
        reason: Why the row is not "done"; of what others printed, why it is not comparable.
        verdict_reason: What the verdict rests on besides the numbers.
        protocol_differences: In what the published value is known to have been made otherwise.
        source: Where it was printed.
    """

    protocol: str
    dataset: str
    model: str
    metric: str
    quantity: str
    value: float = math.nan
    unit: str = ""
    standard_error: float = math.nan
    standard_error_across: str = ""
    n_test: int | None = None
    n_samples: int | None = None
    seeds: int = 1
    prediction_error: float = math.nan
    prediction_level: float = math.nan
    deviation: float = math.nan
    error_samples: float = math.nan
    error_validation: float = math.nan
    error_training: float = math.nan
    published_mean: float = math.nan
    published_standard_error: float = math.nan
    difference: float = math.nan
    combined_error: float = math.nan
    verdict: str = ""
    reference: str = ""
    status: str = "done"
    standard_error_unbiased: float = math.nan
    fold: str = ""
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    settings: str = "{}"
    mixed: tuple[str, ...] = ()
    reason: str = ""
    verdict_reason: str = ""
    protocol_differences: tuple[str, ...] = ()
    source: str = ""


COLUMNS = Row._fields[: Row._fields.index("status") + 1]
"""The columns of the CSV; the others stand beside them in the frame."""


def to_frame(rows: Iterable[Row]) -> pandas.DataFrame:
    """A frame with the columns of `Row`; counts are whole numbers even where a row has none."""
    import pandas

    return pandas.DataFrame(list(rows), columns=list(Row._fields)).astype({"n_test": "Int64", "n_samples": "Int64"})


def to_rows(frame: pandas.DataFrame) -> list[Row]:
    """The rows of such a frame, with plain Python values."""
    return [Row(*map(_plain, row)) for row in frame[list(Row._fields)].itertuples(index=False, name=None)]


def _plain(value: Any) -> Any:
    """A value of a frame as Python has it; the missing whole number as None."""
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, str | int | float | tuple) else None
