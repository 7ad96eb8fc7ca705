"""List the models, metrics, data sets and protocols that are known here, or describe one model or metric.

The list says which data a model has presets for, what a metric is given besides the samples, where data are or belong,
and which libraries are not installed. What cannot be imported stays, with its reason.
"""

from __future__ import annotations

import argparse
import json
import textwrap

from ganbench.cli import options
from ganbench.cli.terminal import terminal_width

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "spec", nargs="?", metavar="SPEC", help="a model or metric: its settings, and what its results depend on"
    )
    options.add_data_folder(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the lists, or the description."""
    import ganbench

    if arguments.spec:
        return _describe(arguments.spec, as_json=arguments.json)
    content = ganbench.catalogue(arguments.data)
    if arguments.json:
        print(json.dumps(content, indent=1))
        return 0
    for kind, entries in content.items():
        print(f"{kind}:")
        width = max(map(len, entries), default=0)
        for name, text in entries.items():
            print(_entry(name, text, width))
    return 0


def _entry(name: str, text: str, width: int) -> str:
    """A name and what is said of it; on a terminal in lines of its width, elsewhere in one."""
    columns, begin = terminal_width(), f"  {name:<{width}}  "
    if columns is None:
        return begin + text
    after = " " * (len(begin) if columns >= 2 * len(begin) else 6)
    return textwrap.fill(
        text, columns, initial_indent=begin, subsequent_indent=after, break_on_hyphens=False, break_long_words=False
    )


def _describe(spec: str, *, as_json: bool) -> int:
    import msgspec

    import ganbench

    described = ganbench.describe_component(spec)
    if as_json:
        print(json.dumps(msgspec.to_builtins(described), indent=1))
        return 0
    print(f"{described.spec}: {described.summary}")
    is_model = described.kind == "model"
    if described.reference:
        print(f"a reference: {described.reference}")
    if not is_model:
        better = {"higher": "higher is better", "lower": "lower is better"}
        print(f"direction: {better.get(described.direction, 'neither higher nor lower is better')}")
    own = ("presets", described.presets) if is_model else ("needs besides samples", described.needs)
    for title, entries in (
        ("hyper-parameters" if is_model else "settings", described.settings),
        (own[0], dict.fromkeys(own[1], "")),
        ("results depend on", {name: sha256[:12] for name, sha256 in described.depends_on.items()}),
    ):
        print(f"{title}:" if entries else f"{title}: (none)")
        width = max(map(len, entries), default=0)
        for name, text in entries.items():
            print(f"  {name:<{width}}  {text}".rstrip())
    return 0
