"""What jobs on a cluster are given: the table `[slurm]` of a protocol, or a TOML file of its keys.

It says where cells are run, not what they are: no key of a stored result depends on it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from ganbench.errors import UsageError
from ganbench.schema import convert

__all__ = ["ClusterSettings", "load_cluster_settings"]

_Word = Annotated[str, Meta(pattern=r"^[^\s'\"]*$")]


class ClusterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every job asks the cluster for, and how cells are put into jobs.

    Attributes:
        partition: Name of the partition; the cluster's default unless said, as for the next four.
        account: Whom the time is charged to.
        qos: Quality of service.
        constraint: Features that nodes must have.
        options: Further options of `sbatch`, by their long names, as in { reservation = "course" }.
        setup: Shell commands before each job, as "module load cuda".
        gpus: GPUs of a job; cells are spread over them.
        cpus: Processor cores of a job; with a protocol that gives each cell so many threads, cells are spread over
            them.
        memory: Gigabytes of a job.
        time: Minutes of a job, after which it is queued again and goes on.
        warning: Seconds before that at which the job is told.
        time_outs: How often a job may run out of its time before its cells fail.
        array_width: Jobs at a time.
        minutes_per_job: Cells are put into one job until it is estimated to take so long on two processor cores. Cells
            whose time the protocol does not estimate count as so long each.
        max_jobs: Jobs of one submission, at most.
        poll: Seconds between two looks at the jobs.
    """

    partition: _Word = ""
    account: _Word = ""
    qos: _Word = ""
    constraint: _Word = ""
    options: dict[str, str] = {}
    setup: tuple[str, ...] = ()
    gpus: Annotated[int, Meta(ge=0, le=64)] = 0
    cpus: Annotated[int, Meta(ge=1, le=1024)] = 1
    memory: Annotated[float, Meta(ge=0.1, le=100_000)] = 4.0
    time: Annotated[int, Meta(ge=1, le=100_000)] = 60
    warning: Annotated[int, Meta(ge=1, le=3600)] = 30
    time_outs: Annotated[int, Meta(ge=0, le=10_000)] = 20
    array_width: Annotated[int, Meta(ge=1, le=10_000)] = 32
    minutes_per_job: Annotated[float, Meta(ge=0, le=100_000)] = 20.0
    max_jobs: Annotated[int, Meta(ge=1, le=1000)] = 500
    poll: Annotated[float, Meta(ge=0.1, le=600)] = 5.0

    def __post_init__(self) -> None:
        if self.warning >= 60 * self.time:
            raise ValueError(f"warning is {self.warning} seconds; accepted: less than time, {self.time} minutes")


def load_cluster_settings(path: str | Path) -> ClusterSettings:
    """Read settings from a TOML file.

    Raises:
        UsageError: The file cannot be read, or a key or a value of it is not accepted.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"The settings {path} cannot be read: {error}") from error
    try:
        return convert(content, ClusterSettings)
    except ValueError as error:
        raise UsageError(f"The settings {path} are not valid: {str(error).rstrip('.')}.") from error
