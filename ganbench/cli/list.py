"""List the models, data sets and protocols that are known here.

A model whose package cannot be imported stays in the list, with its reason.
"""

from __future__ import annotations

import argparse
import json

from ganbench.errors import ModelError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the lists."""
    from ganbench.datasets import dataset_names, describe
    from ganbench.protocols import load_protocol, protocol_names
    from ganbench.registry.models import model_entry_points

    content = {
        "models": {name: _describe_model(name) for name in model_entry_points()},
        "datasets": {name: describe(name) for name in dataset_names()},
        "protocols": {name: load_protocol(name).title for name in protocol_names()},
    }
    if arguments.json:
        print(json.dumps(content, indent=1))
        return 0
    for kind, entries in content.items():
        print(f"{kind}:")
        width = max(map(len, entries), default=0)
        for name, text in entries.items():
            print(f"  {name:<{width}}  {text}")
    return 0


def _describe_model(name: str) -> str:
    from ganbench.registry.models import find_model

    try:
        model = find_model(name)
        summary = (model.load().__doc__ or "").strip().splitlines()
        presets = ", ".join(model.presets())
    except ModelError as error:
        return f"cannot be used: {error}"
    return f"{summary[0].rstrip('.') if summary else model.target}; presets: {presets or '(none)'}"
