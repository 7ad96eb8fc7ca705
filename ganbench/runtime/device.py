"""The choice of a device. The CPU is always good enough; an accelerator is used where one is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ganbench.errors import UsageError

if TYPE_CHECKING:
    pass

__all__ = ["DEVICES", "limited_threads", "resolve_device", "resolve_devices", "usable_cores"]

DEVICES = "auto, cpu, cuda, cuda:N, mps"
"""The names of devices, in words."""


def usable_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Within it torch computes with so many threads on the CPU; with 0 as many as it had."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def resolve_device(name: str = "auto") -> str:
    """Turn `auto`, `cpu`, `cuda`, `cuda:1` or `mps` into a device that exists here.

    `auto` is CUDA where it is present and the CPU otherwise. A device that was asked for by name and is not there is
    an error, never a silent substitute.

    Raises:
        UsageError: The name is no device of torch's, or the device is not available on this machine.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"Unknown device {name!r}. Accepted: {DEVICES}.") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"Unknown device {name!r}. Accepted: {DEVICES}.")
    missing = (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()) or (
        device.type == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise UsageError(f"Device {name!r} was asked for and is not available here. Use --device cpu or auto.")
    return str(device)


def resolve_devices(name: str = "auto") -> tuple[str, ...]:
    """Turn a name into the devices over which cells are spread: one, or every GPU of this machine for `cuda:all`.

    Raises:
        UsageError: See `resolve_device`.
    """
    import torch

    if name != "cuda:all":
        return (resolve_device(name),)
    if not torch.cuda.is_available():
        raise UsageError("Device 'cuda:all' was asked for and no GPU is available here. Use --device cpu or auto.")
    return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
