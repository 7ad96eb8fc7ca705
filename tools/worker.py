"""One side of a comparison: a process that imports the sources of one tree and takes samples on demand.

It is run as a file, `python _worker.py TREE BENCHMARKS`, with TREE in front of PYTHONPATH. Requests are JSON lines on
stdin and answers JSON lines on stdout; what benchmarks print goes to stderr. The first line says what there is::

    {"benchmarks": [{"label": ..., "name": ..., "parameters": ..., "number": ...}], "failures": {module: traceback}}

and then {"do": "open", "label": ..., "turn": i} sets a benchmark up on the i-th core, {"do": "sample", "number": n}
calls it n times, and {"do": "close"} tears it down. Any answer may be {"error": traceback}, {"skipped": true} or
{"stranger": module}.

Benchmarks are those of asv: classes with `time_*` methods, `params`, `param_names`, `setup_cache`, `setup`, `teardown`
and `number`. A benchmark is set up once a round and not before every call.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import inspect
import itertools
import json
import os
import pkgutil
import re
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OURS = ("ganbench", "ganbench_models")
_TOOL = "regressions"


@dataclass(frozen=True)
class _Benchmark:
    owner: type
    name: str
    method: str
    arguments: tuple[Any, ...]

    @property
    def label(self) -> str:
        return f"{self.name}({', '.join(map(_plain, self.arguments))})"

    def describe(self) -> dict[str, Any]:
        names = getattr(self.owner, "param_names", None) or [f"param{i + 1}" for i in range(len(self.arguments))]
        values = [f"{name}={_plain(value)}" for name, value in zip(names, self.arguments, strict=False)]
        number = getattr(getattr(self.owner, self.method), "number", getattr(self.owner, "number", 0))
        return {"label": self.label, "name": self.name, "parameters": ", ".join(values), "number": number}


def _plain(value: Any) -> str:
    """A value as it reads in every process."""
    return value if isinstance(value, str) else re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _combinations(owner: type) -> Iterator[tuple[Any, ...]]:
    params = list(getattr(owner, "params", None) or [])
    if params and not isinstance(params[0], list | tuple):
        params = [params]
    return itertools.product(*params)


def _of_module(module: Any) -> Iterator[_Benchmark]:
    for owner in [value for name, value in vars(module).items() if not name.startswith("_")]:
        if not inspect.isclass(owner) or owner.__module__ != module.__name__:
            continue
        for method in [name for name in dir(owner) if name.startswith("time_")]:
            name = f"{module.__name__.partition('.')[2]}.{owner.__name__}.{method}"
            left_out = getattr(getattr(owner, method), "skip_params", ())
            for arguments in _combinations(owner):
                if arguments not in left_out:
                    yield _Benchmark(owner, name, method, arguments)


def _discover(folder: Path) -> tuple[dict[str, _Benchmark], dict[str, str]]:
    """All benchmarks of a folder by label, and the modules that cannot be imported with the reason."""
    spec = importlib.util.spec_from_file_location(
        folder.name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is no package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[folder.name] = package
    spec.loader.exec_module(package)
    found: dict[str, _Benchmark] = {}
    failures: dict[str, str] = {}
    for _, name, _ in pkgutil.iter_modules([str(folder)]):
        if name.startswith("_") or name == _TOOL:
            continue
        try:
            module = importlib.import_module(f"{folder.name}.{name}")
        except Exception:  # noqa: BLE001  # the other side may be able to; the reason is passed on
            failures[name] = traceback.format_exc()
            continue
        found |= {benchmark.label: benchmark for benchmark in _of_module(module)}
    return found, failures


def _stranger(tree: Path) -> str:
    """A module of ours that was not imported from the tree, with its file; "" if there is none."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _OURS:
            file = getattr(module, "__file__", None)
            if file is None or not Path(file).resolve().is_relative_to(tree):
                return f"{name} from {file}"
    return ""


def _processor_seconds() -> float:
    """Time on processors of this process and of its children that have ended."""
    own = time.process_time()
    if sys.platform == "win32":
        return own
    import resource

    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + children.ru_utime + children.ru_stime


class _Runner:
    """The benchmark that is set up at the moment."""

    def __init__(self, benchmarks: dict[str, _Benchmark]) -> None:
        self.benchmarks = benchmarks
        self.cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
        self.caches: dict[type, tuple[Any, ...]] = {}
        self.instance: Any = None
        self.arguments: tuple[Any, ...] = ()
        self.current: _Benchmark | None = None

    def open(self, label: str, turn: int) -> dict[str, Any]:
        if self.cores:
            os.sched_setaffinity(0, {self.cores[turn % len(self.cores)]})
        benchmark = self.benchmarks[label]
        self.instance = benchmark.owner()
        self.arguments = (*self._cached(benchmark.owner), *benchmark.arguments)
        if hasattr(self.instance, "setup"):
            self.instance.setup(*self.arguments)
        self.current = benchmark
        gc.collect()
        return {}

    def _cached(self, owner: type) -> tuple[Any, ...]:
        """What `setup_cache` makes once for all, as an argument; none if there is none."""
        if owner not in self.caches:
            made = self.instance.setup_cache() if hasattr(owner, "setup_cache") else None
            self.caches[owner] = () if made is None else (made,)
        return self.caches[owner]

    def sample(self, number: int) -> dict[str, Any]:
        if self.current is None:
            raise RuntimeError("no benchmark is set up")
        call, arguments = getattr(self.instance, self.current.method), self.arguments
        gc.disable()
        try:
            processor, wall = _processor_seconds(), time.perf_counter()
            for _ in range(number):
                call(*arguments)
            wall, processor = time.perf_counter() - wall, _processor_seconds() - processor
        finally:
            gc.enable()
        return {"wall": wall / number, "processor": processor / number}

    def close(self) -> dict[str, Any]:
        benchmark, instance = self.current, self.instance
        self.current = self.instance = None
        if benchmark is not None and hasattr(instance, "teardown"):
            instance.teardown(*self.arguments)
        return {}


def _answer(runner: _Runner, request: dict[str, Any], tree: Path) -> dict[str, Any]:
    action = getattr(runner, request.pop("do"))
    try:
        answer: dict[str, Any] = action(**request)
    except NotImplementedError:  # by this a benchmark of asv says that its parameters do not apply
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


def _serve(tree: Path, folder: Path) -> None:
    requests, answers = _private_streams()

    def tell(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    for name in _OURS:
        importlib.import_module(name)
    stranger = _stranger(tree)
    if stranger:
        tell({"stranger": stranger})
        return
    benchmarks, failures = _discover(folder)
    gc.freeze()
    tell({"benchmarks": [benchmark.describe() for benchmark in benchmarks.values()], "failures": failures})
    runner = _Runner(benchmarks)
    for line in requests:
        tell(_answer(runner, json.loads(line), tree))


if __name__ == "__main__":
    _serve(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
