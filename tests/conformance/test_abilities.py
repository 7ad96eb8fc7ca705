"""Chains, decoders and discriminators that break their contract are found out, each by its own check."""

from __future__ import annotations

import re

import pytest
import torch

from ganbench.conformance import check_model


class Able:
    """A model with the abilities of `ganbench.conformance.abilities`, and nothing wrong with them."""

    def __init__(self, event_shape, *, device="cpu"):
        self.event_shape, self.epoch = tuple(event_shape), 0

    def fit(self, train, *, generator):
        while self.epoch < 1:
            self.epoch += 1
            yield {}

    def sample(self, n, *, generator):
        return self.decode(self.draw_codes(n, generator=generator))

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]

    def draw_codes(self, n, *, generator):
        return torch.rand(n, 2, generator=generator)

    def decode(self, codes):
        return codes.mean(1).view(-1, 1, 1).expand(-1, *self.event_shape).clone()

    def discriminate(self, examples):
        return examples.flatten(1).mean(1)

    def start_chains(self, chains, *, examples=None, generator):
        start = torch.rand(chains, *self.event_shape, generator=generator) if examples is None else examples
        return {"x": start.clone(), "steps": 0}

    def step_chains(self, state, *, generator):
        noise = torch.rand(state["x"].shape, generator=generator)
        return {"x": (state["x"] + noise) / 2, "steps": state["steps"] + 1}

    def chain_samples(self, state, *, generator):
        return state["x"]


class StepsInPlace(Able):
    def step_chains(self, state, *, generator):
        state["x"].mul_(0.5)
        return dict(state)


class SamplesInPlace(Able):
    def chain_samples(self, state, *, generator):
        return state["x"].mul_(0.9)


class RemembersItsSteps(Able):
    taken = 0

    def step_chains(self, state, *, generator):
        self.taken += 1
        return {"x": state["x"] / self.taken, "steps": 0}


class OneChainOnly(Able):
    def chain_samples(self, state, *, generator):
        return state["x"][:1]


class ForgetsExamples(Able):
    def start_chains(self, chains, *, examples=None, generator):
        return super().start_chains(chains, generator=generator)


class ChangesExamples(Able):
    def start_chains(self, chains, *, examples=None, generator):
        if examples is not None:
            examples.mul_(0.5)
        return super().start_chains(chains, examples=examples, generator=generator)


class AlwaysStartsAlike(Able):
    def start_chains(self, chains, *, examples=None, generator):
        start = torch.zeros(chains, *self.event_shape) if examples is None else examples
        return {"x": start.clone(), "steps": 0}

    def step_chains(self, state, *, generator):
        return {"x": (state["x"] + 1) / 2, "steps": 0}


class DecodesOtherCodes(Able):
    def sample(self, n, *, generator):
        return 1 - super().sample(n, generator=generator)


class GivesLogits(Able):
    def discriminate(self, examples):
        return examples.flatten(1).sum(1) - 3


class KeepsDropout(Able):
    def discriminate(self, examples):
        self.calls = getattr(self, "calls", 0) + 1
        return examples.flatten(1).mean(1) / self.calls


_FAULTS = {
    StepsInPlace: ("chains_are_determined", "step_chains changed its state in place"),
    SamplesInPlace: ("chains_are_determined", "chain_samples changed the state in place"),
    RemembersItsSteps: ("chains_are_determined", "Put all that a step uses into the state"),
    OneChainOnly: ("chains_are_determined", r"chain_samples of 5 chains gives \[1, 8, 8\]"),
    ForgetsExamples: ("chains_start_where_they_are_told", "Start them at the examples"),
    ChangesExamples: ("chains_start_where_they_are_told", "changed the examples in place"),
    AlwaysStartsAlike: ("chains_start_where_they_are_told", "Draw where they start"),
    DecodesOtherCodes: ("codes_are_decoded", "do not decode to the samples"),
    GivesLogits: ("discriminator_is_sound", r"outside \[0, 1\]"),
    KeepsDropout: ("discriminator_is_sound", "Two calls of discriminate differ"),
}


def failures(model: type) -> dict[str, str]:
    return {result.name: result.violation for result in check_model(model) if result.status == "failed"}


def test_a_model_with_nothing_wrong_passes():
    results = {result.name: result.status for result in check_model(Able)}
    assert {results[check] for check, _ in _FAULTS.values()} == {"passed"}
    assert failures(Able) == {}


@pytest.mark.parametrize("model", _FAULTS, ids=lambda model: model.__name__)
def test_each_fault_is_found_by_its_check_alone(model):
    check, text = _FAULTS[model]
    found = failures(model)
    assert list(found) == [check]
    assert re.search(text, found[check])
