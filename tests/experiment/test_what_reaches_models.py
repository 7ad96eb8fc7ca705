"""Where data splits and seeds meet: a spy sees what reaches training, sampling, selection and scoring."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from serial_runs import run_serially

from ganbench.datasets import Dataset, Split
from ganbench.experiment.plan import make_plan

SPY = """
import hashlib
import torch

DIARY = {diary!r}


def note(what, value):
    with open(DIARY, "a") as file:
        file.write(f"{{what}} {{value}}\\n")


def digest(tensor):
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest() + str(list(tensor.shape))


class Spy:
    def __init__(self, event_shape, *, device="cpu"):
        self.event_shape, self.epoch = tuple(event_shape), 0

    def fit(self, train, *, generator):
        note("train", digest(train))
        note("seed of training", generator.initial_seed())
        while self.epoch < 2:
            self.epoch += 1
            yield {{}}

    def sample(self, n, *, generator):
        note("seed of sampling", generator.initial_seed())
        return torch.rand(n, *self.event_shape, generator=generator)

    def state_dict(self):
        return {{"epoch": self.epoch}}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]


class ChainSpy(Spy):
    def start_chains(self, chains, *, examples=None, generator):
        note("seed of chains", generator.initial_seed())
        if examples is not None:
            note("examples", digest(examples))
        return torch.rand(chains, *self.event_shape, generator=generator)

    def step_chains(self, state, *, generator):
        return torch.rand(state.shape, generator=generator)

    def chain_samples(self, state, *, generator):
        return state
"""


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() + str(list(array.shape))


def images(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 3, 3)).astype(np.float32)


SPLITS = tuple(Split(f"fold{k}", images(30, 3 * k), images(20, 3 * k + 1), images(25, 3 * k + 2)) for k in range(2))


@pytest.fixture
def spied(request_toys, tmp_path, store):
    """Runs a spy on two folds and returns its diary: what it saw, by name."""

    def run(model: str, **changes) -> dict[str, list[str]]:
        diary = tmp_path / "diary"
        diary.write_text("")
        (tmp_path / "spy.py").write_text(SPY.format(diary=str(diary)))
        data = Dataset("noise", (3, 3), (0.0, 1.0), "a" * 64, SPLITS)
        rule = {"chains": 10, "starts": ["noise", "mean", "train"], "least_burn_in": 10}
        request = request_toys(f"{tmp_path}/spy.py:{model}", datasets=[data], **{"chains": rule, **changes})
        records = run_serially(request, store)
        assert [record.status for record in records] == ["done", "done"], records[0].traceback
        seen: dict[str, list[str]] = {}
        for line in diary.read_text().splitlines():
            what, _, value = line.rpartition(" ") if "[" not in line else line.partition(" ")
            seen.setdefault(what, []).append(value)
        return seen

    return run


def test_training_sees_the_training_examples_of_its_fold_and_no_others(spied):
    assert spied("Spy")["train"] == [digest(split.train) for split in SPLITS]


def test_the_seeds_of_steps_folds_and_purposes_all_differ(spied):
    selection = {"models": ["Spy"], "every": 1}
    seen = spied("Spy", selection=selection)
    seeds = seen["seed of training"] + seen["seed of sampling"]
    # one training, one selection at each of two epochs and one sampling for each of two folds
    assert (len(seen["seed of training"]), len(seen["seed of sampling"])) == (2, 6)
    assert len(set(seeds)) == 8


def test_every_start_of_chains_has_a_seed_of_its_own(spied):
    seen = spied("ChainSpy")
    assert len(seen["seed of chains"]) == 6
    assert len({*seen["seed of chains"], *seen["seed of training"]}) == 8


def test_chains_start_at_the_training_examples_of_their_fold(spied, store):
    examples = spied("ChainSpy")["examples"]
    for split, (mean, train), record in zip(SPLITS, (examples[:2], examples[2:]), store.records(), strict=True):
        chains = store.read_chains(record.samples.key)
        assert train == digest(split.train[chains.origins])
        middle = torch.tensor(split.train).mean(0).expand(10, 3, 3).numpy()
        assert mean == digest(middle)


def test_seeds_follow_the_base_seed_the_model_and_the_training_data_only(request_toys, tmp_path):
    """A seed that followed the protocol or the fold's test data would train again what is the same."""
    (tmp_path / "spy.py").write_text(SPY.format(diary=""))

    def seeds(data: Dataset, model: str = "Spy", **changes) -> list[int]:
        cells = make_plan(request_toys(f"{tmp_path}/spy.py:{model}", datasets=[data], seeds=2, **changes)).cells
        return [cell.seed_for(purpose) for cell in cells for purpose in ("train", "sample")]

    def data(train: int = 0, test: int = 2) -> Dataset:
        split = Split("standard", images(30, train), images(20, 1), images(25, test))
        return Dataset("noise", (3, 3), (0.0, 1.0), "a" * 64, (split,))

    first = seeds(data())
    assert len(set(first)) == 4
    assert seeds(data(test=5)) == seeds(data(), n_samples=7) == first
    assert not set(seeds(data(train=5))) & set(first)
    assert not set(seeds(data(), "ChainSpy")) & set(first)
