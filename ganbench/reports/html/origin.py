"""Where the numbers of a page come from: how to repeat a row, what to write in a paper, what to cite."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ganbench.datasets import find_entry
from ganbench.errors import UserError
from ganbench.protocols import Protocol
from ganbench.records.record import Record, Score
from ganbench.registry.metrics import find_metric
from ganbench.registry.models import find_model
from ganbench.registry.source import Source
from ganbench.registry.specs import format_spec, same_setting

__all__ = ["bibtex", "command", "methods", "provenance"]

_BIBLIOGRAPHY = "references.bib"
_ENTRY = re.compile(r"^@\w+\{([^,\s]+),.*?^\}", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"url\s*=\s*\{([^}]+)\}")


def command(records: Sequence[Record], protocol: Protocol) -> str:
    """What makes the records of one model on one data set again, as lines of a shell."""
    first = records[0]
    own = (
        set(protocol.metrics_on(plan)) if (plan := protocol.plan_of(first.dataset.identity)) else set(protocol.metrics)
    )
    known = {spec.partition("[")[0] for spec in own}
    more = list(dict.fromkeys(_metric(score) for r in records for score in r.scores if score.metric not in known))
    words = ["ganbench", "run-all", "--protocol", protocol.name, "--models", first.model.spec]
    words += ["--datasets", plan.name if plan else first.dataset.name]
    seeds = max(record.seed for record in records) + 1
    words += [*(["--seeds", str(seeds)] if seeds > 1 else []), *(["--metrics", *more] if more else [])]
    device = first.provenance.get("device")
    words += [*(["--device", str(device)] if device else []), "--results", "repeated"]
    lines = list(_remarks(records))
    commit = str(first.provenance.get("commit", ""))
    if commit:
        lines.append(
            f"git checkout {commit.rstrip('+')}" + "  # with changes that were not committed" * commit.endswith("+")
        )
    return "\n".join([*lines, shlex.join(words)])


def _remarks(records: Sequence[Record]) -> Iterator[str]:
    first = records[0]
    if first.model.mark or first.dataset.mark:
        which = [f"{ref.name} {ref.mark[:12]}" for ref in (first.model, first.dataset) if ref.mark]
        yield f"# with the files that had this content: {', '.join(which)}; write their paths"
    stopped = {f"{r.training.epochs} epochs" for r in records if r.training and r.training.stopped == "time limit"}
    if stopped:
        yield f"# a time limit ended the training after {', '.join(sorted(stopped))}; without one it goes on"


def _metric(score: Score) -> str:
    """A metric as a spec, with the settings that are not its defaults; only its name where it is not installed."""
    defaults = _defaults(score.metric)
    settings = {k: v for k, v in score.settings.items() if k in defaults and not _same(v, defaults[k])}
    return format_spec(score.metric, settings)


@cache
def _defaults(metric: str) -> Mapping[str, Any]:
    """Of an installed metric's settings; none of another."""
    try:
        return find_metric(metric).effective
    except UserError:
        return {}


def _same(value: Any, default: Any) -> bool:
    return same_setting(value, list(default) if isinstance(default, tuple) else default)


def provenance(records: Sequence[Record]) -> list[tuple[str, str]]:
    """What the records say of code, machine, data, seeds and samples: name and value, each distinct value once."""
    facts: dict[str, dict[str, None]] = {}

    def add(name: str, value: Any) -> None:
        if value not in (None, "", {}, ()):
            facts.setdefault(name, {})[str(value)] = None

    for record in records:
        for name, value in record.provenance.items():
            parts = value.items() if isinstance(value, dict) else [(name.replace("_", " "), value)]
            for key, part in parts:
                add(key, part)
        training = record.training
        if training is not None:
            add("training commit", training.provenance.get("commit"))
            add("training machine", training.provenance.get("device_name"))
        add("data sha256", f"{record.dataset.identity}: {record.dataset.checksum}" if record.dataset.checksum else "")
        place = f"{record.fold}, seed {record.seed}"
        add("samples sha256", f"{place}: {record.samples.sha256} ({record.samples.n})" if record.samples else "")
        add("started", record.timing.started)
    return [(name, "\n".join(values)) for name, values in facts.items()]


def methods(records: Sequence[Record], protocol: Protocol) -> str:
    """A paragraph for a paper: what was run, by what, how it was measured."""
    done = [record for record in records if record.status == "done"]
    counts = sorted({record.samples.n for record in done if record.samples})
    models = dict.fromkeys(record.model.spec for record in done if not record.model.reference)
    data = dict.fromkeys(f"{r.dataset.identity} (sha256 {r.dataset.checksum[:12]})" for r in done)
    versions = dict.fromkeys(str(r.provenance.get("ganbench", "")) for r in done if r.provenance.get("ganbench"))
    commits = dict.fromkeys(str(r.provenance["commit"])[:12] for r in done if r.provenance.get("commit"))
    seeds = len({record.seed for record in done})
    by = f"ganbench {', '.join(versions)}" + (f" (commit {', '.join(commits)})" if commits else "")
    metrics = dict.fromkeys(f"{_metric(score)} (version {score.version})" for r in done for score in r.scores)
    return (
        f"Evaluated with {by} by its protocol {protocol.name!r}. From each of {', '.join(models) or 'no models'} "
        f"{' or '.join(map(str, counts))} samples were drawn and scored on {', '.join(data)}; "
        f"{seeds} base seed{'s' * (seeds > 1)}. Settings were chosen on validation data, values are of test data. "
        f"Metrics: {'; '.join(metrics)}."
    )


def bibtex(records: Iterable[Record]) -> str:
    """Entries for the models, metrics and data of the records: those whose addresses their sources name.

    They are looked up in a `references.bib` beside the source, in the packages that it is in, and in our own.
    """
    found: dict[str, str] = {}
    for path in dict.fromkeys(_sources(records)):
        text = path.read_text(encoding="utf-8", errors="replace")
        for key, entry in _entries(path).items():
            address = _ADDRESS.search(entry)
            if address and re.search(rf"{re.escape(address[1].rstrip('/'))}(?![\w./]*\w)", text):
                found[key] = entry
    return "\n\n".join(found[key] for key in sorted(found))


def _entries(source: Path) -> dict[str, str]:
    places = [files("ganbench").joinpath(_BIBLIOGRAPHY)]
    folder = source.parent
    while (folder / "__init__.py").is_file():
        places.append(folder / _BIBLIOGRAPHY)
        folder = folder.parent
    texts = [place.read_text(encoding="utf-8") for place in places if place.is_file()]
    return {match[1]: match[0] for text in texts for match in _ENTRY.finditer(text)}


def _sources(records: Iterable[Record]) -> Iterator[Path]:
    """Files of the protocol, models, metrics and data sets; what is not installed, or is somebody's file, has none."""
    for record in records:
        protocol = Path(str(files("ganbench.protocols"))) / f"{record.protocol}.toml"
        if protocol.is_file():
            yield protocol
        if not record.model.mark and (path := _model_file(record.model.name)):
            yield path
        for score in record.scores:
            if path := _metric_file(score.metric):
                yield path
        if not record.dataset.mark and (path := _data_file(record.dataset.name)):
            yield path


@cache
def _model_file(name: str) -> Path | None:
    try:
        source = find_model(name)
        return source.file if isinstance(source, Source) else None
    except UserError:
        return None


@cache
def _metric_file(name: str) -> Path | None:
    try:
        found = inspect.getsourcefile(type(find_metric(name).metric))
    except (UserError, TypeError):
        return None
    return Path(found) if found else None


def _data_file(name: str) -> Path | None:
    try:
        return find_entry(name).source
    except UserError:
        return None
