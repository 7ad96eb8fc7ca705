"""The gallery: of every model that is installed its samples, scores, settings and deviations from the paper."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas
from PIL import Image

import ganbench
from ganbench.registry.cards import read_card
from ganbench.registry.models import ModelSource, find_model
from tools.site.markdown import escaped, table
from tools.site.results import ROOT

__all__ = ["pages"]

_RESULTS = ROOT / "results"


def pages() -> dict[str, str]:
    """Markdown: a page for each model, and the gallery that leads to them."""
    installed = list(ganbench.catalogue()["models"])
    references = {name: _source(name).reference for name in installed if _source(name).reference}
    names = [name for name in installed if name not in references]
    return {"models/index.md": _gallery(names, references)} | {f"models/{name}.md": _page(name) for name in names}


def _gallery(names: Sequence[str], references: Mapping[str, str]) -> str:
    known = [[f"`{name}`", f"{_summary(name)}.", escaped(shows)] for name, shows in references.items()]
    cards = "\n".join(_card(name) for name in names)
    listed = "\n".join(names)
    return (
        "# Gallery of models\n\n"
        "Every model that is installed, from its own source, presets, card and committed results. "
        "{doc}`Table 1 </index>` has the scores side by side.\n\n"
        f"::::{{grid}} 1 2 2 2\n:gutter: 3\n\n{cards}\n::::\n\n"
        "## Rows of known standing\n\n"
        "References stand in a table to show how far its numbers can be trusted: `--ladder`, {doc}`/references`.\n\n"
        f"{table(('Reference', 'What it gives', 'What it shows'), known)}\n"
        f":::{{toctree}}\n:hidden:\n\n{listed}\n:::\n"
    )


def _card(name: str) -> str:
    picture = next(iter([*_pictures(name, "figures", "figure2-*"), *_pictures(name, "sheets", "samples")]), None)
    image = f":img-top: {_relative(picture)}\n:img-alt: Samples of {name}\n" if picture else ""
    return f":::{{grid-item-card}} {_title(name)}\n:link: {name}\n:link-type: doc\n{image}\n{_summary(name)}.\n:::\n"


def _summary(name: str) -> str:
    return escaped(ganbench.describe_component(name).summary)


def _page(name: str) -> str:
    thing = _source(name).load()
    parts = [f"# {_title(name)}\n", f"`{name}`, a class of `{thing.__module__}`.\n"]
    parts += _hard(name)
    parts += ["## Samples\n", *_shown(name)]
    parts += ["## Scores\n", _scores(name)]
    parts += ["## Settings, and deviations from the paper\n", *_published_differences(name), *_presets(name)]
    parts += [
        "## In Python\n",
        f"```{{eval-rst}}\n.. autoclass:: {thing.__module__}.{thing.__qualname__}\n   :no-index:\n```\n",
    ]
    return "\n".join(parts)


def _source(name: str) -> ModelSource:
    found = find_model(name)
    if not isinstance(found, ModelSource):
        raise TypeError(f"{name} is no model of a package")
    return found


def _title(name: str) -> str:
    titles = (ganbench.load_protocol(protocol).titles for protocol in ganbench.catalogue()["protocols"])
    return next((found[name] for found in titles if name in found), name)


def _hard(name: str) -> Iterator[str]:
    """The card."""
    card = read_card(_source(name))
    said = {name: getattr(card, name) for name in card.__struct_fields__}
    lines = [[name.capitalize(), escaped(text)] for name, text in said.items() if text]
    if lines:
        yield "## What is hard about it\n"
        yield "After Table 2 of {cite:t}`goodfellow2014`.\n"
        yield table(("", "Declared"), lines)


def _shown(name: str) -> Iterator[str]:
    """Pictures of its samples, with what their metadata say of them."""
    figures, sheets = _pictures(name, "figures", "figure2-*"), _pictures(name, "sheets", "samples")
    drawn = {(_said(path)["dataset"], _said(path)["protocol"]) for path in figures}
    others = [path for path in sheets if (_said(path)["dataset"], _said(path)["protocol"]) not in drawn]
    for picture in [*figures, *others, *_pictures(name, "sheets", "neighbors")]:
        below = escaped(_said(picture).get("Description", ""))  # sheets have their title in the picture
        alt = " ".join((_said(picture).get("Description") or _said(picture)["Title"]).split())
        width = ":width: 26em\n" if picture in figures else ""
        yield f"```{{figure}} {_relative(picture)}\n:alt: {alt}\n{width}\n{below}\n```\n"
    if not figures and not sheets:
        yield "No results of it are committed yet.\n"


def _pictures(name: str, folder: str, pattern: str) -> list[Path]:
    """Those of the model with any settings."""
    return [
        path
        for path in sorted((_RESULTS / folder).rglob(f"{pattern}.png"))
        if _said(path).get("model", "").partition("[")[0] == name
    ]


def _said(picture: Path) -> dict[str, str]:
    with Image.open(picture) as image:
        return {str(key): str(text) for key, text in image.info.items()}


def _relative(path: Path) -> str:
    """From a page of the gallery."""
    return Path(os.path.relpath(path, ROOT / "docs" / "generated" / "models")).as_posix()


def _scores(name: str) -> str:
    """What was measured, and for several trainings the band in which a new one ends."""
    lines = []
    for protocol in ganbench.stored_protocols(_RESULTS):
        frame = ganbench.table(_RESULTS, protocol)
        of_model = frame[frame.model.str.fullmatch(rf"{name}(\[.*\])?") & frame.value.notna()]
        lines += [_score(row, protocol) for _, row in of_model.iterrows()]
    if not lines:
        return "None is committed yet.\n"
    return table(("Data", "Settings", "Measured", "± is", "Published"), lines)


def _score(row: pandas.Series, protocol: ganbench.Protocol) -> list[str]:
    seeds = row.standard_error_across == "seeds"
    error = row.prediction_error if seeds else row.standard_error
    what = f"{row.prediction_level:.0%} range of a new training, from {row.seeds}" if seeds else ""
    plan = protocol.plan_of(row.dataset)
    settings = row.model.partition("[")[2].removesuffix("]")
    number = f"{ganbench.with_error(row.value, error)} {row.unit}"
    return [
        escaped(plan.title if plan and plan.title else row.dataset),
        f"`{settings}`" if settings else "the preset's",
        f"{escaped(row.quantity.replace('_', ' '))} {number}",
        what or f"standard error across {row.standard_error_across}",
        "-" if pandas.isna(row.published_mean) else f"{row.published_mean:g} ± {row.published_standard_error:g}",
    ]


def _published_differences(name: str) -> Iterator[str]:
    """In what the published values are known to have been made otherwise."""
    for protocol in map(ganbench.load_protocol, ganbench.catalogue()["protocols"]):
        for value in protocol.published:
            if value.model == name:
                listed = "\n".join(f"- {escaped(text)}" for text in value.differences)
                head = f"The published {value.mean:g} on {value.dataset}"
                error = "" if value.standard_error is None else f" ± {value.standard_error:g}"
                yield f"**{head.replace(' on', error + ' on')}** ({escaped(value.source)}):\n\n{listed}\n"


def _presets(name: str) -> Iterator[str]:
    """Each preset: its opening comment as text, and the file."""
    for preset, path in _source(name).presets.items():
        text = path.read_text(encoding="utf-8")
        rest = re.sub(r"\A(?:#.*\n)*", "", text)
        said = re.sub(r"^# ?", "", text.removesuffix(rest), flags=re.MULTILINE)
        yield f"### Preset `{preset}`\n\n{said}\n"
        yield f":::{{dropdown}} {path.name}\n```toml\n{rest.strip()}\n```\n:::\n"
