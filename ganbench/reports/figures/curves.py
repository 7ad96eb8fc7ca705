"""Curves: learning, and the log-likelihood against the bandwidth and against the number of samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ganbench.files import file_name
from ganbench.metrics.metric import Curve
from ganbench.records.record import Record
from ganbench.reports.captions import provenance
from ganbench.reports.figures.drawing import Drawing, blank
from ganbench.reports.figures.source import Source
from ganbench.reports.trainings import curves_by_training

__all__ = ["drawings"]

_BANDWIDTH = (
    "Mean log-likelihood of validation images by Parzen windows on {dataset}, {fold}, seed {seed}, against the "
    "bandwidth: circles are the coarse grid, the line joins both searches. Triangles: the chosen bandwidth and "
    "the mean log-likelihood of the test images, with a bar of one standard error across {across}. Low values "
    "are cut off."
)
_SAMPLES = (
    "Mean log-likelihood by Parzen windows on {dataset}, {fold}, seed {seed}, against the number of samples. It "
    "grows with the number whatever the model."
)
_LEARNING = "What the training of {model} on {dataset} reported, one line for each training (protocol {protocol})."
_ACROSS = 5  # entries of a legend in one row


def drawings(source: Source) -> Iterator[Drawing]:
    """Learning curves of every model and data set; both kinds of likelihood curves of every data set."""
    for record in source.first_cells():
        yield _learning(source, record)
    for dataset, records in source.by_dataset().items():
        yield _bandwidth(file_name(f"bandwidth-{dataset}"), records)
        yield _samples(file_name(f"samples-{dataset}"), records)


def _learning(source: Source, first: Record) -> Drawing:
    """A panel for each curve that trainings have kept."""
    from matplotlib.lines import Line2D

    name = file_name(f"learning-{first.dataset.identity}-{first.model.identity}")
    runs = [record for record in source.records if record.place[:2] == first.place[:2]]
    kept = curves_by_training(runs)
    names = list(dict.fromkeys(curve for curves in kept.values() for curve in curves))
    if not names:
        reason = f"The records of {first.model.spec} on {first.dataset.name} hold no learning curves. Train it again."
        return Drawing(name, reason=reason)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    height = 2.3 * rows + 0.15 * -(-len(kept) // _ACROSS)
    figure, axes = blank(3.2 * columns, height, rows, columns)
    for panel, curve_name in zip(axes.flat, names, strict=False):
        for number, curves in enumerate(kept.values()):
            if curve_name in curves:
                _plot(panel, curves[curve_name], **_line(number))
        panel.set_title(_words(curve_name), fontsize=9)
    for panel in axes.flat[len(names) :]:
        panel.set_axis_off()
    if len(kept) > 1:
        lines = [Line2D([], [], **_line(number)) for number in range(len(kept))]
        figure.legend(lines, list(kept), loc="outside lower center", ncols=_ACROSS, frameon=False, fontsize=6)
    words = {"model": first.model.spec, "dataset": first.dataset.name, "protocol": first.protocol}
    origin = {"protocol": first.protocol, "model": first.model.identity, "dataset": first.dataset.identity}
    return Drawing(name, figure, _LEARNING.format(**words), metadata=origin)


def _line(number: int) -> dict[str, Any]:
    """How the line of a training looks: ten colours, then the same dashed, then dotted."""
    return {"lw": 1, "color": f"C{number % 10}", "ls": ("-", "--", ":")[number // 10 % 3]}


def _bandwidth(name: str, records: list[Record]) -> Drawing:
    scores = [(record, score) for record in records for score in record.scores if "bandwidth" in score.curves]
    if not scores:
        dataset = records[0].dataset.name
        return Drawing(name, reason=f"No record on {dataset} holds the curve of the bandwidth. Score it again.")
    figure, ((axes,),) = blank(5.6, 3.6)
    across = ""
    for number, (record, score) in enumerate(scores):
        color = f"C{number}"
        both: dict[float, float] = {}
        for curve in (score.curves.get("grid_bandwidth"), score.curves["bandwidth"]):
            both |= dict(zip(curve.x, curve.y, strict=True)) if curve else {}
        coarse = score.curves.get("grid_bandwidth", score.curves["bandwidth"])
        axes.plot(coarse.x, coarse.y, "o", color=color, ms=3)
        axes.plot(*zip(*sorted(both.items()), strict=True), color=color, lw=1, label=record.model.spec)
        value = score.values[score.headline]
        across = value.across or across
        at = score.values["bandwidth"].value
        axes.errorbar(
            at, value.value, value.standard_error, fmt="^", color=color, ms=6, mec="black", mew=0.6, capsize=2
        )
        axes.set_xscale("log")
        axes.set_xticks(coarse.x, [f"{x:.2g}" for x in coarse.x], rotation=45)
        axes.set_xticks([], minor=True)
    best = max(max(score.curves["bandwidth"].y) for _, score in scores)
    axes.set(xlabel="bandwidth", ylabel="mean log-likelihood (nats)", ylim=(best - max(1, 2 * abs(best)), None))
    axes.legend(frameon=False, fontsize=7)
    return Drawing(
        name, figure, _BANDWIDTH.format(across=across, **_words_of(records[0])), metadata=_origin(records[0])
    )


def _samples(name: str, records: list[Record]) -> Drawing:
    scores = [(record, score) for record in records for score in record.scores if "samples" in score.curves]
    if not scores:
        dataset = records[0].dataset.name
        return Drawing(name, reason=f"No record on {dataset} holds the curve of the number of samples. Score it again.")
    figure, ((axes,),) = blank(5.6, 3.6)
    for record, score in scores:
        _plot(axes, score.curves["samples"], marker="o", ms=3, lw=1, label=record.model.spec)
    axes.set(xscale="log", xlabel="number of samples", ylabel="mean log-likelihood (nats)")
    axes.legend(frameon=False, fontsize=7)
    return Drawing(name, figure, _SAMPLES.format(**_words_of(records[0])), metadata=_origin(records[0]))


def _plot(axes: Any, curve: Curve, **style: Any) -> None:
    axes.plot(curve.x, curve.y, **style)
    axes.set_xlabel(_words(curve.x_name))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _words_of(record: Record) -> dict[str, Any]:
    return {"dataset": record.dataset.name, "fold": record.fold, "seed": record.seed}


def _origin(record: Record) -> dict[str, str]:
    """The provenance that the records of several models share."""
    kept = ("protocol", "dataset", "fold", "seed")
    return {key: text for key, text in provenance(record).items() if key in kept}
