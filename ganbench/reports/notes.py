"""What a reader of Table 1 must know, below it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ganbench.metrics.metric import Finding
from ganbench.protocols import Protocol
from ganbench.records.frame import PARZEN, PARZEN_QUANTITIES
from ganbench.records.row import Row
from ganbench.reports.formats import Titles, with_error

__all__ = ["Notes", "is_likelihood", "mark"]

_Key = TypeVar("_Key")
_REFINED = "refined search between the neighbours of the grid's optimum"


def is_likelihood(metric: str, quantity: str) -> bool:
    """Whether a column is the Parzen log-likelihood."""
    return metric.partition("[")[0] == PARZEN and quantity in ("", *PARZEN_QUANTITIES)


def mark(finding: Finding) -> str:
    """A finding as it stands beside a value: its code in words."""
    return f"[{finding.code.replace('-', ' ')}]"


@dataclass(frozen=True)
class Notes:
    """The notes of a table.

    Attributes:
        rows: All rows.
        protocol: Its protocol.
        titles: Of models and data sets.
    """

    rows: Sequence[Row]
    protocol: Protocol
    titles: Titles

    def all(self) -> Iterator[str]:
        """One after the other."""
        done = [row for row in self.rows if row.status == "done" or row.status.startswith("partial")]
        yield from self.on_parzen([row for row in done if is_likelihood(row.metric, row.quantity)])
        yield from self.on_errors(done)
        yield from self.on_trainings([row for row in done if row.prediction_error >= 0])
        for finding in dict.fromkeys(f for r in done for f in (*r.findings, *r.warnings) if f.severity == "warning"):
            yield f"{mark(finding)}: {finding.text}."
        yield from self.on_references()
        yield from self.on_verdicts()
        yield from self.on_others([row for row in self.rows if row.status == "published"])
        for dataset in dict.fromkeys(row.dataset for row in done):
            plan = self.protocol.plan_of(dataset)
            if plan and plan.note:
                yield f"{self.titles.dataset(dataset)}: {plan.note}"
            of_data = (f for r in done if r.dataset == dataset for f in r.warnings if f.about == "data")
            for finding in dict.fromkeys(of_data):
                yield f"{self.titles.dataset(dataset)}: {finding.text}."
        for (model, dataset), mixed in {(row.model, row.dataset): row.mixed for row in done if row.mixed}.items():
            yield (
                f"{self.name(model, dataset)}: the cells of the row differ in {', '.join(mixed)}, "
                "which may change their numbers."
            )
        for model, dataset, status, reason in dict.fromkeys(
            (r.model, r.dataset, r.status, r.reason) for r in self.rows if r.reason and r.status != "published"
        ):
            yield f"{self.name(model, dataset)}, {status}: {reason}"

    def name(self, model: str, dataset: str) -> str:
        """A row on a data set."""
        return f"{self.titles.model(model)} on {self.titles.dataset(dataset)}"

    def on_parzen(self, rows: Sequence[Row]) -> Iterator[str]:
        """On how many samples, and how the bandwidth was chosen."""
        if not rows:
            return
        searches = dict.fromkeys(map(_search, rows))
        counts = {(self.titles.model(row.model), self.titles.dataset(row.dataset)): row.n_samples for row in rows}
        samples = f"{rows[0].n_samples} samples"
        if len(set(counts.values())) > 1:  # the estimate grows with their number
            one = len({dataset for _, dataset in counts}) == 1
            each = ", ".join(f"{m if one else f'{m} on {d}'}: {n}" for (m, d), n in counts.items())
            samples = f"different numbers of samples ({each}), which are not comparable: it grows with their number"
        yield (
            f"Mean log-likelihood of test data in nats, by a Gaussian Parzen window on {samples}; bandwidth chosen on "
            f"validation data ({', '.join(searches)})."
        )

    def on_errors(self, rows: Sequence[Row]) -> Iterator[str]:
        """How standard errors are taken."""
        if {row.standard_error_across for row in rows} & {"examples", "folds"}:
            yield "SE: population standard deviation over the square root of the number."
        for fold, datasets in _grouped((row.fold, self.titles.dataset(row.dataset)) for row in rows if row.fold):
            yield (
                f"{', '.join(datasets)}: values with SE across test examples are of {fold} alone, "
                "those with SE across folds the mean of all folds."
            )
        folds = [r for r in rows if r.standard_error_across == "folds" and math.isfinite(r.standard_error_unbiased)]
        columns = dict.fromkeys((row.dataset, row.metric, row.quantity) for row in folds)
        for column in columns:
            values = ", ".join(
                f"{self.titles.model(row.model)} {_two_digits(row.standard_error_unbiased)}"
                for row in folds
                if (row.dataset, row.metric, row.quantity) == column
            )
            of = f" of {self.titles.dataset(column[0])}, {column[1]}: {column[2]}," if len(columns) > 1 else ""
            yield f"SE across folds{of} with n - 1 in the variance: {values}."

    def on_trainings(self, rows: Sequence[Row]) -> Iterator[str]:
        """What the range of a new training is, and what it consists of."""
        if not rows:
            return
        yield (
            "Range of a new training: the mean of k trainings ± t s sqrt(1 + 1/k), s their standard deviation (k - 1), "
            f"t Student's; a new training ends in it with probability {self.protocol.judgement.level:.0%}. "
            "SE across test examples says nothing of another training."
        )
        each = []
        for row in rows:
            parts = f"{row.seeds} trainings, s = {_two_digits(row.deviation)}"
            if row.error_training >= 0:
                samples, training = _two_digits(row.error_samples), _two_digits(row.error_training)
                parts += f", of which {training} by training and {samples} by drawing samples"
            quantity = f", {row.quantity}" * (len({other.quantity for other in rows}) > 1)
            each.append(f"{self.name(row.model, row.dataset)}{quantity}: {parts}")
        note = " (squares add up; what sampling explains is taken off, never below 0)" if "which" in str(each) else ""
        yield f"{'; '.join(each)}{note}."

    def on_references(self) -> Iterator[str]:
        """What each of the rows shows that are of no model."""
        for shows, names in _grouped(
            (row.reference, self.titles.model(row.model)) for row in self.rows if row.reference
        ):
            yield f"{', '.join(names)}: {shows}."

    def on_verdicts(self) -> Iterator[str]:
        """The rule, the reasons, and how published values were made otherwise."""
        judged = [row for row in self.rows if row.verdict and row.status != "published"]
        rule = self.protocol.judgement
        if judged:
            yield (
                "Verdict, in brackets (measured - published) / combined standard error, of the published error, ours, "
                f"and the spread across trainings where there are several: reproduced within {rule.within:g}, exceeded "
                "above; below, budget-limited if trained for less than the preset says, otherwise not reached."
            )
        for model, dataset, verdict, reason in dict.fromkeys(
            (row.model, row.dataset, row.verdict, row.verdict_reason)
            for row in judged
            if row.verdict_reason and row.verdict != "not run"
        ):
            yield f"{self.name(model, dataset)}, {verdict}: {reason}."
        shown = {row.dataset for row in self.rows if row.status not in ("not run", "published")}
        waiting = [row for row in judged if row.status == "not run" and row.dataset not in shown]
        for dataset in dict.fromkeys(row.dataset for row in waiting):
            values = (
                f"{self.titles.model(row.model)} {row.published_mean:g} ± {row.published_standard_error:g}"
                for row in waiting
                if row.dataset == dataset
            )
            yield f"Published for {self.titles.dataset(dataset)}, and not run: {', '.join(values)}."
        here = [(f"{r.model.partition('[')[0]}", r) for r in judged if r.dataset in shown and r.protocol_differences]
        for differences, names in _grouped((r.protocol_differences, self.name(m, r.dataset)) for m, r in here):
            yield f"Published value of {', '.join(names)}: {'; '.join(differences)}."

    def on_others(self, rows: Sequence[Row]) -> Iterator[str]:
        """Who printed what, and why it is not comparable."""
        for source, models in _grouped((row.source, row.model) for row in rows):
            yield f"(published) {', '.join(models)}: {source}."
        for reason, models in _grouped((row.reason, row.model) for row in rows if row.reason):
            yield f"Not comparable: {reason} ({'; '.join(models)})."
        for differences, models in _grouped(
            (row.protocol_differences, row.model) for row in rows if row.protocol_differences
        ):
            yield f"(published) {', '.join(models)}: {'; '.join(differences)}."


def _grouped(pairs: Iterable[tuple[_Key, str]]) -> Iterator[tuple[_Key, list[str]]]:
    """Each key with the distinct names that have it."""
    groups: dict[_Key, dict[str, None]] = {}
    for key, name in pairs:
        groups.setdefault(key, {})[name] = None
    return ((key, list(names)) for key, names in groups.items())


def _search(row: Row) -> str:
    """How a bandwidth was chosen."""
    only = json.loads(row.settings).get("refinement_steps") == 0
    return "coarse grid" if only or row.quantity.startswith("grid_") else _REFINED


def _two_digits(error: float) -> str:
    return with_error(error, error).partition(" ")[0]
