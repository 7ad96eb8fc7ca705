"""Kernels by several threads, which the suite has not by itself, give what they give by one."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
import torch
from clustered import images

from ganbench.metrics import nearest_neighbors, parzen_log_density
from ganbench.runtime.device import limited_threads

POINTS, CENTRES = images(301, 64, 1), images(2003, 64, 2)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_log_densities(threads):
    with limited_threads(threads):
        assert torch.get_num_threads() == threads
        found = parzen_log_density(POINTS, CENTRES, [0.05, 0.3, 1.0])
    expected = [oracles.parzen_log_density(POINTS, CENTRES, s) for s in (0.05, 0.3, 1.0)]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-3)


@pytest.mark.parametrize("threads", [2, 3])
def test_neighbours(threads):
    with limited_threads(1):
        distances, indices = nearest_neighbors(POINTS, CENTRES, k=3)
    with limited_threads(threads):
        others, same = nearest_neighbors(POINTS, CENTRES, k=3)
    assert torch.equal(indices, same)
    torch.testing.assert_close(distances, others, rtol=1e-12, atol=0)
