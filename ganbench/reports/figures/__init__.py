"""The figures of the paper and of its claims, from records, stored samples and trained models.

One module a figure: `drawings` gives what can be drawn, and of what cannot the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ganbench.errors import UserError
from ganbench.files import file_name
from ganbench.protocols import Protocol
from ganbench.records.store import Store
from ganbench.reports.figures import curves, figure1, figure2, figure3, theory
from ganbench.reports.figures.drawing import Drawing, WrittenFigure, save
from ganbench.reports.figures.source import Source
from ganbench.reports.results import stored_protocols, stored_records

__all__ = ["WrittenFigure", "write_figures"]


def write_figures(
    results: str | Path,
    output: str | Path | None = None,
    protocol: str | Path | None = None,
    *,
    data_root: str | Path | None = None,
) -> tuple[WrittenFigure, ...]:
    """Write all figures of a results folder, each as PNG and PDF.

    Figures 1 and that of the theory, for which small nets are trained (half a minute), go to the output folder; what
    belongs to a protocol, to a folder of its name in there.

    Args:
        results: The results folder.
        output: Where figures go; `results/figures` by default.
        protocol: Only that of this protocol; by default all that have records.
        data_root: Where data sets lie; GANBENCH_DATA or the user's cache by default.

    Returns:
        One for each figure; what cannot be made has no files and a reason.

    Raises:
        StoreError: There are no records, or a file cannot be written.
    """
    folder = Path(output) if output is not None else Path(results) / "figures"
    sources = [_source(results, chosen, data_root) for chosen in stored_protocols(results, protocol)]
    written = [save(drawing, folder) for drawing in _of_the_game()]
    for source in sources:
        for module in (figure2, figure3, curves):
            below = folder / file_name(source.protocol.name)
            written += [save(drawing, below) for drawing in module.drawings(source)]
    return tuple(written)


def _of_the_game() -> Iterator[Drawing]:
    for name, module in (("figure1", figure1), ("theory", theory)):
        try:
            yield from module.drawings()
        except UserError as error:
            yield Drawing(name, reason=str(error))


def _source(results: str | Path, protocol: Protocol, data_root: str | Path | None) -> Source:
    records = tuple(record for record in stored_records(results, protocol) if record.status == "done")
    return Source(Store(Path(results)), protocol, records, None if data_root is None else str(data_root))
