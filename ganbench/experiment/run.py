"""Running an experiment: plan, run what is not stored, collect the records. The Python front door.

A cell that fails becomes a record with its reason and the rest goes on. What is stored is never computed again; what
was interrupted goes on from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ganbench.datasets import Dataset, UnavailableDataset
from ganbench.errors import ModelError, UsageError
from ganbench.experiment.calling import calling
from ganbench.experiment.cluster.choice import Choice
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.estimates import estimate
from ganbench.experiment.executors import Executor, Processes, Serial, units_of
from ganbench.experiment.plan import Cell, Plan, Request, make_plan
from ganbench.experiment.progress import Progress, Silence
from ganbench.experiment.sampling import given_samples
from ganbench.files import has_file
from ganbench.protocols import ClusterSettings, Protocol, load_protocol, protocol_names
from ganbench.records.record import Place, Record
from ganbench.records.store import Store
from ganbench.registry.models import with_sample_form
from ganbench.registry.samples import SampleArray, SampleFile
from ganbench.runtime.device import resolve_devices, usable_cores

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ganbench.metrics.metric import Metric

    Samples = np.ndarray | torch.Tensor
    Model = str | Path | type | Callable[[int, torch.Generator], torch.Tensor] | Samples
    Data = str | Path | Dataset | Samples
    Ruler = str | type | Metric

__all__ = ["Run", "evaluate", "run"]


@dataclass(frozen=True)
class Run:
    """What came out of an experiment.

    Attributes:
        plan: What was asked for, and the cells it took.
        records: The outcome of every cell, in the order of the plan.
        new: The places of those that were computed now.
        store: The results folder; None when it was not kept.
    """

    plan: Plan
    records: tuple[Record, ...]
    new: frozenset[Place]
    store: Store | None

    def __repr__(self) -> str:
        """In short, as a notebook shows it; `ganbench.table` has the scores."""
        told = [f"{n} {status}" for status, n in Counter(record.status for record in self.records).items()]
        told += [f"no data of {dataset.name}" for dataset in self.unavailable]
        return f"<Run by the protocol {self.protocol.name!r}: {', '.join(told) or 'no cells'}>"

    @property
    def protocol(self) -> Protocol:
        """The protocol."""
        return self.plan.request.protocol

    @property
    def unavailable(self) -> tuple[UnavailableDataset, ...]:
        """Data sets that were asked for and are not here."""
        return self.plan.unavailable

    @property
    def succeeded(self) -> bool:
        """Whether every cell is done and all data were here."""
        return not self.unavailable and all(record.status == "done" for record in self.records)


def run(
    protocol: str | Path | Protocol | None = None,
    *,
    models: Model | Sequence[Model] = (),
    datasets: Data | Sequence[Data] = (),
    metrics: Ruler | Sequence[Ruler] = (),
    ladder: bool = False,
    seeds: int | Iterable[int] = 1,
    results: str | Path | None = "ganbench-results",
    device: str = "auto",
    jobs: int | None = None,
    executor: str = "processes",
    executor_settings: str | Path | ClusterSettings | None = None,
    fresh: bool = False,
    data_root: str | Path | None = None,
    download: bool = False,
    scale: str | None = None,
    layout: str | None = None,
    time_limit: float | None = None,
    cell_time_limit: float | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Train, sample and score models on data sets by a protocol.

    Args:
        protocol: Name, path of a TOML file, or a protocol; by default the first that has the data sets, else digits.
        models: Specs, model classes, functions ``f(n, generator)`` or arrays of samples, in a list or one alone; the
            protocol's own by default.
        datasets: Names, paths, data sets or arrays of examples; the protocol's own by default.
        metrics: Specs, metric classes or metrics, besides the protocol's; "all" for every installed one that the data
            have what it needs for.
        ladder: Also the protocol's rows of known standing, from noise to the test images themselves.
        seeds: How many base seeds, from 0; or which.
        results: The results folder, in which whatever is stored is used; None keeps nothing.
        device: "auto", "cpu", "cuda", "cuda:N", "mps", or "cuda:all": cells are spread over all GPUs of the machine.
        jobs: Cells at a time, each in a process of its own; the protocol's choice by default. With 0 they run in this
            process, one after the other, where a debugger finds them and a model that crashes ends the run. Models,
            data and metrics that are in memory run so in any case, and so do samples. With an executor of jobs, how
            many of these run at a time.
        executor: "processes" of this run; "slurm" for jobs of a cluster; "local" for jobs on this machine.
        executor_settings: What jobs ask for, as a TOML file or `ClusterSettings`; the protocol's table `[slurm]` by
            default.
        fresh: Compute everything again, whatever is stored.
        data_root: Where data sets lie; GANBENCH_DATA or the user's cache by default.
        download: Fetch data that are missing and can be fetched.
        scale: That of samples from files and arrays, where it cannot be told: "0..255", "-1..1", "1..0", "standardised"
            or "data" (as they are); see `ganbench.datasets.scale`.
        layout: Their axes, where these cannot be told, as "NHWC"; see `ganbench.datasets.layout`.
        time_limit: Seconds after which no training goes on and no cell is begun. What has been trained so far is
            sampled and scored, its record says that training was stopped, and the next run goes on with it.
        cell_time_limit: The same for the training of each cell.
        dry_run: Only plan: nothing is run or written, and the records are those that are stored.
        progress: A listener.

    Raises:
        UsageError: What is asked for does not exist or does not fit together; nothing has been run then.
        DataError: A file of the user's cannot be used.
        StoreError: The results folder cannot be used.
    """
    if protocol is None:
        protocol = protocol_with(*_listed(datasets))
    request = Request(
        protocol=protocol if isinstance(protocol, Protocol) else load_protocol(str(protocol)),
        models=with_sample_form(_listed(models), scale, layout),
        datasets=_listed(datasets),
        metrics=_listed(metrics),
        seeds=tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds),
        data_root=None if data_root is None else str(data_root),
        download=download,
        ladder=ladder,
    )
    until = None if time_limit is None else time.monotonic() + time_limit
    conditions = Conditions(device, fresh, cell_time_limit, until)
    choice = Choice(executor, executor_settings, jobs)
    choice.check(request, conditions, kept=results is not None)
    listener = progress or Silence()
    if results is not None:
        return _run_in(request, Store(Path(results)), conditions, choice, listener, kept=True, dry_run=dry_run)
    with tempfile.TemporaryDirectory(prefix="ganbench-") as folder:
        return _run_in(request, Store(Path(folder)), conditions, choice, listener, kept=False, dry_run=dry_run)


def evaluate(
    samples: Model,
    dataset: Data,
    *,
    protocol: str | Path | Protocol | None = None,
    metrics: Ruler | Sequence[Ruler] = (),
    ladder: bool = False,
    seeds: int | Iterable[int] = 1,
    results: str | Path | None = None,
    device: str = "auto",
    fresh: bool = False,
    data_root: str | Path | None = None,
    download: bool = False,
    scale: str | None = None,
    layout: str | None = None,
    progress: Progress | None = None,
) -> Run:
    """Score samples, or a model, on a data set.

    Args:
        samples: An array or tensor `[n, *event_shape]`, a file of one, a model's spec, a model class or a function.
        dataset: A name, a path, a `Dataset`, or an array of examples (which is cut by `Dataset.from_arrays`).
        protocol: The first that has the data set by default.
        metrics: See `run`, as the other arguments.
        ladder: Also the protocol's rows of known standing.
        seeds: How many, or which.
        results: The results folder; nothing is kept by default.
        device: The device.
        fresh: Compute everything again.
        data_root: Where data sets lie.
        download: Fetch data that are missing.
        scale: That of the samples, where it cannot be told.
        layout: Their axes, where these cannot be told.
        progress: A listener.

    Raises:
        UserError: See `run`.
    """
    if protocol is None:
        protocol = protocol_with(dataset)
    return run(
        protocol,
        models=[samples],
        datasets=[dataset],
        metrics=metrics,
        ladder=ladder,
        seeds=seeds,
        results=results,
        device=device,
        fresh=fresh,
        data_root=data_root,
        download=download,
        scale=scale,
        layout=layout,
        progress=progress,
    )


def protocol_with(*datasets: Data) -> Protocol:
    """The first protocol that has the data sets; the digits' where no protocol has any of them.

    Raises:
        UsageError: Each is in a protocol, and no protocol has all.
    """
    protocols = [load_protocol(name) for name in protocol_names()]
    known = {d for d in datasets if isinstance(d, str) and any(p.dataset_plan(d) is not None for p in protocols)}
    has = (p for p in protocols if known and all(p.dataset_plan(name) is not None for name in known))
    found = next(has, None if known else load_protocol("digits"))
    if found is None:
        names = ", ".join(p.name for p in protocols)
        raise UsageError(f"No protocol has all of {', '.join(sorted(known))}. Name one by --protocol: {names}.")
    return found


def _listed(things: Any) -> tuple[Any, ...]:
    """A list of specs or objects, also if it is one alone; paths as text."""
    listed = things if isinstance(things, list | tuple) else [things]
    return tuple(str(thing) if isinstance(thing, Path) else thing for thing in listed)


def _planned(
    request: Request, store: Store, conditions: Conditions, choice: Choice, progress: Progress
) -> tuple[Plan, dict[Place, Record], list[Cell]]:
    """The plan, of which the listener is told; the records that are stored; the cells that have none."""
    if conditions.device not in ("auto", "cpu") and not choice.is_cluster:
        resolve_devices(conditions.device)  # told before anything else; torch is imported for it
    plan = make_plan(request)
    stored = {} if conditions.fresh else plan.stored(store)
    pending = [cell for cell in plan.cells if cell.place not in stored]
    if pending:
        plan = _estimated(plan, pending, store, conditions, choice)
    progress.planned(plan, pending)
    return plan, stored, pending


def _run_in(
    request: Request,
    store: Store,
    conditions: Conditions,
    choice: Choice,
    progress: Progress,
    *,
    kept: bool,
    dry_run: bool,
) -> Run:
    plan, stored, pending = _planned(request, store, conditions, choice, progress)
    try:
        if pending and not dry_run:
            stored |= _compute(pending, request, store, conditions, choice, progress)
    finally:
        progress.finished()
    records = tuple(stored[cell.place] for cell in plan.cells if cell.place in stored)
    new = frozenset(cell.place for cell in pending if not dry_run)
    return Run(plan, records, new, store if kept else None)


def _estimated(plan: Plan, pending: list[Cell], store: Store, conditions: Conditions, choice: Choice) -> Plan:
    """The plan with an estimate of how long it takes."""
    units = units_of(pending)
    jobs = (choice.jobs or 1) if choice.is_cluster else _jobs(plan.request, conditions.device, choice.jobs, units)
    return replace(plan, estimate=estimate(units, store, conditions.device, jobs))


def _compute(
    pending: list[Cell], request: Request, store: Store, conditions: Conditions, choice: Choice, progress: Progress
) -> dict[Place, Record]:
    """Run cells, after a look at whether they can be run at all."""
    units = units_of(pending)
    executor: Executor
    if choice.is_cluster:
        executor, conditions = choice.cluster(request, conditions)
        device = "cpu"  # here models are only looked at
    else:
        if _jobs(request, conditions.device, choice.jobs, units):
            Processes.prepare()
        devices = resolve_devices(conditions.device)
        device = devices[0]
        jobs = _jobs(request, conditions.device, choice.jobs, units, len(devices))
        conditions = replace(conditions, device=device)
        executor = Processes(jobs, devices) if jobs else Serial()
    new = [cell for cell in pending if conditions.fresh or not has_file(store.samples_path(cell.samples_key))]
    examine(new, device)
    store.prepare()
    store.write_protocol(msgspec.structs.replace(request.protocol, slurm=None))
    return {record.place: record for record in executor(units, store, conditions, progress)}


def _jobs(request: Request, device: str, jobs: int | None, units: Sequence[Sequence[Cell]], n_devices: int = 1) -> int:
    """How many processes: as asked for, or one for each device, or one for each core where a cell takes one core.

    0 for none beside this.
    """
    trained = any(not isinstance(unit[0].model, SampleFile | SampleArray) for unit in units)
    if request.is_in_memory or (jobs is None and not trained):
        return 0
    if jobs is None:
        threads = request.protocol.threads
        jobs = usable_cores() // threads if threads and device in ("auto", "cpu") else n_devices
        jobs = max(jobs, 1)
    return min(jobs, len(units))


def examine(cells: Sequence[Cell], device: str) -> None:
    """Construct every model once and read every file of samples, so that mistakes show before anything is run.

    Raises:
        UsageError: A hyper-parameter is refused.
        ModelError: A model cannot be imported.
        SampleError: Samples do not fit the data.
    """
    for cell in {(cell.place.model, cell.place.dataset): cell for cell in reversed(cells)}.values():
        if isinstance(cell.model, SampleFile | SampleArray):
            given_samples(cell, cell.model)
            continue
        with calling(repr(cell.variant.label), may_seed=True):
            cell.model.load()
        # What fails for another reason than its arguments is a row of its own when its turn comes.
        with contextlib.suppress(ModelError), calling(repr(cell.variant.label), may_seed=True):
            cell.model.build(cell.dataset.event_shape, device, cell.variant.hyperparameters)
