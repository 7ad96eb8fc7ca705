"""The fused kernel: in Triton's interpreter, compiled for a GPU that need not be there, and on CUDA itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import oracles
import pytest
import torch

from ganbench.metrics import PAPER_GRID, parzen_log_density

triton = pytest.importorskip("triton", reason="Triton is not there on this platform, and tiles serve on its GPUs")

COMPILE = """
import sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from ganbench.metrics._kernels import fused

constants = {
    "K": 10,
    "K_PADDED": 16,
    "BLOCK_POINTS": fused._BLOCK_POINTS,
    "BLOCK_CENTRES": fused._BLOCK_CENTRES,
    "BLOCK_DIMENSIONS": fused._BLOCK_DIMENSIONS,
}
names = fused._kernel.arg_names
kinds = {"counts": "*i32", "columns": "*i32"} | {name: "constexpr" for name in constants}
kinds |= {name: "i32" for name in ("n", "m", "d", "first_column", "columns_per_split", "slots")}
source = ASTSource(
    fn=fused._kernel,
    signature={name: kinds.get(name, "*fp32") for name in names},
    constexprs={(names.index(name),): value for name, value in constants.items()},
)
program = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": fused._WARPS})
print(len(program.asm["cubin"]), program.metadata.shared)
"""


def _python(arguments: list[str], tmp_path: Path, **variables: str) -> str:
    environment = os.environ | {"TRITON_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"} | variables
    run = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_kernel_agrees_with_sums_over_tiles(tmp_path):
    program = str(Path(__file__).with_name("fused_on_cpu.py"))
    results = json.loads(_python([program], tmp_path, TRITON_INTERPRET="1"))
    assert len(results) == 5
    for name, result in results.items():
        # float32 sums and exponentials: 2^-24 a rounding; exponents up to 10 / (2 · .1²) times a t off by 2^-23 of 10
        assert result["log sums"] < 1e-4, name
        assert result["minimum"] < 1e-5, name
        assert result["other pairs"] == 0, name
    assert results["ragged"]["pairs"] > 10


@pytest.mark.slow
def test_the_kernel_compiles_for_a_gpu_that_is_not_here(tmp_path):
    size, shared = map(int, _python(["-c", COMPILE], tmp_path).split())
    assert size > 0
    assert shared <= 227 * 1024  # what a program of this architecture may ask for


@pytest.mark.cuda
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (70, 201, 37), (300, 1000, 784), (130, 500, 2304)])
def test_on_cuda_the_log_density_agrees_with_the_oracle(cuda, n, m, d):
    rng = np.random.default_rng(0)
    points, centres = rng.random((n, d), np.float32), rng.random((m, d), np.float32)
    values = parzen_log_density(torch.from_numpy(points).to(cuda), torch.from_numpy(centres).to(cuda), PAPER_GRID)
    for row, bandwidth in zip(values.cpu().numpy(), PAPER_GRID, strict=True):
        np.testing.assert_allclose(row, oracles.parzen_log_density(points, centres, bandwidth), rtol=0, atol=1e-3)
