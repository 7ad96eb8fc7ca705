"""The front door of paired comparisons: what a user names, and the records that it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ganbench.errors import MissingDataError, UnknownNameError, UsageError
from ganbench.experiment.run import Run, protocol_with, run
from ganbench.protocols import Protocol
from ganbench.records.record import Record, read_record
from ganbench.registry.models import find_model, with_sample_form
from ganbench.registry.samples import SampleArray, SampleFile
from ganbench.registry.specs import format_spec, normal_path, parse_spec
from ganbench.reports.comparison import PairedComparison, compare_candidates
from ganbench.reports.pairing import Candidate
from ganbench.reports.results import stored_records

if TYPE_CHECKING:
    from ganbench.experiment.progress import Progress

__all__ = ["compare"]


def compare(
    *models: Any,
    dataset: Any = None,
    protocol: str | Path | Protocol | None = None,
    metrics: Sequence[str] = (),
    every_value: bool = False,
    level: float = 0.95,
    power: float = 0.8,
    results: str | Path = "ganbench-results",
    device: str = "auto",
    data_root: str | Path | None = None,
    download: bool = False,
    scale: str | None = None,
    layout: str | None = None,
    progress: Progress | None = None,
) -> PairedComparison:
    """Compare models pair by pair on the same test examples.

    Args:
        *models: Each a model that has records in the results folder (by name or spec), a results folder (all models in
            it), a file of a record, a file or an array of samples, a model's spec, a model class or function, a record
            or a run. Models without records are scored first, which needs the data set. All models of the results
            folder by default.
        dataset: On which data; all that models have in common by default.
        protocol: Whose records; the only one that the results folder has by default.
        metrics: Only these metrics, by name; by default all that have values of single test examples.
        every_value: All such values of a metric, not its first only.
        level: Of the intervals; 1 - level is the rate of false alarms of all comparisons together.
        power: Of the detectable differences.
        results: The results folder.
        device: Where models without records are trained and scored.
        data_root: Where data sets lie.
        download: Fetch data that are missing.
        scale: That of samples, where it cannot be told.
        layout: Their axes, where these cannot be told.
        progress: A listener.

    Raises:
        UsageError: There are fewer than two models, or a metric cannot be compared.
        StoreError: There are no such records, or they are not comparable; the text says why.
        UserError: As `ganbench.run`, of what has to be scored first.
    """
    place = _Place(Path(results), protocol or (None if dataset is None else protocol_with(dataset)), dataset)
    found: list[_Found] = []
    missing: list[Any] = []
    for model in models or [place.results]:
        stored = place.find(model)
        found += stored
        missing += [] if stored else [model]
    if missing:
        on = _common_data(found, missing) if dataset is None else dataset
        scored = run(
            place.protocol or (found[0].records[0].protocol if found else protocol_with(on)),
            models=list(with_sample_form([str(m) if isinstance(m, Path) else m for m in missing], scale, layout)),
            datasets=[on],
            results=place.results,
            device=device,
            data_root=data_root,
            download=download,
            progress=progress,
        )
        for absent in scored.unavailable:
            raise MissingDataError(absent.reason)
        found += _by_model(scored.records, str(results))
    return compare_candidates(_labelled(found), list(metrics), every_value=every_value, level=level, power=power)


class _Found(NamedTuple):
    """The records of one model in one place."""

    records: list[Record]
    origin: str


@dataclass(frozen=True)
class _Place:
    """The results folder, and which of its records are meant."""

    results: Path
    protocol: str | Path | Protocol | None
    dataset: Any

    def find(self, model: Any) -> list[_Found]:
        """The stored records that something stands for, by model; none where it has to be scored first."""
        if isinstance(model, Run):
            return _by_model(self.chosen(model.records), "this run")
        if isinstance(model, Record):
            return _by_model([model], "this record")
        if isinstance(model, str | Path):
            path = Path(model)
            if (path / "records").is_dir() or path == self.results:
                return _by_model(self.chosen(stored_records(path, self.protocol)), str(path))
            if path.suffix == ".json" and path.is_file():
                return _by_model([read_record(path.read_bytes(), str(path))], str(path.parent))
        return _by_model(_named(model, self.records), str(self.results))

    @cached_property
    def records(self) -> list[Record]:
        """Those of the results folder; none where it is not there."""
        if not (self.results / "records").is_dir():
            return []
        return self.chosen(stored_records(self.results, self.protocol, ladder=True))

    def chosen(self, records: Iterable[Record]) -> list[Record]:
        """Those on the data set, if there is one; a user's own file is known by its stem."""
        if not isinstance(self.dataset, str | Path):
            return list(records)
        names = {str(self.dataset), Path(self.dataset).stem}
        return [r for r in records if names & {r.dataset.name, r.dataset.identity}]


def _named(model: Any, records: Sequence[Record]) -> list[Record]:
    """The records of a model: of this spec, else of this name; files and arrays of samples are known by their content.

    Raises:
        UnknownNameError: Neither these records nor anything that is installed has the name.
    """
    if isinstance(model, str | Path):
        asked = parse_spec(str(model))
        spec = format_spec(asked.target, asked.settings)
        exact = [r for r in records if spec in (r.model.spec, r.model.identity)]
        found = exact or [r for r in records if spec == r.model.name and not r.model.mark]
        if found and not normal_path(asked.target).is_file():
            return found
        try:
            source = find_model(model)
        except UnknownNameError:
            there = {r.model.spec for r in records}
            raise UnknownNameError("model", str(model), there, "Others are scored first, with --dataset.") from None
    else:
        source = find_model(model)
    if not isinstance(source, SampleFile | SampleArray):
        return []
    return [r for r in records if (r.model.name, r.model.mark) == (source.name, source.mark)]


def _by_model(records: Iterable[Record], origin: str) -> list[_Found]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.model.identity, []).append(record)
    return [_Found(group, origin) for group in groups.values()]


def _common_data(found: Sequence[_Found], missing: Sequence[Any]) -> str:
    """The one data set of the models that have records."""
    datasets = {record.dataset.identity: record.dataset for of_model in found for record in of_model.records}
    if len(datasets) == 1 and not (only := next(iter(datasets.values()))).mark:
        return only.name
    named = missing[0] if isinstance(missing[0], str | Path) else type(missing[0]).__name__
    raise UsageError(f"{named} has no records here and is to be scored first. Say on which data, by --dataset.")


def _labelled(found: Sequence[_Found]) -> list[Candidate]:
    """Models by their specs; with mark, or place, where two are written alike. What was named twice counts once."""
    merged: dict[tuple[str, str], list[Record]] = {}
    for of_model in found:
        place = (of_model.records[0].model.identity, of_model.origin)
        known = merged.setdefault(place, [])
        known += [record for record in of_model.records if record not in known]
    specs = [records[0].model.spec for records in merged.values()]
    identities = [identity for identity, _ in merged]
    return [
        Candidate(_label(records[0], origin, specs, identities), tuple(records))
        for (_, origin), records in merged.items()
    ]


def _label(record: Record, origin: str, specs: list[str], identities: list[str]) -> str:
    model = record.model
    if identities.count(model.identity) > 1:
        return f"{model.identity} ({origin})"
    return model.identity if specs.count(model.spec) > 1 else model.spec
