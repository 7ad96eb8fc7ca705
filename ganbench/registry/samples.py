"""Samples as models: files, folders and arrays of them, which are scored and never trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ganbench.errors import ModelError
from ganbench.registry.specs import format_spec
from ganbench.registry.variant import Variant

__all__ = ["SampleArray", "SampleFile"]


@dataclass(frozen=True)
class SampleFile:
    """A file or folder of samples, which are scored and never trained.

    Attributes:
        path: Where it is.
        settings: Its `layout` and `scale`, where they were given.
    """

    path: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The stem of the file."""
        return self.path.stem

    @property
    def mark(self) -> str:
        """Two files of one name are two rows, and copies of one file are one."""
        return self.fingerprint[:8]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the file, or of the names and contents of a folder."""
        from ganbench.datasets import source_sha256

        return source_sha256(self.path)

    def dependencies(self) -> dict[str, str]:
        """The file."""
        return {self.path.name: self.fingerprint}

    def variant(self, dataset: str, event_shape: Sequence[int]) -> Variant:
        """Samples have no hyper-parameters but how they are to be read."""
        return Variant(format_spec(self.path.name, self.settings), self.settings)

    def read(self) -> np.ndarray:
        """The samples as they are stored.

        Raises:
            DataError: The file cannot be read.
            UsageError: Which of its arrays are the samples cannot be told.
            ModelError: It has changed since its fingerprint was taken.
        """
        from ganbench.datasets import read_samples, source_sha256

        planned = self.fingerprint
        samples = read_samples(self.path).samples
        if source_sha256(self.path) != planned:
            raise ModelError(f"{self.path.name} changed while the run went on. Run the same command again.")
        return samples


@dataclass(frozen=True, eq=False)
class SampleArray:
    """Samples in memory."""

    samples: np.ndarray
    name: str = "samples"
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """Other samples make another row."""
        return self.fingerprint[:8]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the numbers."""
        from ganbench.datasets.base import content_checksum

        return content_checksum(self.samples)

    def dependencies(self) -> dict[str, str]:
        """The samples."""
        return {self.name: self.fingerprint}

    def variant(self, dataset: str, event_shape: Sequence[int]) -> Variant:
        """Samples have no hyper-parameters but how they are to be read."""
        return Variant(format_spec(self.name, self.settings), self.settings)

    def read(self) -> np.ndarray:
        """The samples."""
        return self.samples
