"""A Slurm of one node on this machine, in a folder: its own munge, controller and node daemon, without cgroups.

`python tests/one_node_slurm.py FOLDER` starts one and prints the variable that its commands need, until it is
interrupted. The node daemon and all jobs have processes numbered apart (`unshare --pid`), so that no signal of theirs
reaches any other process of this machine, and all of them end with the daemon. A job that is queued again waits until
its credential has expired, here five seconds. The programs come from a distribution's packages, as Debian's `slurm-wlm`
with `munge`; they are started as root, whose jobs they run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PROGRAMS = ("unshare", "munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue")
_APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Runs a command whose processes see no others; the first of them must wait for those that lose their parents."""

_CONFIGURATION = """
ClusterName=ganbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MinJobAge=300
SchedulerParameters=sched_interval=1,batch_sched_delay=0,requeue_delay=0
UnkillableStepTimeout=30
NodeName={host} NodeAddr=127.0.0.1 CPUs={slots} RealMemory=1000000
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why no Slurm can be started here; empty where one can."""
    absent = [name for name in _PROGRAMS if _program(name) is None]
    if absent:
        return f"no {', '.join(absent)} here (Debian: apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "Slurm's daemons need root to start jobs"
    apart = subprocess.run([*_APART, "true"], capture_output=True, check=False).returncode == 0
    return "" if apart else "processes cannot be numbered apart here (unshare --pid), and Slurm's jobs must be"


@contextlib.contextmanager
def one_node_slurm(folder: Path, slots: int = 2) -> Iterator[dict[str, str]]:
    """Start a Slurm whose node takes so many tasks at a time, and end it.

    Yields:
        The environment variables that its commands need.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir(exist_ok=True)
    names = {"host": socket.gethostname(), "folder": folder, "slots": slots}
    text = _CONFIGURATION.format(controller_port=_free_port(), node_port=_free_port(), **names)
    (folder / "slurm.conf").write_text(text, encoding="utf-8")
    (folder / "cgroup.conf").write_text("CgroupAutomount=no\n", encoding="utf-8")
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for command in (
            _munge(folder),
            [_program("slurmctld"), "-D", "-i"],
            [*_APART, "sh", "-c", '"$0" -D & wait $!', _program("slurmd")],
        ):
            log = open(folder / f"{Path(command[0]).name}.out", "wb")  # noqa: SIM115 - the daemon keeps it
            daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True))
            log.close()
            time.sleep(0.5)
        _wait_until_idle(environment, folder)
        yield {"SLURM_CONF": environment["SLURM_CONF"]}
    finally:
        if len(daemons) == 3:
            _run(environment, "scancel", "--user=root")
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _munge(folder: Path) -> list[str]:
    files = {"socket": "socket", "key-file": "key", "log-file": "log", "pid-file": "pid", "seed-file": "seed"}
    options = [f"--{option}={folder}/munge.{name}" for option, name in files.items()]
    return [_program("munged"), "--foreground", "--force", *options]


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    deadline = time.monotonic() + 30
    while _run(environment, "sinfo", "--noheader", "--format=%t") != "idle":
        if time.monotonic() > deadline:
            logs = "\n".join(p.read_text(errors="replace")[-2000:] for p in sorted(folder.glob("*.log")))
            raise RuntimeError(f"Slurm does not start: {logs}")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with one_node_slurm(Path(sys.argv[1]).absolute()) as variables:
        for name, value in variables.items():
            print(f"export {name}={value}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
