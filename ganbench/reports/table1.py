"""Table 1: scores measured beside published, in five formats."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from ganbench.protocols import Protocol
from ganbench.records.frame import COLUMNS

if TYPE_CHECKING:
    import pandas

__all__ = ["FORMATS", "TableFormat", "render_table", "suffix", "with_error"]

TableFormat = Literal["text", "markdown", "latex", "csv", "json"]
FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)

_SUFFIX = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
_TABULATE = {"text": "simple", "markdown": "github", "latex": "latex_raw"}
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%#_${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
)
_PARZEN = "parzen"


def suffix(format: TableFormat) -> str:
    """The file ending of a format."""
    return _SUFFIX[format]


def with_error(value: float, error: float) -> str:
    """A value to as many places as its standard error has with two significant digits.

    >>> with_error(224.96, 1.98), with_error(1909.2, 66.4), with_error(12.3456, 0.0312)
    ('225.0 ± 2.0', '1909 ± 66', '12.346 ± 0.031')
    """
    if not math.isfinite(error) or error <= 0:
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    places = min(max(1 - math.floor(math.log10(float(f"{error:.1e}"))), 0), 9)
    return f"{value:.{places}f} ± {error:.{places}f}"


def render_table(frame: pandas.DataFrame, protocol: Protocol, format: TableFormat) -> str:
    """Render the frame of `ganbench.records.frame.score_frame`.

    `csv` has the columns of `COLUMNS`; `json` also the unbiased standard errors, warnings and the reasons of failures;
    the others are for reading, with one column for each data set, metric and kind of standard error.

    Args:
        frame: The values.
        protocol: Titles, notes and published values.
        format: The format.
    """
    if format == "csv":
        return frame[list(COLUMNS)].to_csv(index=False, lineterminator="\n")
    if format == "json":
        return json.dumps(_json_rows(frame), indent=1, allow_nan=False) + "\n"
    return _readable(frame, protocol, format)


def _json_rows(frame: pandas.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _json_value(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _json_value(value: Any) -> Any:
    import pandas

    return None if pandas.isna(value) else value.item() if hasattr(value, "item") else value


def _readable(frame: pandas.DataFrame, protocol: Protocol, format: TableFormat) -> str:
    from tabulate import tabulate

    keys = ("dataset", "metric", "standard_error_across")
    measured = frame[frame["quantity"] != ""]
    shown = measured if len(measured) else frame
    columns = list(dict.fromkeys(zip(*(shown[key] for key in keys), strict=True)))
    heads = ["Model"]
    for dataset, metric, across in columns:
        heads.append(_head(shown, protocol, dataset, metric, across))
        if _has_published(frame, dataset, metric):
            heads.append(f"{_dataset_title(protocol, dataset)}, published")
    rows = [_row(frame, protocol, model, columns) for model in dict.fromkeys(frame["model"])]
    # numbers are strings already: tabulate must not reformat them
    table = tabulate(
        [[_escape(cell, format) for cell in row] for row in rows],
        headers=[_escape(head, format) for head in heads],
        tablefmt=_TABULATE[format],
        disable_numparse=True,
    )
    notes = "\n".join(_note(note, format) for note in _notes(frame, protocol))
    title = _title(frame, protocol)
    return f"{f'% {title}' if format == 'latex' else title}\n\n{table}\n\n{notes}\n"


def _title(frame: pandas.DataFrame, protocol: Protocol) -> str:
    """The protocol's title speaks of its own data sets only."""
    if all(protocol.dataset_plan(name) for name in frame["dataset"]):
        return protocol.title
    return f"Scores by the protocol {protocol.name!r}"


def _head(frame: pandas.DataFrame, protocol: Protocol, dataset: str, metric: str, across: str) -> str:
    title = _dataset_title(protocol, dataset)
    quantity = frame.loc[(frame["dataset"] == dataset) & (frame["metric"] == metric), "quantity"].iloc[0]
    what = "measured" if metric == _PARZEN else f"{metric}: {quantity}".removesuffix(": ")
    return f"{title}, {what} ± SE across {_in_words(across)}" if across else f"{title}, {what}"


def _in_words(across: str) -> str:
    return "test examples" if across == "examples" else across


def _row(frame: pandas.DataFrame, protocol: Protocol, model: str, columns: Sequence[tuple[str, str, str]]) -> list[str]:
    cells = [_model_title(protocol, model)]
    for dataset, metric, across in columns:
        mine = frame[(frame["model"] == model) & (frame["dataset"] == dataset) & (frame["metric"] == metric)]
        chosen = mine[mine["standard_error_across"] == across]
        chosen = chosen if len(chosen) else mine[mine["status"] == "failed"]
        row = chosen.iloc[0] if len(chosen) else None
        cells.append("-" if row is None else _measured(row))
        if _has_published(frame, dataset, metric):
            cells.append("-" if row is None else _published(row))
    return cells


def _measured(row: Any) -> str:
    if row["status"] == "failed":
        return "failed"
    marks = "".join(f" [{finding.partition(':')[0]}]" for finding in row["findings"].split("; ") if finding)
    partial = "" if row["status"] == "done" else " [partial]"
    return f"{with_error(row['value'], row['standard_error'])}{marks}{partial}"


def _published(row: Any) -> str:
    if math.isnan(row["published_mean"]):
        return "-"
    return f"{row['published_mean']:g} ± {row['published_standard_error']:g}"


def _notes(frame: pandas.DataFrame, protocol: Protocol) -> list[str]:
    done = frame[frame["status"] != "failed"]
    notes = _notes_on_parzen(done) + _notes_on_errors(frame, protocol)
    for finding in dict.fromkeys(f for text in done["findings"] for f in text.split("; ") if f):
        code, _, text = finding.partition(": ")
        notes.append(f"[{code}]: {text}.")
    for dataset in dict.fromkeys(frame["dataset"]):
        plan = protocol.dataset_plan(dataset)
        notes.extend([f"{_dataset_title(protocol, dataset)}: {plan.note}"] if plan and plan.note else [])
    for _, row in frame[frame["reason"] != ""].drop_duplicates(["model", "dataset"]).iterrows():
        notes.append(f"{_model_title(protocol, row['model'])} on {row['dataset']}, {row['status']}: {row['reason']}")
    return notes


def _notes_on_parzen(done: pandas.DataFrame) -> list[str]:
    parzen = done[done["metric"] == _PARZEN]
    if not len(parzen):
        return []
    grid = parzen["quantity"].str.startswith("grid_").any()
    where = "coarse grid" if grid else "refined search between the neighbours of the grid's optimum"
    counts = sorted(set(parzen["n_samples"].astype(int)))
    if len(counts) == 1:
        samples = f"{counts[0]} samples"
    else:  # the estimate grows with their number
        by_model = parzen.drop_duplicates("model")
        samples = "different numbers of samples (" + ", ".join(
            f"{row['model']}: {row['n_samples']}" for _, row in by_model.iterrows()
        )
        samples += "), which are not comparable: the estimate grows with their number"
    return [
        f"Mean log-likelihood of test data in nats, by a Gaussian Parzen window on {samples}; "
        f"bandwidth chosen on validation data ({where})."
    ]


def _notes_on_errors(frame: pandas.DataFrame, protocol: Protocol) -> list[str]:
    across = set(frame["standard_error_across"])
    notes = []
    if across & {"examples", "folds"}:
        notes.append("SE: population standard deviation over the square root of the number.")
    if "seeds" in across:
        notes.append("SE across seeds: with n - 1 in the variance.")
    folds = frame[frame["standard_error_across"] == "folds"].dropna(subset=["standard_error_unbiased"])
    if len(folds):
        values = ", ".join(
            f"{_model_title(protocol, row['model'])} {_two_digits(row['standard_error_unbiased'])}"
            for _, row in folds.iterrows()
        )
        notes.append(f"SE across folds with n - 1 in the variance: {values}.")
    return notes


def _two_digits(error: float) -> str:
    return with_error(error, error).partition(" ")[0]


def _model_title(protocol: Protocol, spec: str) -> str:
    """The title of a model, with its settings where the spec has any."""
    name, bracket, settings = spec.partition("[")
    return f"{protocol.model_title(name)} [{settings}" if bracket else protocol.model_title(name)


def _dataset_title(protocol: Protocol, name: str) -> str:
    plan = protocol.dataset_plan(name)
    return (plan.title or plan.name) if plan else name.partition("@")[0]


def _has_published(frame: pandas.DataFrame, dataset: str, metric: str) -> bool:
    of_both = (frame["dataset"] == dataset) & (frame["metric"] == metric)
    return bool(frame.loc[of_both, "published_mean"].notna().any())


def _note(text: str, format: TableFormat) -> str:
    text = " ".join(text.split())  # a reason may have several lines, and a comment is one
    if format == "latex":
        return f"% {text}"
    return f"- {text}" if format == "markdown" else textwrap.fill(text, 100, break_on_hyphens=False)


def _escape(text: str, format: TableFormat) -> str:
    if format == "markdown":
        return text.replace("|", r"\|")
    return text.translate(_LATEX) if format == "latex" else text
