"""One side of a comparison: a process that imports the sources of one tree and takes samples on demand.

It is run as a file, `python worker.py SIDE TREE BENCHMARKS`, with TREE in front of PYTHONPATH. Requests are JSON lines
on stdin and answers JSON lines on stdout; what benchmarks print goes to stderr. The first line says what there is::

    {"benchmarks": [{"label": ..., "name": ..., "parameters": ..., "number": ...}]}

and then {"do": "open", "label": ..., "turn": i} sets a benchmark up on the i-th core, {"do": "sample", "number": n}
calls it n times, and {"do": "close"} tears it down. Any answer may be {"error": traceback}, {"skipped": true} or
{"stranger": module}.

Finding benchmarks, parameters, set-up and tear-down are asv's own (`asv_runner`). Its timing does not serve: it has one
clock, and sets a benchmark up again before every sample.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asv_runner.benchmarks import benchmark_types
from asv_runner.benchmarks.mark import SkipNotImplemented
from asv_runner.benchmarks.time import TimeBenchmark
from asv_runner.discovery import disc_benchmarks, get_benchmark_from_name, update_sys_path


def _processor_seconds() -> float:
    """Time on processors of this process and of its children that have ended."""
    own = time.process_time()
    if sys.platform == "win32":
        return own
    import resource

    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + children.ru_utime + children.ru_stime


class _TwoClocks(TimeBenchmark):
    """A `time_*` benchmark of asv; a run is `number` calls by the wall clock and by processor time."""

    def run(self, *arguments: Any) -> dict[str, float]:
        """Seconds of one call by either clock, without the garbage collector."""
        gc.disable()
        try:
            processor, wall = _processor_seconds(), time.perf_counter()
            for _ in range(self.number):
                self.func(*arguments)
            wall, processor = time.perf_counter() - wall, _processor_seconds() - processor
        finally:
            gc.enable()
        return {"wall": wall / self.number, "processor": processor / self.number}


def _described(benchmark: _TwoClocks) -> Iterator[tuple[str, dict[str, Any]]]:
    """Asv's identifier and a description, for every combination of parameters."""
    for index, values in enumerate(itertools.product(*benchmark.params)):
        named = [f"{name}={value}" for name, value in zip(benchmark.param_names, values, strict=True)]
        label = f"{benchmark.name}({', '.join(values)})"
        description = {"name": benchmark.name, "parameters": ", ".join(named), "number": benchmark.number}
        yield f"{benchmark.name}-{index}" if values else benchmark.name, {"label": label, **description}


class _Runner:
    """All benchmarks of a folder, and the one that is set up at the moment."""

    def __init__(self, folder: Path, *, ignore_import_errors: bool) -> None:
        benchmark_types[:] = [_TwoClocks]
        update_sys_path(str(folder))
        found = disc_benchmarks(str(folder), ignore_import_errors)
        described = [pair for benchmark in found for pair in _described(benchmark)]
        self.folder = folder
        self.offer = [description for _, description in described]
        self.identifiers = {description["label"]: identifier for identifier, description in described}
        self.cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
        self.caches: dict[str | None, Any] = {None: None}
        self.current: _TwoClocks | None = None

    def open(self, label: str, turn: int) -> dict[str, Any]:
        if self.cores:
            os.sched_setaffinity(0, {self.cores[turn % len(self.cores)]})
        benchmark = get_benchmark_from_name(str(self.folder), self.identifiers[label])
        del sys.meta_path[0]  # the finder that the line above has added, as it does in every call
        if benchmark.setup_cache_key not in self.caches:
            self.caches[benchmark.setup_cache_key] = benchmark.do_setup_cache()
        benchmark.set_cache(self.caches[benchmark.setup_cache_key])
        if benchmark.do_setup():
            return {"skipped": True}
        self.current = benchmark
        gc.collect()
        return {}

    def sample(self, number: int) -> dict[str, Any]:
        if self.current is None:
            raise RuntimeError("no benchmark is set up")
        self.current.number = number
        return self.current.do_run()

    def close(self) -> dict[str, Any]:
        benchmark, self.current = self.current, None
        if benchmark is not None:
            benchmark.do_teardown()
        return {}


def _stranger(tree: Path) -> str:
    """A module of ours that was not imported from the tree, with its file; "" if there is none."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0].startswith("ganbench"):  # the folder of models has had two names
            file = getattr(module, "__file__", None)
            if file is None or not Path(file).resolve().is_relative_to(tree):
                return f"{name} from {file}"
    return ""


def _answer(runner: _Runner, request: dict[str, Any], tree: Path) -> dict[str, Any]:
    action = getattr(runner, request.pop("do"))
    try:
        answer: dict[str, Any] = action(**request)
    except SkipNotImplemented:
        return {"skipped": True}
    except Exception:  # noqa: BLE001  # any defect of either tree; the reason is passed on
        return {"error": traceback.format_exc()}
    stranger = _stranger(tree)
    return {"stranger": stranger} if stranger else answer


def _private_streams() -> tuple[Any, Any]:
    """The pipes to the parent, out of reach of what benchmarks read and print."""
    requests, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return requests, answers


def _serve(side: str, tree: Path, folder: Path) -> None:
    requests, answers = _private_streams()

    def tell(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    importlib.import_module("ganbench")
    stranger = _stranger(tree)
    if stranger:
        tell({"stranger": stranger})
        return
    runner = _Runner(folder, ignore_import_errors=side == "base")
    gc.freeze()
    tell({"benchmarks": runner.offer})
    for line in requests:
        tell(_answer(runner, json.loads(line), tree))


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve())
