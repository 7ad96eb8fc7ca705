"""The names of ganbench that have moved, found where a commit has them: the suite runs on old commits too."""

from __future__ import annotations

from typing import Any

try:
    from ganbench.registry.models import find_model
except ImportError:  # until 371e481
    from ganbench.registry import find_model

try:
    from ganbench import load_dataset
except ImportError:  # until it became a public name
    from ganbench.datasets import load_dataset

__all__ = ["load_dataset", "mnist_model"]


def mnist_model(name: str, device: str, **settings: Any) -> Any:
    """A model of Table 1 with the hyper-parameters for MNIST, but for some settings."""
    source = find_model(name)
    if hasattr(source, "variant"):
        preset = source.variant("mnist", (28, 28)).hyperparameters
    else:  # until 371e481
        preset = source.hyperparameters("mnist")
    return source.build((28, 28), device, {**preset, **settings})
