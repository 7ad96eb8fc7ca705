"""Schedulers of jobs, through submitit: Slurm, and processes of this machine that take the same path."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ganbench.errors import UsageError, UserError
from ganbench.experiment.cluster.job import Job
from ganbench.protocols import ClusterSettings

__all__ = ["Local", "Scheduler", "SchedulerError", "Slurm", "find_scheduler"]

_ENDED = frozenset(
    {
        "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
        "REVOKED", "TIMEOUT",
    }
)  # fmt: skip
_SECONDS_TO_ANSWER = 60


class SchedulerError(UserError):
    """The scheduler refuses a job or does not answer."""


class Scheduler(Protocol):
    """Where jobs are submitted."""

    name: str

    def submit(self, jobs: Sequence[Job], folder: Path, settings: ClusterSettings) -> list[str]:
        """Submit jobs at once, under the name of the folder that keeps their logs; their identifiers."""
        ...

    def alive(self, submissions: Mapping[Path, Sequence[str]]) -> set[tuple[Path, int]]:
        """Which jobs wait or run, by the folder and the number of each; the identifiers are those of `submit`.

        Raises:
            SchedulerError: The scheduler does not answer.
        """
        ...

    def close(self, *, early: bool) -> None:
        """Nothing more is asked; `early` if jobs are left, of which those end that must not outlive this process."""
        ...


def find_scheduler(name: str) -> Scheduler:
    """The scheduler of a name.

    Raises:
        UsageError: submitit is not installed, or there is no Slurm here.
    """
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"--executor {name} needs submitit, which is not installed: pip install 'ganbench[slurm]'."
        ) from error
    return Slurm() if name == "slurm" else Local()


class Slurm:
    """Job arrays of Slurm (https://slurm.schedmd.com), which go on when this process ends."""

    name = "slurm"

    def submit(self, jobs: Sequence[Job], folder: Path, settings: ClusterSettings) -> list[str]:
        """Submit one array.

        Raises:
            UsageError: There is no Slurm here.
            SchedulerError: Slurm refuses it.
        """
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError

        try:
            executor = SlurmExecutor(_escaped(folder), max_num_timeout=settings.time_outs)
        except RuntimeError as error:
            raise UsageError("--executor slurm: there is no Slurm here (no program srun). Use another.") from error
        executor.update_parameters(**_slurm_parameters(folder.name, settings))
        try:
            with _installed_modules():
                return [job.job_id for job in executor.submit_array(jobs)]
        except FailedJobError as error:
            raise SchedulerError(f"Slurm refuses the jobs: {_last_line(str(error))}. Change the settings.") from error

    def alive(self, submissions: Mapping[Path, Sequence[str]]) -> set[tuple[Path, int]]:
        """See `Scheduler`. Jobs are known by the name of their array, so a submission without identifiers is found."""
        command = ["squeue", "--me", "--array", "--noheader", "--states=all", "--format=%T|%K|%j"]
        lines = [line.strip().split("|", 2) for line in _output(command).splitlines()]
        waiting = {(name, 0 if index == "N/A" else int(index)) for state, index, name in lines if state not in _ENDED}
        folders = {folder.name: folder for folder in submissions}
        return {(folders[name], index) for name, index in waiting if name in folders}

    def close(self, *, early: bool) -> None:
        """Leave all jobs: whoever comes next collects them."""


class Local:
    """Processes of this machine, all at once; Ctrl-C ends them, whatever else ends this process does not."""

    name = "local"

    def __init__(self) -> None:
        self._jobs: list[Any] = []

    def submit(self, jobs: Sequence[Job], folder: Path, settings: ClusterSettings) -> list[str]:
        """Start them."""
        from submitit import LocalExecutor

        executor = LocalExecutor(folder, max_num_timeout=settings.time_outs)
        executor.update_parameters(
            timeout_min=settings.time,
            signal_delay_s=settings.warning,
            gpus_per_node=settings.gpus,
            setup=list(settings.setup),
        )
        with _installed_modules():
            self._jobs += executor.submit_array(jobs)
        return [job.job_id for job in self._jobs[-len(jobs) :]]

    def alive(self, submissions: Mapping[Path, Sequence[str]]) -> set[tuple[Path, int]]:
        """See `Scheduler`. A process counts whose command names the folder: its number may have been given anew."""
        for job in self._jobs:
            job.done()  # lets those that have ended go
        listed = _output(["ps", "-A", "-ww", "-o", "pid=,args="]).splitlines()
        commands = {pid: command for pid, _, command in (line.strip().partition(" ") for line in listed)}
        return {
            (folder, index)
            for folder, ids in submissions.items()
            for index, pid in enumerate(ids)
            if str(folder) in commands.get(pid, "")
        }

    def close(self, *, early: bool) -> None:
        """End those that this process started, or see them end."""
        for job in self._jobs if early else ():
            if not job.done():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(job.job_id), signal.SIGINT)
        for job in self._jobs:
            job.wait()


def _slurm_parameters(name: str, settings: ClusterSettings) -> dict[str, Any]:
    named = {key: getattr(settings, key) for key in ("partition", "account", "qos", "constraint")}
    return {
        **{key: value for key, value in named.items() if value},
        "job_name": name,
        "time": settings.time,
        "mem": f"{math.ceil(settings.memory * 1024)}M",
        "cpus_per_task": settings.cpus,
        "srun_args": [f"--cpus-per-task={settings.cpus}"],  # which srun does not take over from the job
        **({"gpus_per_node": settings.gpus} if settings.gpus else {}),
        "signal_delay_s": settings.warning,
        "array_parallelism": settings.array_width,
        "setup": list(settings.setup),
        "wckey": "",
        "additional_parameters": {"requeue": True, **settings.options},
    }


def _escaped(folder: Path) -> Path:
    """Check a path, in which submitit takes %j and the like in a path for the number of the job.

    Raises:
        UsageError: There is a %.
    """
    if "%" in str(folder):
        raise UsageError(f"The results folder {folder} has a % in its path, which Slurm takes for a number of a job.")
    return folder


@contextlib.contextmanager
def _installed_modules() -> Iterator[None]:
    """Jobs import what this process imports, and nothing that happens to lie in their working directory."""
    added = {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    before = {key: os.environ.get(key) for key in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=True)
    except subprocess.CalledProcessError as error:
        raise SchedulerError(f"{command[0]} fails: {_last_line(error.stderr)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SchedulerError(f"{command[0]} does not answer: {error}") from error
    return done.stdout


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
