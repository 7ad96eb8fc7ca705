"""Chores of tox that share an environment: `runner = shared` beside `env_dir` in `tox.ini`.

tox makes an environment anew when it is entered under another name, although what is installed in it is the same; here
torch alone takes 5 GB. An environment's own record then has no name:
https://tox.wiki/en/latest/plugins.html has the interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tox.plugin import impl
from tox.tox_env.api import ToxEnv
from tox.tox_env.info import Info
from tox.tox_env.python.virtual_env.runner import VirtualEnvRunner
from tox.tox_env.register import ToxEnvRegister


class _Info(Info):
    """What an environment remembers of itself, without its name."""

    @contextmanager
    def compare(self, value: Any, section: str, sub_section: str | None = None) -> Iterator[tuple[bool, Any]]:
        if section == ToxEnv.__name__:
            value = {key: item for key, item in value.items() if key != "name"}
        with super().compare(value, section, sub_section) as compared:
            yield compared


class SharedEnvironment(VirtualEnvRunner):
    """A virtual environment that several chores enter, one after the other."""

    @staticmethod
    def id() -> str:
        """Its name in `tox.ini`."""
        return "shared"

    @property
    def cache(self) -> Info:
        """What the environment remembers of itself."""
        return _Info(self.env_dir)


@impl
def tox_register_tox_env(register: ToxEnvRegister) -> None:
    """Make it known."""
    register.add_run_env(SharedEnvironment)
