"""What an option may be, where the command line and the code behind it both say so; light, as `--help` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

__all__ = ["BANDWIDTHS", "EXECUTORS", "FORMATS", "Bandwidth", "TableFormat", "protocol_names"]

TableFormat = Literal["text", "markdown", "latex", "csv", "json"]
FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)

Bandwidth = Literal["grid", "refined"]
BANDWIDTHS: tuple[Bandwidth, ...] = get_args(Bandwidth)
"""Of the Parzen estimate: at the optimum of the coarse grid, or of the second search."""

EXECUTORS = ("processes", "slurm", "local")
"""Where cells are run: in processes of the run, as jobs of Slurm, as jobs on this machine."""


def protocol_names() -> list[str]:
    """The protocols that ship with ganbench."""
    return sorted(path.stem for path in (Path(__file__).parent / "protocols").glob("*.toml"))
