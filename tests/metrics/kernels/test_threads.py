"""Kernels by several threads, which the suite has not by itself, give what they give by one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import oracles
import pytest
import torch
from clustered import images
from live_bytes import LiveBytes

from ganbench.metrics import nearest_neighbors, parzen_log_density
from ganbench.metrics._kernels import parzen
from ganbench.metrics._kernels.distances import Reference
from ganbench.metrics._kernels.threads import side_by_side
from ganbench.runtime.device import limited_threads

POINTS, CENTRES = images(301, 64, 1), images(2003, 64, 2)
BANDWIDTHS = [0.05, 0.3, 1.0]
TOLERANCE = 1e-3  # nats, as is promised


@pytest.fixture(params=["bfloat16 first", "torch", "compiled"])
def dealt_out(request, monkeypatch) -> list[tuple[int, int, int]]:
    """However little there is to do, threads share it: which they were, how many torch had in each, their memory."""
    if request.param == "compiled":
        pytest.importorskip("numba", reason="numba, of the extra `fast`, is not installed")
    seen = []

    def spy(name):
        by = getattr(parzen, name)

        def record(points, reference, *rest, **options):
            seen.append((threading.get_ident(), torch.get_num_threads(), reference.max_memory))
            return by(points, reference, *rest, **options)

        monkeypatch.setattr(parzen, name, record)

    coarse = request.param == "bfloat16 first"
    spy("_by_bfloat16" if coarse else "_by_float32")
    monkeypatch.setattr(parzen, "_has_numba", lambda: request.param == "compiled")
    monkeypatch.setattr(parzen, "has_bfloat16_units", lambda device: coarse)
    for name, value in {"_WORTH_COMPILING": 0, "_MANY_DIMENSIONS": 1, "_WORTH_A_PAIR": 4}.items():
        monkeypatch.setattr(parzen, name, value)
    return seen


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_log_densities(threads, dealt_out):
    with limited_threads(threads):
        before = threading.active_count()
        found = parzen_log_density(POINTS, CENTRES, BANDWIDTHS)
        assert torch.get_num_threads() == threads
        assert threading.active_count() == before  # none is left behind
        for _ in range(3):
            assert torch.equal(parzen_log_density(POINTS, CENTRES, BANDWIDTHS), found)
    expected = [oracles.parzen_log_density(POINTS, CENTRES, s) for s in BANDWIDTHS]
    np.testing.assert_allclose(found, np.stack(expected), rtol=0, atol=TOLERANCE)
    elsewhere = {thread for thread, _, _ in dealt_out} - {threading.get_ident()}
    assert bool(elsewhere) == (threads > 1)
    assert {number for _, number, _ in dealt_out} == {1}


def test_in_inference_mode(dealt_out):
    with limited_threads(2), torch.inference_mode():
        points, centres = torch.from_numpy(POINTS) + 0, torch.from_numpy(CENTRES) + 0
        found = parzen_log_density(points, centres, 0.3)
    expected = oracles.parzen_log_density(POINTS, CENTRES, 0.3)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("rows", "memory", "number"), [(301, 2**28, 3), (191, 2**28, 2), (127, 2**28, 1), (301, 2**25, 2), (301, 2**23, 1)]
)
def test_a_thread_has_rows_and_memory_enough(rows, memory, number, dealt_out, monkeypatch):
    shared = []

    def record(function, items, threads):
        shared.append(threads)
        return side_by_side(function, items, threads)

    monkeypatch.setattr(parzen, "side_by_side", record)
    with limited_threads(3):
        parzen_log_density(POINTS[:rows], CENTRES, 0.3, max_memory=memory)
    assert shared[0] == number
    assert shared[-1] == 1  # float64, by MKL


@pytest.mark.parametrize("kind", ["noise", "far"])
@pytest.mark.parametrize(("threads", "d"), [(2, 64), (4, 784)])
def test_working_memory_of_all_threads_stays_within_the_setting(kind, threads, d, dealt_out, monkeypatch):
    budget = 2**25
    monkeypatch.setattr(parzen, "_MEMORY_OF_A_THREAD", budget // threads)
    generator = torch.Generator().manual_seed(0)
    points, centres = (torch.rand(n, d, generator=generator) for n in (260, 1100))
    if kind == "far":
        points[::2, 0] += 1e4
        centres[::2, 0] += 1e4
    memory = LiveBytes(points, centres)
    monkeypatch.setattr(parzen, "side_by_side", lambda f, *rest: side_by_side(memory.counted(f), *rest))
    with limited_threads(threads), memory:
        parzen_log_density(points, centres, 0.3, max_memory=budget)
    assert {share for _, _, share in dealt_out} == {budget // threads}
    assert memory.peak <= budget


@pytest.mark.parametrize("threads", [2, 3])
def test_neighbours(threads):
    with limited_threads(1):
        distances, indices = nearest_neighbors(POINTS, CENTRES, k=3)
    with limited_threads(threads):
        others, same = nearest_neighbors(POINTS, CENTRES, k=3)
    assert torch.equal(indices, same)
    torch.testing.assert_close(distances, others, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("number", "threads", "share"), [(2, 2, 1), (4, 2, 2), (5, 2, 2), (2, 3, 1), (4, 1, 4)])
def test_threads_share_those_of_torch(number, threads, share):
    elsewhere = []

    def another():
        torch.ones(9).sum()
        elsewhere.append(torch.get_num_threads())

    def work(item):
        if item == 0:
            other = threading.Thread(target=another)
            other.start()
            other.join()
        (torch.ones(300, 300) @ torch.ones(300, 300)).exp()  # torch has set the number of its threads by then
        return item, torch.get_num_threads()

    with limited_threads(number):
        assert side_by_side(work, range(5), threads) == [(item, share) for item in range(5)]
        assert torch.get_num_threads() == number
    assert elsewhere == [number]


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_thread_raises_is_raised_and_the_rest_left(threads):
    begun, before = [], threading.active_count()

    def work(item):
        begun.append(item)
        time.sleep(0.01)
        if item == 1:
            raise MemoryError("too much")
        return item

    with pytest.raises(MemoryError, match="too much"):
        side_by_side(work, range(1000), threads)
    assert len(begun) < 500
    assert threading.active_count() == before


def test_an_exception_in_a_band_is_that_of_the_metric(dealt_out, monkeypatch):
    def refuse(*arguments):
        raise MemoryError("too much")

    monkeypatch.setattr(Reference, "_right_operand", refuse)
    with limited_threads(2), pytest.raises(MemoryError, match="too much"):
        parzen_log_density(POINTS, CENTRES, 0.3)


FORK = """
import os, signal
import torch
from ganbench.metrics import parzen_log_density
from ganbench.metrics._kernels import parzen

parzen._WORTH_COMPILING = 0
torch.set_num_threads(2)
points, centres = torch.rand(300, 8), torch.rand(500, 8)
expected = parzen_log_density(points, centres, 0.3)
signal.alarm(100)
if (child := os.fork()) == 0:
    signal.alarm(60)
    os._exit(0 if torch.equal(parzen_log_density(points, centres, 0.3), expected) else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_process_that_forks_goes_on():
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.returncode) == ("0", 0), run.stderr


@pytest.mark.parametrize("n", [0, 1, 2, 7, 100, 1001])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bands_are_equal_and_as_many_for_each_thread(n, threads):
    reference = Reference.prepare(torch.zeros(1, 1), 2**20)
    bands = reference.bands(torch.arange(n), 2**11, threads)  # 128 rows are a quarter of the memory
    sizes = [len(band) for band in bands]
    assert torch.equal(torch.cat([torch.arange(0), *bands]), torch.arange(n))
    assert len(bands) <= threads * math.ceil(n / (128 * threads))
    assert max(sizes, default=0) <= 128
    assert len(bands) % threads == 0 or n < 10
    assert max(sizes, default=0) - min(sizes, default=0) < max(2, len(bands))
