"""What a run leaves for its reader: the frame of its scores, tables in every format, pictures of samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.choices import FORMATS, Bandwidth
from ganbench.errors import StoreError, UsageError
from ganbench.experiment.plan import Cell
from ganbench.experiment.run import Run
from ganbench.files import file_name, write_atomically
from ganbench.protocols import Protocol, load_protocol, protocol_names
from ganbench.records.frame import is_shown, score_rows
from ganbench.records.record import Record
from ganbench.records.row import to_frame
from ganbench.records.store import Store
from ganbench.registry.metrics import find_metric
from ganbench.registry.specs import format_spec, parse_spec
from ganbench.reports.formats import suffix
from ganbench.reports.record_sheets import SHEETS, draw_sheets, is_of
from ganbench.reports.sheets import is_image
from ganbench.reports.table1 import render_table
from ganbench.reports.table2 import Comparison, compare_models
from ganbench.reports.verdicts import judged, printed_by_others
from ganbench.runtime.device import limited_threads

if TYPE_CHECKING:
    import pandas

__all__ = ["stored_protocols", "stored_records", "table", "table2", "write_reports"]


def table(
    source: Run | Iterable[Record] | str | Path,
    protocol: str | Path | Protocol | None = None,
    *,
    models: Sequence[str] = (),
    datasets: Sequence[str] = (),
    metrics: Sequence[str] = (),
    bandwidth: Bandwidth | None = None,
    every_value: bool = False,
    published: bool = False,
    ladder: bool = False,
) -> pandas.DataFrame:
    """The scores of a run, of records, or of a results folder: one row per data set, model, metric and kind of error.

    Where the protocol has published values each of them has a verdict, also those that have not been run. The first
    columns are those of the command line's CSV; see `ganbench.records.row.Row`.

    Args:
        source: What to tabulate.
        protocol: Which protocol's records; of a run its own by default, of a folder the only one that is there.
        models: Only these models.
        datasets: Only these data sets.
        metrics: Metrics besides those of the protocol's table, by spec, class or object.
        bandwidth: "grid" or "refined": at the optimum of which search.
        every_value: All quantities of each metric.
        published: Also values that later papers printed, as rows of their own.
        ladder: Of a folder, also the rows of known standing that are stored; a run shows those that it has.

    Raises:
        StoreError: There are no such records, or they are not comparable.
        UsageError: A metric or a bandwidth is asked for that they do not have.
    """
    records, chosen = _records_of(source, protocol)
    if isinstance(source, Run):
        metrics = [*metrics, *source.plan.request.metrics]
    models, datasets = _models_in_records(models), _datasets_in_records(datasets)
    _check_there(records, models, datasets)
    if ladder:
        _check_ladder(records)
    rows = score_rows(
        records,
        chosen,
        models=models,
        datasets=datasets,
        metrics=_metrics_in_records(metrics, records, must_be_there=not isinstance(source, Run)),
        bandwidth=bandwidth,
        every_value=every_value,
        ladder=ladder or not isinstance(source, str | Path),
    )
    asked = models or (_names_asked(source.plan.request.models) if isinstance(source, Run) else [])
    rows = judged(rows, records, chosen, models=asked, datasets=datasets)
    return to_frame([*rows, *(printed_by_others(rows) if published else [])])


def table2(
    source: Run | Iterable[Record] | str | Path,
    protocol: str | Path | Protocol | None = None,
    *,
    models: Sequence[str] = (),
    datasets: Sequence[str] = (),
) -> pandas.DataFrame:
    """What models declare of their kind and what their records measured: one row per data set and model.

    The columns are those of `ganbench.reports.table2.Comparison`.

    Args:
        source: What to tabulate.
        protocol: See `table`.
        models: Only these models.
        datasets: Only these data sets.

    Raises:
        StoreError: There are no such records.
    """
    import pandas

    records, _ = _records_of(source, protocol)
    models, datasets = _models_in_records(models), _datasets_in_records(datasets)
    _check_there(records, models, datasets)
    rows = compare_models([record for record in records if is_shown(record, models, datasets, ladder=False)])
    return pandas.DataFrame(rows, columns=list(Comparison._fields))


def _records_of(
    source: Run | Iterable[Record] | str | Path, protocol: str | Path | Protocol | None
) -> tuple[Sequence[Record], Protocol]:
    if isinstance(source, str | Path):
        chosen = _protocol_of(source, protocol)
        return stored_records(source, chosen, ladder=True), chosen
    records = source.records if isinstance(source, Run) else list(source)
    named = protocol or (source.protocol if isinstance(source, Run) else records[0].protocol if records else "digits")
    return records, named if isinstance(named, Protocol) else load_protocol(str(named))


def _check_there(records: Sequence[Record], models: Sequence[str], datasets: Sequence[str]) -> None:
    if records and not any(is_shown(record, models, datasets) for record in records):
        there = sorted({f"{record.model.spec} on {record.dataset.name}" for record in records})
        raise StoreError(f"There are no such records; there are: {', '.join(there)}.")


def _check_ladder(records: Sequence[Record]) -> None:
    if not any(record.model.reference for record in records):
        raise StoreError("There are no rows of known standing. Compute them by `ganbench run-all --ladder`.")


def _names_asked(models: Sequence[Any]) -> list[str]:
    return [model for model in models if isinstance(model, str)]


def _models_in_records(models: Sequence[str]) -> list[str]:
    """Specs as records have them: written alike, and files without their folders."""
    specs = (parse_spec(str(model)) for model in models)
    return [format_spec(Path(spec.target).name, spec.settings) for spec in specs]


def _datasets_in_records(datasets: Sequence[str]) -> list[str]:
    """Names as records have them: files by their stems."""
    return [name for dataset in map(str, datasets) for name in (dataset, Path(dataset).stem)]


def _metrics_in_records(metrics: Sequence[Any], records: Sequence[Record], *, must_be_there: bool) -> list[str]:
    """The names of metrics; one that is there already is not imported."""
    known = {score.metric for record in records for score in record.scores}
    names = [m if isinstance(m, str) and m in known else find_metric(m).name for m in metrics]
    for name in names:
        if must_be_there and name not in known:
            raise UsageError(
                f"No record has the metric {name!r}; they have: {', '.join(sorted(known)) or '(none)'}. "
                "Compute it by `ganbench run-all --metrics`."
            )
    return names


def stored_protocols(results: str | Path, protocol: str | Path | None = None) -> list[Protocol]:
    """The protocols that have records in a results folder; or the one that is named.

    Raises:
        StoreError: There are no records at all.
    """
    if protocol is not None:
        return [_protocol_of(results, protocol)]
    return [_protocol_of(results, name) for name in _protocols_there(results)]


def stored_records(
    results: str | Path,
    protocol: str | Path | Protocol | None = None,
    *,
    models: Sequence[str] = (),
    datasets: Sequence[str] = (),
    ladder: bool = False,
) -> list[Record]:
    """The records of a protocol (the only one by default) in a results folder, in the order of its rows.

    Those of references, rows of known standing, come last, and are left out unless they are named or `ladder` is set.

    Raises:
        StoreError: There are none.
    """
    chosen = _protocol_of(results, protocol)
    models, datasets = _models_in_records(models), _datasets_in_records(datasets)
    stored = Store(Path(results)).records(chosen.name)
    records = [record for record in stored if is_shown(record, models, datasets, ladder=ladder)]
    if not records:
        raise StoreError(
            f"{results} has no such records of protocol {chosen.name!r}. "
            f"Run `ganbench run-all --protocol {chosen.name}` first, or name another folder by --results."
        )
    rows = {name: position for position, name in enumerate((*chosen.models, *chosen.ladder.models))}
    columns = [plan.name for plan in chosen.datasets]

    def place(record: Record) -> tuple[Any, ...]:
        plan, model = chosen.plan_of(record.dataset.identity), record.model
        column = columns.index(plan.name) if plan else len(columns)
        row = rows.get(model.spec, rows.get(model.name, len(rows)))
        return (
            column,
            record.dataset.identity,
            bool(model.reference),
            row,
            model.identity,
            record.seed,
            len(record.fold),
            record.fold,
        )

    return sorted(records, key=place)


def _protocol_of(results: str | Path, protocol: str | Path | Protocol | None) -> Protocol:
    """A protocol by name, also one whose file was elsewhere when it was run; if None, the only one that is there."""
    if isinstance(protocol, Protocol):
        return protocol
    name = str(protocol or _only_protocol(results))
    stored = None if name in protocol_names() or name.endswith(".toml") else Store(Path(results)).read_protocol(name)
    return stored or load_protocol(name)


def _protocols_there(results: str | Path) -> list[str]:
    if Path(results).exists() and not Path(results).is_dir():
        raise StoreError(f"{results} is no folder. Name one by --results.")
    there = Store(Path(results)).protocols()
    if not there:
        raise StoreError(
            f"{results} has no records. Run `ganbench run-all` first, or name another folder by --results."
        )
    return there


def _only_protocol(results: str | Path) -> str:
    there = _protocols_there(results)
    if len(there) > 1:
        raise StoreError(f"{results} has records of several protocols ({', '.join(there)}). Name one by --protocol.")
    return there[0]


def write_reports(run: Run) -> list[Path]:
    """Write the tables of a run to `tables/` and pictures of its samples to `sheets/` in its results folder.

    Of every model there are, for the first fold and seed, those of `ganbench.reports.record_sheets`.

    Returns:
        The files, written now or before.
    """
    if run.store is None:
        return []
    written = []
    frame = table(run)
    for format in FORMATS:
        path = run.store.root / "tables" / f"{file_name(run.protocol.name)}.{suffix(format)}"
        write_atomically(path, render_table(frame, run.protocol, format).encode())
        written.append(path)
    seen: set[tuple[str, str]] = set()
    for cell, record in zip(run.plan.cells, run.records, strict=True):
        if record.status == "done" and record.place[:2] not in seen:
            seen.add(record.place[:2])
            written += _write_sheets(run.store, cell, record)
    return written


def _write_sheets(store: Store, cell: Cell, record: Record) -> list[Path]:
    """Draw the sheets of a record, unless those that are there are of it."""
    if not is_image(cell.dataset.event_shape):
        return []
    place = store.record_path(cell.protocol.name, cell.place).parent.relative_to(store.root / "records")
    sheets = [store.root / "sheets" / place / name for name in SHEETS[: 2 + (len(cell.split.test) > 1)]]
    if not all(is_of(sheet, record) for sheet in sheets):
        samples = _samples(store, cell, record)
        if samples is None:
            return []
        with limited_threads(1):  # beside other runs threads that wait for one another take many times as long
            drawn = draw_sheets(samples, cell.split, record)
        for sheet, content in zip(sheets, drawn.values(), strict=True):
            write_atomically(sheet, content)
    return sheets


def _samples(store: Store, cell: Cell, record: Record) -> np.ndarray | None:
    from ganbench.experiment.sampling import given_samples
    from ganbench.registry.samples import SampleArray, SampleFile

    if isinstance(cell.model, SampleFile | SampleArray):
        return given_samples(cell, cell.model).samples
    stored = store.read_samples(record.samples.key) if record.samples else None
    return None if stored is None else stored[0]
