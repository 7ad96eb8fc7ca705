"""Chains by rule of the harness: starts, burn-in, thinning, and what the samples of a row are."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from serial_runs import run_serially

from ganbench.datasets import Dataset
from ganbench.experiment import sampling
from ganbench.experiment.chains import ChainStarts, run_chains
from ganbench.experiment.conditions import Conditions
from ganbench.experiment.executors import Serial, units_of
from ganbench.experiment.plan import make_plan
from ganbench.experiment.progress import Silence
from ganbench.protocols import ChainRule

TRAIN = torch.rand(40, 2, 2, generator=torch.Generator().manual_seed(3))


class Autoregression:
    """Four pixels, x ← 1/2 + a (x - 1/2) + noise: the autocorrelation time is (1 + a) / (1 - a) steps.

    It keeps a diary: where its chains started, after which step samples were taken.
    """

    def __init__(self, a: float = 0.5) -> None:
        self.a = a
        self.started: list[torch.Tensor | None] = []
        self.sampled: list[int] = []

    def start_chains(self, chains, *, examples=None, generator):
        self.started.append(examples)
        first = torch.rand(chains, 2, 2, generator=generator) if examples is None else examples
        return {"x": first, "step": 0}

    def step_chains(self, state, *, generator):
        noise = torch.randn(state["x"].shape, generator=generator) * 0.1 * math.sqrt(1 - self.a**2)
        return {"x": 0.5 + self.a * (state["x"] - 0.5) + noise, "step": state["step"] + 1}

    def chain_samples(self, state, *, generator):
        self.sampled.append(state["step"])
        return state["x"].clamp(0, 1)


def run(model, rule: ChainRule, n: int = 60, chains: int = 20, **more):
    starts = ChainStarts.draw(TRAIN, chains, torch.Generator().manual_seed(0))

    def generators(name: str) -> torch.Generator:
        return torch.Generator().manual_seed(sum(name.encode()))

    followed = {"pixels": lambda x: x.flatten(1)}
    return run_chains(model, rule, n, starts, followed, generators, **more)


def test_chains_start_where_the_rule_says():
    model = Autoregression()
    chains = run(model, ChainRule(starts=("noise", "mean", "train"), least_burn_in=200))
    *pilot, noise, mean, train = model.started
    assert [start is None for start in pilot] == [True, False, False]
    assert noise is None
    assert torch.equal(mean, TRAIN.mean(0).expand(20, 2, 2))
    assert torch.equal(train, TRAIN[torch.tensor(chains.origins)])
    assert len(set(chains.origins.tolist())) == 20
    assert list(chains.samples) == ["noise", "mean", "train"]
    assert {samples.shape for samples in chains.samples.values()} == {(3, 20, 2, 2)}


def test_training_examples_to_start_at_are_drawn_at_random():
    """Not the first rows: a permutation of forty keeps the first ten in their order once in 40! / 30! times."""
    draws = [ChainStarts.draw(TRAIN, 10, torch.Generator().manual_seed(seed)).origins.tolist() for seed in (0, 1)]
    assert draws[0] != draws[1]
    assert list(range(10)) not in draws


def test_there_may_be_more_chains_than_training_examples():
    origins = ChainStarts.draw(TRAIN, 100, torch.Generator().manual_seed(0)).origins
    assert sorted(torch.bincount(origins).tolist()) == [2] * 20 + [3] * 20


def test_samples_are_states_after_the_burn_in_at_even_distances():
    """The chains are run again by hand."""
    model, rule = Autoregression(), ChainRule(starts=("noise",), least_burn_in=200)
    chains = run(model, rule, n=50)
    assert (chains.burn_in, chains.thinning) == (200, 66)
    generator = torch.Generator().manual_seed(sum(b"noise"))
    state, kept = model.start_chains(20, generator=generator), []
    for step in range(1, 399):
        state = model.step_chains(state, generator=generator)
        if step in (266, 332, 398):
            kept.append(state["x"].clamp(0, 1))
    np.testing.assert_array_equal(chains.samples["noise"], torch.stack(kept).numpy())


@pytest.mark.parametrize("a", [0.5, 0.9, 0.97])
def test_the_burn_in_is_as_long_as_the_chains_need(a):
    """Ten times the true time and a tenth more, but for the error of its estimate by 200 chains."""
    time = (1 + a) / (1 - a)
    chains = run(Autoregression(a), ChainRule(least_burn_in=20), n=200, chains=100)
    assert chains.autocorrelation_times["pixels"] == pytest.approx(time, rel=0.4)
    assert chains.burn_in == max(math.ceil(11 * chains.autocorrelation_times["pixels"]), 20)


def test_chains_that_never_mix_are_run_to_the_limit_and_no_further():
    model = Autoregression(0.99999)
    chains = run(model, ChainRule(least_burn_in=20, most_burn_in=300))
    assert chains.burn_in == 300
    assert max(model.sampled) <= 2 * 300
    assert chains.autocorrelation_times["pixels"] > 50


def test_the_numbers_of_a_start_depend_on_no_other_start():
    alone = run(Autoregression(), ChainRule(starts=("noise",), least_burn_in=200))
    both = run(Autoregression(), ChainRule(starts=("noise", "train"), least_burn_in=200))
    np.testing.assert_array_equal(alone.samples["noise"], both.samples["noise"])


CHAIN_MODEL = """
import math
import re
import torch

class Chain:
    sampling_hyperparameters = ["a"]

    def __init__(self, event_shape, *, device="cpu", a=0.5, level=0.5):
        self.event_shape, self.a, self.level, self.epoch = tuple(event_shape), a, level, 0

    def fit(self, train, *, generator):
        while self.epoch < 1:
            self.epoch += 1
            print("trained")
            yield {"level": self.level}

    def sample(self, n, *, generator):
        raise RuntimeError("the harness runs the chains")

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]

    def start_chains(self, chains, *, examples=None, generator):
        return torch.rand(chains, *self.event_shape, generator=generator) if examples is None else examples

    def step_chains(self, state, *, generator):
        noise = torch.randn(state.shape, generator=generator) * 0.1 * math.sqrt(1 - self.a ** 2)
        return self.level + self.a * (state - self.level) + noise

    def chain_samples(self, state, *, generator):
        return state.clamp(0, 1)
"""


@pytest.fixture
def chain_request(request_toys, tmp_path):
    """Plans the model above, which is in a file, on data without labels."""
    path = tmp_path / "chain.py"
    path.write_text(CHAIN_MODEL)
    data = Dataset.from_arrays(np.random.default_rng(0).random((200, 3, 3)).astype(np.float32), name="noise")
    rule = {"chains": 50, "least_burn_in": 60}

    def make(settings="", **changes):
        return request_toys(f"{path}:Chain{settings}", datasets=[data], **{"n_samples": 120, "chains": rule, **changes})

    return make


def test_a_chain_model_is_sampled_by_the_harness(chain_request, store):
    (record,) = run_serially(chain_request(metrics=["parzen", "mixing"]), store)
    assert record.status == "done", record.traceback
    assert (record.samples.n, record.samples.chains.chains, record.samples.chains.starts) == (
        120,
        50,
        ("noise", "train"),
    )
    assert [score.metric for score in record.scores] == ["parzen", "mixing"]
    samples, _ = store.read_samples(record.samples.key)
    chains = store.read_chains(record.samples.key)
    np.testing.assert_array_equal(samples, chains.samples["noise"].reshape(-1, 3, 3)[:120])
    assert make_plan(chain_request(metrics=["parzen", "mixing"])).cells[0].is_answered_by(record)


def test_another_rule_or_sampling_setting_samples_anew_and_trains_no_more(chain_request, store, epochs):
    run_serially(chain_request(), store)
    assert epochs == [1]
    changed = {"chains": {"chains": 50, "least_burn_in": 61}}
    (record,) = run_serially(chain_request(**changed), store)
    assert record.samples.chains.burn_in >= 61
    run_serially(chain_request("[a=0.4]"), store)
    assert epochs == [1]
    run_serially(chain_request("[level=0.4]"), store)
    assert epochs == [1, 1]


def test_a_sampling_setting_that_there_is_not_is_told(chain_request, tmp_path):
    path = tmp_path / "chain.py"
    path.write_text(CHAIN_MODEL.replace('["a"]', '["b"]'))
    with pytest.raises(Exception, match="sampling_hyperparameters names 'b', which it does not have"):
        _ = make_plan(chain_request()).cells[0].train_key


def test_mixing_is_not_measured_where_there_are_no_chains(request_toys, store):
    request = request_toys("PixelwiseGaussian", metrics=["parzen", "mixing"])
    (record,) = run_serially(request, store)
    assert [score.metric for score in record.scores] == ["parzen"]
    assert make_plan(request).cells[0].is_answered_by(record)


def test_every_step_is_told():
    told: list[str] = []
    chains = run(Autoregression(), ChainRule(starts=("noise", "mean"), least_burn_in=200), told=told.append)
    total = chains.burn_in + 3 * chains.thinning
    for start in ("noise", "mean"):
        expected = [f"20 chains from {start}, step {step} of {total}" for step in range(1, total + 1)]
        assert [text for text in told if text.startswith(f"20 chains from {start}")] == expected
        pilot = [text for text in told if text.startswith(f"pilot from {start}")]
        assert pilot == [f"pilot from {start}, step {step}" for step in range(1, 401)]


def test_listeners_hear_now_and_then_how_far_sampling_has_come(chain_request, monkeypatch, store):
    class Listener(Silence):
        def __init__(self):
            self.steps = []

        def step_started(self, cell, step):
            self.steps.append(step)

    listener = Listener()
    monkeypatch.setattr(sampling, "_SECONDS_BETWEEN_TELLINGS", 0.0)
    list(Serial()(units_of(make_plan(chain_request()).cells), store, Conditions(), listener))
    assert listener.steps[0] == "sample"
    assert any(re.fullmatch(r"sample, \d+ chains from \w+, step \d+ of \d+", step) for step in listener.steps)
