"""ganbench: the benchmark and evaluation harness that regenerates Table 1 of Generative Adversarial Nets.

The names below are the public interface. They are loaded when first used, so that importing `ganbench` (and
`ganbench --help`) stays fast and imports no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "GenerativeModel": "ganbench.model",
    "Replayed": "ganbench.graphs",
    "UserError": "ganbench.errors",
    "add_product_": "ganbench.products",
    "affine": "ganbench.products",
    "derive_seed": "ganbench.seeding",
    "random_integers": "ganbench.random_bits",
    "resolve_precision": "ganbench.device",
    "shuffled_minibatches": "ganbench.minibatches",
    "torch_generator": "ganbench.seeding",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ganbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
