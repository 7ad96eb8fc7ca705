"""How long the command line takes to answer: its help, and an experiment whose every record is stored."""

from __future__ import annotations

import subprocess
import sys
import time


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "ganbench", *arguments], check=True, capture_output=True)


class Help:
    def time_help(self):
        _run("--help")


class CachedRunAll:
    """All twenty cells of the default protocol, run once."""

    timeout = 1200

    def setup_cache(self):
        _run("run-all", "--quiet")  # into the working directory, which asv makes for this class and removes

    setup_cache.timeout = 1200

    def track_seconds_of_cached_run_all(self):
        begun = time.perf_counter()
        _run("run-all", "--quiet")
        return time.perf_counter() - begun

    track_seconds_of_cached_run_all.unit = "s"
