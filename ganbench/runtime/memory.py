"""How much memory is free."""

from __future__ import annotations

from pathlib import Path

__all__ = ["free_bytes"]

_MEMINFO = Path("/proc/meminfo")


def free_bytes() -> int | None:
    """The bytes that programs may still take before the system swaps; None where it does not tell."""
    try:
        lines = _MEMINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = next((line.split() for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else 1024 * int(found[1])
