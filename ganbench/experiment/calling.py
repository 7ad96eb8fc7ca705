"""Calling a model or a metric without letting it change what it shares with those that come after it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ganbench.errors import ModelError
from ganbench.registry.user_files import calling_user_code
from ganbench.runtime.surroundings import process_settings, random_settings, restored

__all__ = ["calling"]


@contextlib.contextmanager
def calling(who: str, *, may_seed: bool = False) -> Iterator[None]:
    """Call code that is not ours: what it prints goes to stderr, and the settings of the process are put back.

    Args:
        who: Whose code it is.
        may_seed: Whether it may use the global random states, as when it is imported; they are put back all the same.

    Raises:
        ModelError: It changed a setting.
    """
    with calling_user_code(), restored(random_settings()) as seeded, restored(process_settings()) as changed:
        yield
        findings = changed() + ([] if may_seed else seeded())
    if findings:
        raise ModelError(f"{who} must leave alone what it shares with others: {' Also, '.join(findings)}")
