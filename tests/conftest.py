"""Fixtures of all tests: real data where they are, generators, one thread."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script; programs would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("COLUMNS", None)  # which workers of xdist have from their terminal, and programs would inherit


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets; the test is skipped where there is none."""
    folder = os.environ.get("GANBENCH_DATA")
    if not folder:
        pytest.skip("GANBENCH_DATA is not set: no real data here")
    if not Path(folder).is_dir():
        pytest.skip(f"GANBENCH_DATA names {folder}, which is no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def cuda() -> str:
    """The name of a CUDA device; the test is skipped where there is none."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return "cuda"


@pytest.fixture(scope="session")
def toys() -> str:
    """The file of the toy models; a spec of one is `f"{toys}:PixelwiseGaussian"`."""
    return str(Path(__file__).parent / "data" / "models.py")


@pytest.fixture(scope="session")
def rulers() -> str:
    """The file of the toy metrics; a spec of one is `f"{rulers}:Spread"`."""
    return str(Path(__file__).parent / "data" / "rulers.py")


@pytest.fixture
def toy_images(tmp_path) -> str:
    """A file of small images, cut into train, valid and test."""
    rng = np.random.default_rng(1)
    path = tmp_path / "squares.npz"
    np.savez(path, **{r: rng.random((n, 3, 3), np.float32) for r, n in [("train", 24), ("valid", 8), ("test", 12)]})
    return str(path)


def _as_toml(value) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_as_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value).replace("NaN", "nan")


@pytest.fixture
def toy_protocol(tmp_path, toy_images, toys):
    """Writes a protocol on the small images, with keys changed (None: left out), and returns its path."""

    def write(**changes) -> str:
        keys = {
            "name": "toy",
            "title": "Toys",
            "n_samples": 20,
            "metrics": ["parzen[grid=[0.1,0.2,0.4,0.8]]", "nearest_neighbors[limit=5]"],
            "table": ["parzen"],
            "models": [f"{toys}:PixelwiseGaussian"],
            "datasets": f"[{{ name = {json.dumps(toy_images)}, title = 'Squares' }}]",
        } | changes
        lines = (
            f"{key} = {value if key == 'datasets' else _as_toml(value)}"
            for key, value in keys.items()
            if value is not None
        )
        path = tmp_path / "toy.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    return write
