"""The numbers that others published, from the protocols' files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganbench import load_protocol
from ganbench.protocols import Published, protocol_names, published_elsewhere
from tools.site.markdown import escaped, linked, table

__all__ = ["pages"]

_HEAD = """\
# Published numbers

Parzen log-likelihoods in nats, as their sources print them. `ganbench table` holds measured values against those of a
protocol and gives each a verdict; `ganbench table --published` shows the others as rows of their own. In what ours
differ, and what that changes: [methods](../methods.md).
"""


def pages() -> dict[str, str]:
    """Markdown."""
    parts = [_HEAD]
    for name in protocol_names():
        protocol = load_protocol(name)
        if protocol.published:
            titles = {**protocol.titles, **{plan.name: plan.title or plan.name for plan in protocol.datasets}}
            parts += [f"## Of the protocol `{name}`\n", _table(protocol.published, titles)]
    parts += ["## Of later papers, and of others who ran these models\n", _table(published_elsewhere(), {})]
    return {"published.md": "\n".join(parts)}


def _table(published: Sequence[Published], titles: dict[str, str]) -> str:
    lines = [_line(value, titles) for value in published]
    said: dict[str, list[str]] = {}
    for value, line in zip(published, lines, strict=True):
        for remark in _remarks(value):
            said.setdefault(remark, []).append(f"{line[0]} on {line[1]}")
    known = "\n".join(f"- {escaped(remark)}: {', '.join(names)}." for remark, names in said.items())
    return f"{table(('Model', 'Data', 'Nats', 'Samples', 'Source'), lines)}\nWhat is known of them:\n\n{known}\n"


def _line(value: Published, titles: dict[str, str]) -> list[str]:
    error = value.standard_error
    return [
        escaped(titles.get(value.model, value.model)),
        escaped(titles.get(value.dataset, value.dataset)),
        f"{value.mean:g}" if error is None else f"{value.mean:g} ± {error:g}",
        f"{value.n_samples:,}" if value.n_samples else "not known",
        linked(value.source, value.address),
    ]


def _remarks(value: Published) -> Iterator[str]:
    if value.recalled:
        yield "from memory, not read in the source"
    if not value.comparable:
        yield f"not comparable: {value.reason}"
    yield from value.differences
