"""Repeat the rulers on fresh samples and count; `python -m tools.intervals [REPETITIONS]` prints a table for docs.

Samples are N(s, t^2 I) and test examples N(0, I) in eight dimensions, 300 of each; classes are the signs of the first
two coordinates.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ganbench.metrics.class_histogram import ClassHistogram
from ganbench.metrics.frechet import Frechet
from ganbench.metrics.kid import KernelDistance
from ganbench.metrics.metric import Labels
from ganbench.metrics.mmd import MMD
from ganbench.metrics.nearest_neighbor_two_sample import NearestNeighborTwoSample
from ganbench.metrics.prdc import PRDC
from ganbench.metrics.sliced_wasserstein import SlicedWasserstein
from ganbench.metrics.two_sample_classifier import ClassifierTwoSample
from ganbench.metrics.vendi import Vendi

_N, _DIMENSIONS = 300, 8
_LAWS = {"the same": (0.0, 1.0), "near": (0.1, 1.0), "far": (0.3, 1.2)}
_METRICS: tuple[Any, ...] = (
    Frechet(space="pixels"),
    SlicedWasserstein(directions=50),
    MMD(permutations=99),
    KernelDistance(),
    PRDC(),
    ClassifierTwoSample(),
    NearestNeighborTwoSample(permutations=99),
    ClassHistogram(),
    Vendi(),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repetitions", nargs="?", type=int, default=300)
    repetitions = parser.parse_args().repetitions
    torch.set_num_threads(1)
    tables = {law: measured(shift, scale, repetitions) for law, (shift, scale) in _LAWS.items()}
    rows = [
        ("value", *tables),
        ("---",) * (1 + len(tables)),
        *((name, *(_cell(name, np.array(table[name])) for table in tables.values())) for name in tables["the same"]),
    ]
    sys.stdout.writelines(f"| {' | '.join(row)} |\n" for row in rows)


def measured(shift: float, scale: float, repetitions: int) -> dict[str, list[tuple[float, ...]]]:
    """Values with their errors and the ends of their intervals, and p-values, by metric and name."""
    found = defaultdict(list)
    train = _draw(2 * _N, -1)
    for seed in range(repetitions):
        data = {
            "generated": _draw(_N, 3 * seed) * scale + shift,
            "test": _draw(_N, 3 * seed + 1),
            "valid": _draw(_N, 3 * seed + 2),
            "train": train,
            "labels": Labels(train=_classes(train)),
        }
        for metric in _METRICS:
            for name, *numbers in _numbers(metric, data):
                found[f"`{metric.name}` {name}"].append(tuple(numbers))
    return dict(found)


def _numbers(metric: Any, data: dict[str, Any]) -> Iterator[tuple[str, float, float, float, float]]:
    """Name, value, error, and the interval that the result carries, or else 1.96 errors to either side."""
    values = metric.measure(**{role: data[role] for role in ("generated", *metric.needs)}).values
    for name, value in values.items():
        error = value.standard_error
        if f"{name}_low" in values:
            yield name, value.value, error, values[f"{name}_low"].value, values[f"{name}_high"].value
        elif name == "p" or error is not None:
            half = 1.96 * (error or 0.0)
            yield name, value.value, error or 0.0, value.value - half, value.value + half


def _cell(name: str, found: np.ndarray) -> str:
    values, errors, low, high = found.T
    if name.endswith(" p"):
        return f"rejects {np.mean(values <= 0.05):.1%}"
    usual = np.sqrt(np.mean(errors**2)) / values.std(ddof=1) if values.std() else np.nan
    return f"{usual:.2f}, {np.mean((low <= values.mean()) & (values.mean() <= high)):.1%}"


def _draw(n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed % 2**31)
    return torch.randn(n, _DIMENSIONS, generator=generator)


def _classes(examples: torch.Tensor) -> torch.Tensor:
    return (examples[:, 0] > 0).long() + 2 * (examples[:, 1] > 0).long()


if __name__ == "__main__":
    main()
