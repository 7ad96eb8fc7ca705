"""Metrics of memorisation against plain arithmetic on small data, in which every role is told from the others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import nhypergeom

from ganbench.metrics.memorisation.authenticity import Authenticity
from ganbench.metrics.memorisation.birthdays import Birthdays
from ganbench.metrics.memorisation.copies import Copies, near_copies
from ganbench.metrics.memorisation.data_copying import DataCopying
from ganbench.metrics.memorisation.shifts import ShiftedCopies, shifted
from ganbench.metrics.subsets import chosen

_ROLES = {"": "generated", "null_": "valid"}


def _numbers(whole):
    """Of another spread for every role; whole numbers have ties."""
    rng, spreads = np.random.default_rng(5), {"generated": 20, "train": 90, "valid": 120, "test": 60}
    sizes = {"generated": 60, "train": 130, "valid": 45, "test": 50}
    data = {role: rng.normal(size=(size, 1)) * spreads[role] for role, size in sizes.items()}
    return {r: torch.from_numpy(np.round(x) if whole else x).float() for r, x in data.items()}


def _apart(a, b):
    return (a.double() - b.double().T).abs()


def _values(metric, data):
    return {name: value.value for name, value in metric.measure(**data).values.items()}


def test_copies():
    data = _numbers(whole=True)
    found, train = _values(Copies(near=0.1), data), data["train"]
    held_out = _apart(data["test"], train).amin(1)
    some_of_test = chosen(data["test"], 130 // 3)  # the training data are searched in three parts
    for prefix, role in _ROLES.items():
        distances = _apart(data[role], train).amin(1)
        assert found[f"{prefix}near_copy_share"] == float((distances < held_out.sort().values[4]).double().mean())
        assert found[f"{prefix}exact_copy_share"] == float((distances == 0).double().mean())
        nearer = (distances.unsqueeze(1) < held_out).double() + 0.5 * (distances.unsqueeze(1) == held_out)
        assert found[f"{prefix}nearer_share"] == pytest.approx(float(nearer.mean()))
        ratio = float(distances.quantile(0.5) / held_out.quantile(0.5))
        assert found[f"{prefix}distance_ratio"] == pytest.approx(ratio)
        to_test = _apart(data[role], some_of_test).amin(1)
        parts = torch.stack([_apart(data[role], train[part::3]).amin(1) for part in range(3)])
        rather = ((parts < to_test).double() + 0.5 * (parts == to_test)).mean()
        assert found[f"{prefix}train_rather_than_test_share"] == pytest.approx(float(rather))


def test_near_copies_lie_below_a_rank():
    """Below the second of ten, 2.0: two of four, one of which is at it; p is that of two or more before the second."""
    values = near_copies(torch.tensor([0.5, 1.5, 2.0, 9.0]), torch.arange(1.0, 11.0), 0.2)
    assert values["near_copy_share"].value == 0.5
    assert values["near_copy_p"].value == pytest.approx(nhypergeom.sf(1, 14, 4, 2))


def test_authentic_samples():
    data = _numbers(whole=False)
    found = _values(Authenticity(), data)
    among = _apart(data["train"], data["train"]).fill_diagonal_(math.inf).amin(1)
    for prefix, role in ({"test_": "test"} | _ROLES).items():
        distances, rows = _apart(data[role], data["train"]).min(1)
        assert found[f"{prefix}authentic_share"] == float((distances > among[rows]).double().mean())
        ratio = float(distances.quantile(0.5) / among[rows].quantile(0.5))
        assert found[f"{prefix}distance_ratio"] == pytest.approx(ratio)


def test_pairs():
    data = _numbers(whole=False)
    found = _values(Birthdays(near=0.9), data)
    radius = float(_apart(data["test"], data["train"]).amin(1).quantile(0.9))
    assert found["radius"] == pytest.approx(radius)
    for prefix, role in ({"test_": "test"} | _ROLES).items():
        apart = _apart(data[role], data[role]).fill_diagonal_(math.inf)
        n = len(apart)
        assert found[f"{prefix}pair_probability"] == pytest.approx(float((apart <= radius).sum()) / n / (n - 1))
        assert found[f"{prefix}nearest_pair"] == pytest.approx(float(apart.min()))


def test_c_t_in_one_cell():
    """Z = (U - m n / 2) / sqrt(m n (m + n + 1) / 12) of the distances, U with ties by half."""
    data = _numbers(whole=True)
    found = _values(DataCopying(cells=1), data)
    held_out = _apart(data["test"], data["train"]).amin(1)
    for prefix, role in _ROLES.items():
        distances = _apart(data[role], data["train"]).amin(1).unsqueeze(1)
        farther = float((distances > held_out).sum() + 0.5 * (distances == held_out).sum())
        n, m = len(distances), len(held_out)
        expected = (farther - m * n / 2) / math.sqrt(m * n * (m + n + 1) / 12)
        assert found[f"{prefix}c_t"] == pytest.approx(expected)
        assert found[f"{prefix}cells"] == 1


def test_shifted_images():
    rng = np.random.default_rng(3)
    sizes = {"generated": 30, "train": 40, "valid": 25, "test": 35}
    data = {role: torch.from_numpy(rng.random((n, 4, 5)).astype(np.float32)) for role, n in sizes.items()}
    data["valid"] = data["valid"] * 0.3
    found = _values(ShiftedCopies(near=0.3), data)

    def distances(images):
        everywhere = shifted(images).flatten(2).double()
        return torch.stack([torch.cdist(s, data["train"].flatten(1).double()).amin(1) for s in everywhere]).amin(0)

    held_out = distances(data["test"])
    for prefix, role in _ROLES.items():
        ours = distances(data[role])
        ratio = float(ours.quantile(0.5) / held_out.quantile(0.5))
        assert found[f"{prefix}distance_ratio"] == pytest.approx(ratio, rel=1e-4)
        share = float((ours < held_out.sort().values[9]).double().mean())
        assert found[f"{prefix}near_copy_share"] == pytest.approx(share)
