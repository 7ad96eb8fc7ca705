"""Table 1: mean log-likelihoods by Parzen windows, measured beside published, in five formats."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ganbench.protocols import Protocol
from ganbench.records.frame import COLUMNS

if TYPE_CHECKING:
    import pandas

__all__ = ["FORMATS", "TableFormat", "render_table", "suffix"]

TableFormat = Literal["text", "markdown", "latex", "csv", "json"]
FORMATS: tuple[TableFormat, ...] = ("text", "markdown", "latex", "csv", "json")

_SUFFIX = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
_TABULATE = {"text": "simple", "markdown": "github", "latex": "latex_raw"}
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%#_${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
)
_ACROSS = {"examples": "test examples", "folds": "folds", "seeds": "seeds"}


def suffix(format: TableFormat) -> str:
    """The file ending of a format."""
    return _SUFFIX[format]


def render_table(frame: pandas.DataFrame, protocol: Protocol, format: TableFormat, bandwidth: str | None = None) -> str:
    """Render the frame of `ganbench.records.frame.likelihood_frame`.

    `csv` has the columns of `COLUMNS`; `json` also the unbiased standard errors and the reasons of failures; the others
    are for reading, with one column for each data set and kind of standard error.

    Args:
        frame: The values.
        protocol: Titles, notes and published values.
        format: The format.
        bandwidth: Which bandwidth the values were taken at; the protocol's choice unless given.
    """
    if format == "csv":
        return frame[list(COLUMNS)].to_csv(index=False, lineterminator="\n")
    if format == "json":
        return json.dumps(_json_rows(frame), indent=1, allow_nan=False) + "\n"
    return _readable(frame, protocol, format, bandwidth or protocol.bandwidth_shown)


def _json_rows(frame: pandas.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _json_value(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _json_value(value: Any) -> Any:
    import pandas

    return None if pandas.isna(value) else value.item() if hasattr(value, "item") else value


def _readable(frame: pandas.DataFrame, protocol: Protocol, format: TableFormat, shown: str) -> str:
    from tabulate import tabulate

    columns = list(dict.fromkeys(zip(frame["dataset"], frame["standard_error_across"], strict=True)))
    heads = ["Model"]
    for dataset, across in columns:
        title = _dataset_title(protocol, dataset)
        heads.append(f"{title}, measured ± SE across {_ACROSS[across]}")
        if _has_published(frame, dataset):
            heads.append(f"{title}, published")
    rows = [_row(frame, protocol, model, columns) for model in dict.fromkeys(frame["model"])]
    # numbers are strings already: tabulate must not reformat them
    table = tabulate(
        [[_escape(cell, format) for cell in row] for row in rows],
        headers=[_escape(head, format) for head in heads],
        tablefmt=_TABULATE[format],
        disable_numparse=True,
    )
    notes = "\n".join(_note(note, format) for note in _notes(frame, protocol, shown))
    title = f"% {protocol.title}" if format == "latex" else protocol.title
    return f"{title}\n\n{table}\n\n{notes}\n"


def _row(frame: pandas.DataFrame, protocol: Protocol, model: str, columns: Sequence[tuple[str, str]]) -> list[str]:
    cells = [_model_title(protocol, model)]
    for dataset, across in columns:
        chosen = frame[
            (frame["model"] == model) & (frame["dataset"] == dataset) & (frame["standard_error_across"] == across)
        ]
        row = chosen.iloc[0] if len(chosen) else None
        cells.append("-" if row is None else _measured(row))
        if _has_published(frame, dataset):
            cells.append("-" if row is None else _published(row))
    return cells


def _measured(row: Any) -> str:
    if row["status"] == "failed":
        return "failed"
    edge = " [edge]" if row["at_edge"] else ""
    partial = "" if row["status"] == "done" else " [partial]"
    return f"{row['mean_log_likelihood']:.1f} ± {row['standard_error']:.1f}{edge}{partial}"


def _published(row: Any) -> str:
    if math.isnan(row["published_mean"]):
        return "-"
    return f"{row['published_mean']:g} ± {row['published_standard_error']:g}"


def _notes(frame: pandas.DataFrame, protocol: Protocol, shown: str) -> list[str]:
    where = "refined search between the neighbours of the grid's optimum" if shown == "refined" else "coarse grid"
    done = frame[frame["status"] != "failed"]
    samples = ", ".join(str(n) for n in sorted(set(done["n_samples"].astype(int))))
    notes = [
        f"Mean log-likelihood of test data in nats, by a Gaussian Parzen window on {samples or 'no'} samples; "
        f"bandwidth chosen on validation data ({where}). "
        "SE: population standard deviation over the square root of the number."
    ]
    folds = frame[frame["standard_error_across"] == "folds"].dropna(subset=["standard_error_unbiased"])
    if len(folds):
        values = ", ".join(
            f"{_model_title(protocol, r['model'])} {r['standard_error_unbiased']:.1f}" for _, r in folds.iterrows()
        )
        notes.append(f"SE across folds with n - 1 in the variance: {values}.")
    if bool(done["at_edge"].astype(bool).any()):
        notes.append("[edge]: the best bandwidth is the smallest or largest of the grid; the optimum may lie outside.")
    for dataset in dict.fromkeys(frame["dataset"]):
        note = next((p.note for p in protocol.datasets if p.name == dataset), "")
        notes.extend([f"{_dataset_title(protocol, dataset)}: {note}"] if note else [])
    for _, row in frame[frame["reason"] != ""].drop_duplicates(["model", "dataset"]).iterrows():
        notes.append(f"{_model_title(protocol, row['model'])} on {row['dataset']}, {row['status']}: {row['reason']}")
    return notes


def _model_title(protocol: Protocol, spec: str) -> str:
    """The title of a model, with its settings where the spec has any."""
    name, bracket, settings = spec.partition("[")
    return f"{protocol.model_title(name)} [{settings}" if bracket else protocol.model_title(name)


def _dataset_title(protocol: Protocol, name: str) -> str:
    return next((plan.title or plan.name for plan in protocol.datasets if plan.name == name), name)


def _has_published(frame: pandas.DataFrame, dataset: str) -> bool:
    return bool(frame.loc[frame["dataset"] == dataset, "published_mean"].notna().any())


def _note(text: str, format: TableFormat) -> str:
    text = " ".join(text.split())  # a reason may have several lines, and a comment is one
    if format == "latex":
        return f"% {text}"
    return f"- {text}" if format == "markdown" else textwrap.fill(text, 100, break_on_hyphens=False)


def _escape(text: str, format: TableFormat) -> str:
    if format == "markdown":
        return text.replace("|", r"\|")
    return text.translate(_LATEX) if format == "latex" else text
