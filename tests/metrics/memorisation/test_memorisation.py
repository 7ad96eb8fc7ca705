"""All metrics of memorisation: closed forms, their nulls, and their reaction to planted copies."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganbench.conformance import check_metric
from ganbench.errors import DataError
from ganbench.metrics.memorisation.authenticity import Authenticity
from ganbench.metrics.memorisation.birthdays import Birthdays, batch_with_a_pair
from ganbench.metrics.memorisation.copies import Copies, near_copies
from ganbench.metrics.memorisation.data_copying import DataCopying, data_copying_statistic
from ganbench.metrics.memorisation.distances import nearest_other, nearest_train
from ganbench.metrics.memorisation.shifts import ShiftedCopies, shifted
from ganbench.metrics.subsets import chosen

_ROOM = "ganbench.metrics.memorisation"


def _normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def _data(n=400, d=8, seed=0):
    roles = {"generated": n, "train": 3 * n, "valid": n, "test": n}
    return {role: _normal(size, d, 10 * seed + i) for i, (role, size) in enumerate(roles.items())}


def _planted(share, **sizes):
    data = _data(**sizes)
    count = round(share * len(data["generated"]))
    data["generated"][:count] = data["train"][:count]
    return data


def _values(metric, data):
    return {name: value.value for name, value in metric.measure(**data).values.items()}


def _codes(metric, data):
    return {finding.code for finding in metric.measure(**data).findings}


def test_nearest_training_examples_in_parts():
    data = _data(150)
    data["generated"], data["train"] = chosen(data["generated"], 50), data["train"][:150]
    distances = torch.cdist(
        data["generated"].double(), data["train"].double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    for most in (150, 40, 7):
        for limit in (7, 30, 0, 20):  # the rest is searched for, and no more
            found = nearest_train(data["generated"], train=data["train"], test=data["test"][:most], limit=limit)
            n = limit or 50
            torch.testing.assert_close(found.distances, distances.min(1).values[:n])
            assert found.rows.tolist() == distances.argmin(1).tolist()[:n]
            assert len(found.by_part) == -(-150 // most)
            torch.testing.assert_close(found.by_part[0], distances[:, :: -(-150 // most)].min(1).values[:n])


def test_distances_to_other_training_examples():
    train = torch.tensor([[0.0], [1.0], [3.0], [3.0]])
    assert nearest_other(train, torch.tensor([2, 0, 1, 0])).tolist() == [0, 1, 1, 1]


def test_the_p_value_of_near_copies_is_exact():
    """One law for both: over 400 pairs of sets, p <= 0.05 no more often than at 5 %, and not much less."""
    rng = torch.Generator().manual_seed(1)
    rejected = [
        near_copies(torch.rand(300, generator=rng), torch.rand(200, generator=rng), 0.05)["near_copy_p"].value <= 0.05
        for _ in range(400)
    ]
    error = math.sqrt(0.05 * 0.95 / 400)
    assert 0.05 - 5 * error <= np.mean(rejected) <= 0.05 + 4 * error


def test_a_small_p_value_by_counting():
    """Of one sample and one test example of one law, the sample is the nearer with probability one half."""
    values = near_copies(torch.tensor([0.1]), torch.tensor([0.2]), 0.5)
    assert values["near_copy_p"].value == pytest.approx(0.5)
    assert values["near_copy_share"].standard_error is None
    two = near_copies(torch.tensor([0.1, 0.15]), torch.tensor([0.2]), 0.5)
    assert two["near_copy_p"].value == pytest.approx(1 / 3)


def test_intervals_of_shares():
    """Clopper and Pearson for 0 of 10: 0 to 1 - 0.025^(1/10)."""
    values = near_copies(torch.ones(10), torch.linspace(0, 1, 10), 0.1)
    assert values["exact_copy_share_low"].value == 0
    assert values["exact_copy_share_high"].value == pytest.approx(1 - 0.025**0.1)


def test_c_t_of_copies_in_one_cell():
    """-38.72 for 1,000 of 1,000; half of that many are ties for samples as far as test examples."""
    nought, cells = np.zeros(1000), np.zeros(1000, int)
    far = np.linspace(1, 2, 1000)
    assert data_copying_statistic(nought, cells, far, cells, least=2)[0] == pytest.approx(-38.72, abs=0.01)
    assert data_copying_statistic(far, cells, far, cells, least=2)[0] == pytest.approx(0)


def test_c_t_over_cells():
    """Weights are the shares of test examples; a cell with few samples is left out."""
    held_out, test_cells = np.array([1.0, 1, 2, 2, 3]), np.array([0, 0, 0, 1, 1])
    distances, cells = np.array([0.0, 0, 5, 5, 9]), np.array([0, 0, 1, 1, 2])
    first, second = -3 / math.sqrt(6 * 6 / 12), 2 / math.sqrt(4 * 5 / 12)
    c_t, error, counted = data_copying_statistic(distances, cells, held_out, test_cells, least=2)
    assert c_t == pytest.approx((3 * first + 2 * second) / 5)
    assert error == pytest.approx(math.sqrt(13) / 5)
    assert counted == 2
    assert data_copying_statistic(distances, cells, held_out, test_cells, least=4) is None


@pytest.mark.parametrize(("d", "share"), [(1, 0.34), (2, 0.39), (10, 0.62)])
def test_authenticity_of_honest_samples(d, share):
    values = Authenticity().measure(**_data(2000, d)).values
    for name in ("authentic_share", "test_authentic_share", "null_authentic_share"):
        assert values[name].value == pytest.approx(share, abs=0.005 + 4 * values[name].standard_error)


@pytest.mark.parametrize(("support", "batch"), [(365, 23), (10_000, 119), (1, 2)])
def test_birthdays(support, batch):
    assert batch_with_a_pair(1 / support) == batch
    none = np.prod(1 - np.arange(batch) / support)
    assert none <= 0.5 <= np.prod(1 - np.arange(batch - 1) / support)


def test_a_small_support_is_measured():
    """1,500 samples of 500 examples: 1 / c is 500."""
    data = _data(1500)
    rows = torch.randint(500, (1500,), generator=torch.Generator().manual_seed(1))
    data["generated"] = _normal(500, 8, 77)[rows]
    value = Birthdays(near=0.001).measure(**data).values["pair_probability"]
    assert value.value == pytest.approx(1 / 500, abs=4 * value.standard_error + 1e-4)
    assert value.standard_error < 1e-4
    assert "small-support" in _codes(Birthdays(near=0.001), data)
    assert "small-support" not in _codes(Birthdays(near=0.001), _data(1500))


def test_shifts():
    image = torch.arange(9.0).reshape(1, 3, 3)
    found = {tuple(s.flatten().tolist()) for s in shifted(image)}
    assert len(found) == 9
    assert (0, 1, 2, 0, 1, 2, 3, 4, 5) in found  # down by one
    assert (1, 2, 2, 4, 5, 5, 7, 8, 8) in found  # to the left by one


def test_a_shifted_copy_is_seen_by_the_one_that_looks_for_it():
    rng = np.random.default_rng(1)
    smooth = {r: np.cumsum(rng.normal(size=(n, 6, 6)), 2) for r, n in _SIZES.items()}
    data = {role: torch.from_numpy(images.astype(np.float32)) for role, images in smooth.items()}
    data["generated"][:30, :, :-1] = data["train"][:30, :, 1:]
    data["generated"][:30, :, -1] = data["train"][:30, :, -1]
    assert _values(ShiftedCopies(), data)["exact_copy_share"] == 0  # its own border is not the original's
    data["generated"][:30, :, :-1] = data["train"][:30, :, :-1]
    data["train"][:30, :, 1:] = data["generated"][:30, :, :-1]
    data["train"][:30, :, 0] = data["train"][:30, :, 1]
    assert _values(ShiftedCopies(), data)["exact_copy_share"] == pytest.approx(0.1)
    assert _values(Copies(), data)["exact_copy_share"] == 0
    assert "shifted-copies" in _codes(ShiftedCopies(), data)


_SIZES = {"generated": 300, "train": 400, "valid": 200, "test": 300}


def test_vectors_cannot_be_shifted():
    with pytest.raises(DataError, match=r"shape \[8\] are no images"):
        ShiftedCopies().measure(**_data(20))


@pytest.mark.parametrize(
    ("metric", "name", "sign"),
    [
        (Copies(), "near_copy_share", 1),
        (Copies(), "exact_copy_share", 1),
        (Copies(), "train_rather_than_test_share", 1),
        (Copies(), "nearer_share", 1),
        (DataCopying(), "c_t", -1),
        (Authenticity(), "authentic_share", -1),
    ],
)
def test_numbers_react_in_order_to_planted_copies(metric, name, sign):
    """0, 1, 5 and 20 %; the null stays where it is."""
    doses = (0.0, 0.05, 0.2) if name.startswith("train_rather") else (0.0, 0.01, 0.05, 0.2)  # four of 400 are few
    found = [_values(metric, _planted(share)) for share in doses]
    numbers = [sign * values[name] for values in found]
    assert numbers == sorted(set(numbers))
    assert len({values[f"null_{name}"] for values in found}) == 1


@pytest.mark.parametrize(
    ("metric", "code"), [(Copies(), "near-copies"), (DataCopying(), "data-copying"), (Authenticity(), "not-authentic")]
)
def test_verdicts(metric, code):
    """Sixty in a hundred samples are copies; the order of rows is nothing to the verdict, to the bit."""
    data = _planted(0.6)
    first = metric.measure(**data)
    order = torch.randperm(len(data["generated"]), generator=torch.Generator().manual_seed(3))
    second = metric.measure(**{**data, "generated": data["generated"][order]})
    assert code in {finding.code for finding in first.findings}
    assert first.values["null_" + next(iter(first.values))]
    for name, value in first.values.items():
        assert second.values[name].value == pytest.approx(value.value, rel=1e-9)
    assert first.findings == second.findings
    assert code not in _codes(metric, _planted(0.0))


@pytest.mark.parametrize(
    "spec",
    [
        "copies:Copies",
        "shifts:ShiftedCopies",
        "data_copying:DataCopying",
        "authenticity:Authenticity",
        "birthdays:Birthdays",
    ],
)
def test_they_keep_the_contract(spec):
    results = list(check_metric(f"{_ROOM}.{spec}"))
    assert {r.name: r.violation for r in results if r.status == "failed"} == {}
