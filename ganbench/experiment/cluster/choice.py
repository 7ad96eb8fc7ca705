"""The choice of where cells are run: by name, with what goes together and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ganbench.choices import EXECUTORS
from ganbench.errors import UnknownNameError, UsageError
from ganbench.experiment.cluster.executor import Cluster
from ganbench.experiment.cluster.schedulers import find_scheduler
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.plan import Request
from ganbench.protocols import ClusterSettings, load_cluster_settings

__all__ = ["Choice"]


class Choice:
    """Where cells are run: in processes of this run, or as jobs.

    Args:
        executor: "processes", "slurm" or "local".
        settings: What jobs ask for, or the TOML file that says so; the protocol's by default.
        jobs: Cells, or jobs, at a time; a default that suits the machine unless said.

    Raises:
        UsageError: There is no such executor, the file cannot be used, or the two do not go together.
    """

    def __init__(
        self, executor: str = "processes", settings: str | Path | ClusterSettings | None = None, jobs: int | None = None
    ) -> None:
        if executor not in EXECUTORS:
            raise UnknownNameError("executor", executor, EXECUTORS)
        if settings is not None and executor == "processes":
            raise UsageError("Executor settings are those of jobs. Add --executor slurm or local.")
        self.executor, self.jobs = executor, jobs
        self._settings = load_cluster_settings(settings) if isinstance(settings, str | Path) else settings

    @property
    def is_cluster(self) -> bool:
        """Whether cells are run as jobs."""
        return self.executor != "processes"

    def check(self, request: Request, conditions: Conditions, *, kept: bool) -> None:
        """Refuse what jobs cannot do.

        Raises:
            UsageError: Something is in memory only, no results are kept, or the run has a time limit.
        """
        if not self.is_cluster:
            return
        name = f"--executor {self.executor}"
        if request.is_in_memory:
            raise UsageError(f"{name}: jobs find models, data and metrics by name or file; some are in memory only.")
        if not kept:
            raise UsageError(f"{name}: jobs and this process share a results folder. Name one by --results.")
        if conditions.run_until is not None:
            raise UsageError(
                f"{name}: a job's time is `time` of its settings, after which it is queued again. Leave out "
                "--time-limit, or limit the training of each cell by --cell-time-limit."
            )

    def cluster(self, request: Request, conditions: Conditions) -> tuple[Cluster, Conditions]:
        """The executor of jobs, and the conditions in them.

        Raises:
            UsageError: submitit is not installed, or the device is none that jobs have.
        """
        settings = self._settings or request.protocol.slurm or ClusterSettings()
        device = _device_of_jobs(conditions.device, settings)
        return Cluster(find_scheduler(self.executor), settings, self.jobs), replace(conditions, device=device)


def _device_of_jobs(name: str, settings: ClusterSettings) -> str:
    if name == "auto":
        return "cuda:all" if settings.gpus else "cpu"
    if name in ("cuda", "cuda:all") and settings.gpus:
        return "cuda:all"
    if name in ("cuda", "cuda:all"):
        raise UsageError(f"Device {name!r}: jobs have no GPU. Set gpus = 1 in the settings of jobs.")
    if name != "cpu":
        raise UsageError(f"Unknown device {name!r} of a job. Accepted: auto, cpu, cuda, cuda:all.")
    return name
