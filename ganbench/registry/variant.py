"""A model with its hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Variant"]


@dataclass(frozen=True)
class Variant:
    """A model with the hyper-parameters that it has on one data set.

    Attributes:
        label: How it is written: its name and the settings that differ from the preset's; equal variants have equal
            labels.
        hyperparameters: Preset and settings.
        preset: The name of the preset; empty where there is none.
    """

    label: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    preset: str = ""
