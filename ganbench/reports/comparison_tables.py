"""A paired comparison as tables: models in order, their differences, the agreement of rulers."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ganbench.choices import TableFormat
from ganbench.reports.comparison import Difference, Group, PairedComparison
from ganbench.reports.formats import render_text, with_error
from ganbench.reports.rulers import RankAgreement

__all__ = ["render_comparison"]

_MEANING = {
    "told apart": "their samples differ on these test examples, by more than other trainings would",
    "not told apart": "test examples like these could have given the difference between equal models",
    "void: training spread": "these samples differ, but other trainings of the same two models might as well",
    "one training": "these samples differ; how another training would compare is not known, so train both from several "
    "seeds (`--seeds`)",
}
_ACROSS = {
    "seeds": "Welch's test of whole runs from several seeds, whose error is also across test examples",
    "folds": "each fold has a training of its own; the t-test of Nadeau and Bengio, corrected for shared training data",
}


def render_comparison(comparison: PairedComparison, format: TableFormat, *, rulers: bool = False) -> str:
    """Render what `ganbench.compare` returned.

    `csv` has one row for each pair of models (or of rulers), with the columns of `Difference` (or `RankAgreement`);
    `json` is the whole comparison, with null for what is not known.

    Args:
        comparison: What to show.
        format: The format.
        rulers: Show the agreement of rulers instead of the differences; `json` has both.
    """
    if format == "json":
        return json.dumps(_plain(comparison), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    if format == "csv":
        return _csv(RankAgreement if rulers else Difference, comparison.rulers if rulers else comparison.differences)
    if rulers:
        return _rulers(comparison, format)
    tables = [text for group in comparison.groups for text in _tables(group, comparison, format)]
    return "\n".join(tables)


def _plain(thing: object) -> object:
    """Named tuples as tables, NaN as null."""
    if isinstance(thing, tuple) and hasattr(thing, "_asdict"):
        return {name: _plain(value) for name, value in thing._asdict().items()}
    if isinstance(thing, tuple | list):
        return [_plain(part) for part in thing]
    return None if isinstance(thing, float) and not math.isfinite(thing) else msgspec.to_builtins(thing)


def _csv(kind: type[Difference] | type[RankAgreement], rows: Sequence[tuple[object, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(kind._fields)
    for row in rows:
        writer.writerow([_field(value) for value in row])
    return text.getvalue()


def _field(value: object) -> object:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if isinstance(value, float) and math.isnan(value) else value


def _tables(group: Group, comparison: PairedComparison, format: TableFormat) -> Iterator[str]:
    """Models in order, and their differences."""
    place = (group.dataset, group.metric, group.quantity)
    differences = [d for d in comparison.differences if d[:3] == place]
    what = f"{group.metric}: {group.quantity.replace('_', ' ')} on {group.dataset}"
    better = "" if group.direction == "neither" else f", {group.direction} is better"
    unit = f" ({group.unit})" if group.unit else ""
    yield render_text(
        f"{what}{better}",
        ["Model", f"Mean{unit}", "Group", "Trainings"],
        [[s.model, f"{s.value:.6g}", s.groups, str(s.trainings or "-")] for s in group.standings],
        ["Models that share a letter are not told apart."],
        format,
    )
    yield render_text(
        f"Paired differences across {differences[0].n_test} test examples",
        [
            "First - second",
            f"Difference{unit} ± SE",
            f"{comparison.level:.0%} interval",
            "p, corrected",
            "Detectable",
            "SE with trainings",
            "p, corrected",
            "Verdict",
        ],
        map(_line, differences),
        _notes(differences, comparison),
        format,
    )


def _line(d: Difference) -> list[str]:
    verdict = f"{d.better} better" if d.better else d.verdict
    if d.better and d.verdict != "told apart":
        verdict += f" ({d.verdict})"
    is_known = not math.isnan(d.training_error)
    across = f"{d.training_error:.2g} ({min(d.trainings)} {d.training_across})" if is_known else "-"
    return [
        f"{d.first} - {d.second}",
        with_error(d.difference, d.standard_error),
        "-" if math.isnan(d.low) else f"{_places(d.low, d)} to {_places(d.high, d)}",
        _p(d.p_corrected),
        "-" if math.isnan(d.detectable) else f"{d.detectable:.2g}",
        across,
        _p(d.training_p_corrected),
        verdict,
    ]


def _places(value: float, d: Difference) -> str:
    """To as many places as the difference has."""
    return with_error(value, d.standard_error).partition(" ")[0]


def _p(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2g}"


def _notes(differences: Sequence[Difference], comparison: PairedComparison) -> Iterable[str]:
    n = len(comparison.differences)
    alpha = f"{1 - comparison.level:.0%}"
    yield (
        "Intervals: bootstrap of the test examples, each pair for itself. p: flips of the signs of the differences; "
        f"corrected by Holm for {n} comparison{'s' * (n > 1)}, of which any is a false alarm with {alpha} at most."
    )
    yield (
        f"Detectable: the true difference that so many test examples show with a probability of {comparison.power:.0%} "
        "or more after the correction."
    )
    for across in sorted({d.training_across for d in differences} - {""}):
        yield f"Across trainings: {_ACROSS[across]}."
    for verdict in dict.fromkeys(d.verdict for d in differences):
        yield f"{verdict}: {_MEANING[verdict]}."
    yield from comparison.notes


def _rulers(comparison: PairedComparison, format: TableFormat) -> str:
    lines = [
        [
            r.dataset,
            f"{r.first} - {r.second}",
            "-" if math.isnan(r.tau) else f"{r.tau:.2f}",
            "-" if math.isnan(r.low) else f"{r.low:.2f} to {r.high:.2f}",
            _p(r.p_value),
            str(r.models),
        ]
        for r in comparison.rulers
    ]
    interval = f"{comparison.level:.0%} interval"
    meaning = (
        "tau: Kendall's tau-b, 1 where two rulers put the models into the same order, -1 where it is reversed. An "
        "interval needs five models. Metrics of which neither higher nor lower is better are no rulers."
    )
    notes = [meaning] if lines else ["No two metrics with a direction have measured two models in common.", meaning]
    heads = ["Data", "Rulers", "tau", interval, "p", "Models"]
    return render_text("Agreement of rulers on the order of models", heads, lines, notes, format)
