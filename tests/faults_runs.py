"""Runs of tiny models: in this process, or in forks of it, which begin where the slow imports have ended."""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
import traceback
from multiprocessing import forkserver, resource_tracker

import numpy as np
from serial_runs import without_times

import ganbench
import ganbench.reports.results
from ganbench.cli import main
from ganbench.records.store import Store


def run(protocol, results, *, jobs=0, **more):
    """An experiment without the command line."""
    return ganbench.run(protocol, results=results, jobs=jobs, device="cpu", **more)


def numbers(results) -> dict:
    """What a results folder has found out: records without their times, and the samples that they are of."""
    store = Store(results)
    found = {}
    for record in store.records():
        samples = store.read_samples(record.samples.key)[0] if record.samples else np.zeros(0)
        found[record.place] = (json.dumps(without_times(record), sort_keys=True), samples.tobytes())
    return found


def fork(call) -> int:
    """Run something in a fork, whose process number comes back; it ends with the exit code that the call gives."""
    pid = os.fork()
    if pid:
        return pid
    code = 99
    _forget_servers()
    try:
        code = int(call() or 0)
    except BaseException:  # noqa: BLE001 - a fork must not go on as a second pytest
        traceback.print_exc()
    finally:
        os._exit(code)


def _forget_servers() -> None:
    """The servers of the process before the fork are no children of this one, which starts its own."""
    server, tracker = forkserver._forkserver, resource_tracker._resource_tracker
    server._forkserver_address = server._forkserver_alive_fd = server._forkserver_pid = None
    tracker._fd = tracker._pid = None


def command(protocol, results, jobs=0):
    """`ganbench run-all` in a fork."""

    def call():
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return main(["run-all", "--protocol", protocol, "--results", str(results), "--jobs", str(jobs), "--quiet"])

    return fork(call)


def ended(pid: int, within: float = 120.0) -> int | None:
    """The exit code of a fork, or minus the signal that ended it; None if it goes on after that time."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return None
