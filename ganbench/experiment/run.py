"""The executor: cells in, records out.

A cell that fails becomes a record with its reason and the rest goes on. What is stored is never computed again; what
was interrupted goes on from its last checkpoint.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ganbench.errors import DataError, ModelError, StoreError, UserError
from ganbench.evaluation import as_dict, check_samples, evaluate_samples, nearest_neighbor_distances
from ganbench.experiment.plan import Cell, ExperimentRequest, plan_cells
from ganbench.experiment.progress import Progress, Silence
from ganbench.experiment.training import TrainedModel, train_model
from ganbench.records.provenance import collect_provenance
from ganbench.records.record import Place, Record
from ganbench.records.store import Store
from ganbench.runtime.device import usable_cores
from ganbench.runtime.seeding import torch_generator

__all__ = ["run_cells", "run_cells_in_parallel"]

_PICTURED = 24  # samples that are kept beside their nearest training example


def run_cells(cells: Sequence[Cell], store: Store, device: str, progress: Progress) -> Iterator[Record]:
    """Run cells one after the other, yielding the record of each."""
    for cell in cells:
        progress.cell_started(cell)
        record = _run_cell(cell, store, device, progress)
        store.write_record(record)
        progress.cell_finished(record)
        yield record


def run_cells_in_parallel(
    cells: Sequence[Cell], request: ExperimentRequest, store: Store, device: str, jobs: int, progress: Progress
) -> Iterator[Record]:
    """Run cells in `jobs` processes, each with its share of the processor's cores.

    Cells that share a training stay in one process. Records come in the order in which they are finished.
    """
    groups: dict[str, list[Place]] = {}
    for cell in cells:
        groups.setdefault(cell.train_key or cell.record_key, []).append(cell.place)
    threads = max(1, usable_cores() // jobs)
    context = multiprocessing.get_context("spawn")
    # However few cells are left to a run that goes on, each has the threads of a full one: they decide the last bits.
    processes = min(jobs, len(groups))
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool:
        futures = [pool.submit(_run_group, request, places, store, device, threads) for places in groups.values()]
        try:
            for future in as_completed(futures):
                for record in future.result():
                    progress.cell_finished(record)
                    yield record
        except BrokenProcessPool as error:
            raise StoreError(
                f"One of the {jobs} processes was ended from outside (is memory short?). What is finished is stored: "
                "run the same command again, with fewer --jobs."
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """In a worker: end when the parent is killed, lest orphans go on beside the run that is started next."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_group(
    request: ExperimentRequest, places: Sequence[Place], store: Store, device: str, threads: int
) -> list[Record]:
    """In a worker: plan again (arrays are not sent between processes) and run the cells of the given places."""
    import torch

    torch.set_num_threads(threads)
    datasets, specs = tuple({place[0] for place in places}), tuple({place[1] for place in places})
    needed = replace(request, datasets=datasets, models=specs)  # no other data set is loaded
    cells = [cell for cell in plan_cells(needed) if cell.place in places]
    return list(run_cells(cells, store, device, Silence()))


def _run_cell(cell: Cell, store: Store, device: str, progress: Progress) -> Record:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        outcome = _measure(cell, store, device, progress)
    except UserError as error:
        outcome = {"status": "failed", "reason": str(error)}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a failure of any kind is a row, with its traceback
        outcome = {
            "status": "failed",
            "reason": f"{type(error).__name__}: {error}",
            "traceback": traceback.format_exc(),
        }
    timing = {"started": started, **outcome.pop("timing", {})}
    return Record(
        key=cell.record_key,
        protocol=cell.protocol.name,
        protocol_fingerprint=cell.protocol.fingerprint(cell.plan),
        model=cell.model.name,
        model_spec=cell.model.spec,
        hyperparameters=cell.hyperparameters,
        dataset=cell.plan.name,
        dataset_checksum=cell.dataset.checksum if cell.dataset else "",
        fold=cell.fold,
        seed=cell.seed,
        provenance=collect_provenance(device),
        timing=timing,
        **outcome,
    )


def _measure(cell: Cell, store: Store, device: str, progress: Progress) -> dict[str, Any]:
    if cell.split is None or cell.dataset is None:
        raise DataError(cell.problem)
    timing: dict[str, float] = {}
    samples, training = _samples(cell, store, device, progress, timing)
    progress.step_started("score")
    begun = time.monotonic()
    scores = _score(cell, samples, device) if cell.plan.likelihood else {}
    neighbors = _neighbors(cell, samples, store, device)
    timing["score_seconds"] = time.monotonic() - begun
    return {
        "status": "done",
        "n_samples": len(samples),
        "samples_sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
        "likelihood": scores,
        "nearest_neighbors": neighbors,
        "training": training,
        "timing": timing,
    }


def _samples(
    cell: Cell, store: Store, device: str, progress: Progress, timing: dict[str, float]
) -> tuple[np.ndarray, dict[str, Any]]:
    """The samples of a cell, from the store, from their file or from the trained model, and how it was trained."""
    if cell.model.is_sample_file:
        return _samples_of_file(cell), {}
    trained = train_model(cell, store, device, progress)
    training = {"epochs": trained.epochs, "metrics": trained.metrics, "provenance": trained.provenance}
    timing["train_seconds"] = trained.seconds
    stored = store.read_arrays("samples", cell.samples_key)
    if stored is None:
        progress.step_started("sample")
        begun = time.monotonic()
        stored = {"samples": _draw(cell, trained, device)}
        timing["sample_seconds"] = time.monotonic() - begun
        store.write_arrays("samples", cell.samples_key, **stored)
    return stored["samples"], training


def _samples_of_file(cell: Cell) -> np.ndarray:
    from ganbench.datasets.files import read_array_file

    arrays = read_array_file(cell.model.source_file)
    name = "samples" if "samples" in arrays else next(iter(arrays))
    if len(arrays) > 1 and name != "samples":
        raise DataError(
            f"{cell.model.target} holds {len(arrays)} arrays ({', '.join(arrays)}); name one of them 'samples'."
        )
    return _checked(cell, arrays[name])


def _draw(cell: Cell, trained: TrainedModel, device: str) -> np.ndarray:
    generator = torch_generator(cell.seed_for("sample"), device)
    samples = trained.model.sample(cell.protocol.n_samples, generator=generator)
    if not hasattr(samples, "detach"):
        raise ModelError(f"{cell.model.spec!r}: sample returned {type(samples).__name__}; expected a torch.Tensor.")
    checked = _checked(cell, samples.detach().cpu().numpy())
    if len(checked) != cell.protocol.n_samples:
        raise ModelError(f"{cell.model.spec!r}: sample({cell.protocol.n_samples}) returned {len(checked)} samples.")
    return checked


def _checked(cell: Cell, samples: np.ndarray) -> np.ndarray:
    if cell.dataset is None:
        raise DataError(cell.problem)
    shape, value_range = cell.dataset.event_shape, cell.dataset.value_range
    return check_samples(samples, event_shape=shape, value_range=value_range, origin=cell.model.spec)


def _score(cell: Cell, samples: np.ndarray, device: str) -> dict[str, Any]:
    if cell.split is None:
        raise DataError(cell.problem)
    limit = cell.plan.validation_limit or len(cell.split.valid)
    scores = evaluate_samples(
        generated=samples,
        valid=cell.split.valid[:limit],
        test=cell.split.test,
        grid=cell.plan.bandwidth_grid or cell.protocol.bandwidth_grid,
        refinement_steps=cell.protocol.refinement_steps,
        device=device,
    )
    return {name: as_dict(likelihood) for name, likelihood in scores.items()}


def _neighbors(cell: Cell, samples: np.ndarray, store: Store, device: str) -> dict[str, Any]:
    """Distances to the nearest training example, of samples and of test examples; some pairs are kept for a picture."""
    if cell.split is None:
        raise DataError(cell.problem)
    n, train = cell.protocol.n_neighbor_samples, cell.split.train
    summary, distances, indices = nearest_neighbor_distances(generated=samples[:n], train=train, device=device)
    test, _, _ = nearest_neighbor_distances(generated=cell.split.test[:n], train=train, device=device)
    pictured = min(_PICTURED, len(indices))
    store.write_arrays(
        "neighbors",
        cell.record_key,
        generated=samples[:pictured],
        nearest=train[indices[:pictured]],
        distances=distances[:pictured],
    )
    return {"generated": as_dict(summary), "test": as_dict(test)}
