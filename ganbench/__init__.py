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
    "ModelError": "ganbench.errors",
    "UserError": "ganbench.errors",
    "derive_seed": "ganbench.runtime.seeding",
    "torch_generator": "ganbench.runtime.seeding",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ganbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
