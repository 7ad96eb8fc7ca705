"""The contract: its example keeps it, and the optional abilities are told apart by `isinstance`."""

from __future__ import annotations

import math
import re
import textwrap

import pytest
import torch

import ganbench.model
from ganbench.conformance import check_model
from ganbench.model import (
    ClassConditional,
    Decoder,
    Discriminator,
    Encoder,
    GenerativeModel,
    LogDensity,
    MarkovChain,
)

ABILITIES = (ClassConditional, Decoder, Discriminator, Encoder, LogDensity, MarkovChain)


@pytest.fixture(scope="module")
def example() -> str:
    """The source of the model in the docstring."""
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", ganbench.model.__doc__)
    (source,) = [textwrap.dedent(block) for block in blocks if "class " in block]
    return source


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(source: str, **settings):
    names: dict = {}
    exec(source, names)
    return names["PixelwiseGaussian"]((2, 3), **settings)


def test_the_manuals_example_passes_the_conformance_suite(example, tmp_path):
    path = tmp_path / "my_model.py"
    path.write_text(example, encoding="utf-8")
    results = list(check_model(f"{path}:PixelwiseGaussian"))
    assert len(results) > 5
    assert {result.name: result.violation for result in results if result.status == "failed"} == {}


def test_the_manuals_example_does_what_it_says(example):
    model, train = built(example, spread=0.5), torch.rand(50, 2, 3, generator=generator())
    assert isinstance(model, GenerativeModel)
    (metrics,) = model.fit(train, generator=generator(1))
    assert metrics["deviation"] == pytest.approx(float(train.std(0, correction=0).mean()))
    n, spread = 20_000, 0.1
    model.spread = spread  # so narrow that hardly any value is clamped
    samples = model.sample(n, generator=generator(2))
    standard_error = spread * model.deviation / math.sqrt(n)
    assert ((samples.mean(0) - train.mean(0)).abs() <= 5 * standard_error).all()


def test_the_manuals_example_copies_a_state(example):
    model, other = built(example), built(example)
    list(model.fit(torch.rand(50, 2, 3, generator=generator()), generator=generator(1)))
    other.load_state_dict(model.state_dict())
    expected = other.sample(5, generator=generator(3))
    for tensor in (model.mean, model.deviation):
        tensor.fill_(0.5)
    assert torch.equal(other.sample(5, generator=generator(3)), expected)


def test_the_manuals_example_checks_its_setting(example):
    with pytest.raises(ValueError, match="spread is -1; accepted"):
        built(example, spread=-1)


class Bernoulli:
    """Independent pixels given the class, with all optional abilities."""

    n_classes = 0

    def __init__(self, event_shape, *, device="cpu"):
        self.event_shape, self.device, self.epoch = tuple(event_shape), device, 0

    def fit(self, train, *, labels=None, generator):
        while self.epoch < 1:
            self.n_classes = int(labels.max()) + 1
            self.means = torch.stack([train[labels == label].mean(0) for label in range(self.n_classes)])
            self.shares = torch.bincount(labels) / len(labels)
            self.epoch += 1
            yield {}

    def sample(self, n, *, labels=None, generator):
        if labels is None:
            labels = torch.multinomial(self.shares, n, replacement=True, generator=generator)
        return torch.bernoulli(self.means[labels], generator=generator)

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]

    def log_density(self, examples):
        means = self.means.double().unsqueeze(1)
        log_joint = (examples * means.log() + (1 - examples) * (-means).log1p()).flatten(2).sum(2)
        return torch.logsumexp(log_joint + self.shares.double().log().unsqueeze(1), 0)

    def encode(self, examples):
        return examples.flatten(1)

    def draw_codes(self, n, *, generator):
        return torch.rand(n, 3, generator=generator)

    def decode(self, codes):
        return codes.new_zeros(len(codes), *self.event_shape)

    def discriminate(self, examples):
        return examples.new_full((len(examples),), 0.5)

    def start_chains(self, chains, *, examples=None, generator):
        return {}

    def step_chains(self, state, *, generator):
        return state

    def chain_samples(self, state, *, generator):
        return torch.zeros(1, *self.event_shape)


def test_a_model_with_all_abilities_is_found_to_have_them():
    model = Bernoulli((2, 2))
    assert isinstance(model, GenerativeModel)
    assert all(isinstance(model, ability) for ability in ABILITIES)


@pytest.mark.parametrize(
    "method",
    ["encode", "decode", "draw_codes", "discriminate", "log_density", "start_chains", "step_chains", "chain_samples"],
)
def test_a_model_that_lacks_a_method_lacks_the_ability(method):
    members = {name: member for name, member in vars(Bernoulli).items() if name != method}
    lacking = type("Lacking", (), members)((2, 2))  # a new class: isinstance remembers what it found in one
    (missing,) = [ability for ability in ABILITIES if not isinstance(lacking, ability)]
    assert hasattr(missing, method)


def test_a_plain_model_has_no_abilities(example):
    assert not any(isinstance(built(example), ability) for ability in ABILITIES)


def test_labels_log_density_and_samples_belong_together():
    """A class-conditional density: the labels choose the class, and the frequencies of the samples are the density."""
    labels = torch.tensor([0, 0, 0, 1])
    train = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]], [[0.0, 1.0]], [[1.0, 1.0]]])
    model: ClassConditional = Bernoulli((1, 2))
    list(model.fit(train, labels=labels, generator=generator()))
    assert model.n_classes == 2
    assert bool((model.sample(100, labels=torch.ones(100, dtype=torch.int64), generator=generator()) == 1).all())
    n = 40_000
    ones = model.sample(n, generator=generator(1)).flatten(1).all(1).double().mean()
    probability = 3 / 4 * (2 / 3) ** 2 + 1 / 4
    assert abs(float(ones) - probability) < 5 * math.sqrt(probability * (1 - probability) / n)
    model.means.clamp_(1e-6, 1 - 1e-6)
    density = model.log_density(torch.tensor([[[1.0, 1.0]]]))
    assert density.dtype == torch.float64
    assert float(density.exp()) == pytest.approx(probability, abs=1e-5)
