"""Shared by the tests of the data sets: the folder of the real data, and small synthetic images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def real_root() -> Path:
    if not os.environ.get("GANBENCH_DATA"):
        pytest.skip("GANBENCH_DATA is not set: the real data are not here")
    return Path(os.environ["GANBENCH_DATA"])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def random_levels(rng):
    """A function that draws uint8 images of a shape, all different."""

    def draw(*shape: int) -> np.ndarray:
        return rng.integers(0, 256, size=shape, dtype=np.uint8)

    return draw
