"""Shared by the tests of the data sets: the folder of the real data, and small synthetic images."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    """The user's cache, of this test alone, and no folder of scikit-learn's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: folder / name)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(folder / "sklearn"))
    return folder / "ganbench"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def served(tmp_path_factory, monkeypatch):
    """A folder, and the address under which a server on this machine gives its files."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path_factory.mktemp("served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


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
