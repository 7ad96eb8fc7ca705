"""What a model must satisfy that is more than a `GenerativeModel`: the optional abilities of `ganbench.model`."""

from __future__ import annotations

from typing import Any

import torch

from ganbench.conformance.report import NotExamined, Violation
from ganbench.conformance.subject import Subject, demand_equal, equal, frozen, stored_and_loaded
from ganbench.model import Decoder, Discriminator, LogDensity, MarkovChain

__all__ = [
    "chains_are_determined",
    "chains_start_where_they_are_told",
    "codes_are_decoded",
    "density_is_sound",
    "discriminator_is_sound",
]

_CHAINS, _STEPS = 5, 3


def chains_are_determined(subject: Subject) -> None:
    """Chains depend on their state and generator only: steps change no state in place, a stored state goes on alike."""
    model = _with(subject, MarkovChain, "It is no Markov chain.")
    generator = subject.generator(2)
    state = model.start_chains(_CHAINS, generator=generator)
    for _ in range(_STEPS):
        before = frozen(state)
        following = model.step_chains(state, generator=generator)
        demand_equal(before, frozen(state), "step_chains changed its state in place. Return a new one.")
        state = following
    random, kept = generator.get_state(), frozen(state)
    _check_chain_samples(model.chain_samples(state, generator=generator), subject)
    demand_equal(kept, frozen(state), "chain_samples changed the state in place. Work on a copy.")
    first = model.chain_samples(model.step_chains(state, generator=generator), generator=generator)
    again = subject.generator(0)
    again.set_state(random)
    other = stored_and_loaded({"state": kept})["state"]
    model.chain_samples(other, generator=again)
    second = model.chain_samples(model.step_chains(other, generator=again), generator=again)
    if not equal(first, second):
        raise Violation("Chains that go on from a stored state differ. Put all that a step uses into the state.")


def chains_start_where_they_are_told(subject: Subject) -> None:
    """Chains start at examples, one for each, and where there are none independently of the training examples."""
    model = _with(subject, MarkovChain, "It is no Markov chain.")
    examples = subject.train[:_CHAINS].clone()
    before = examples.clone()
    one, other = (_after_a_step(model, subject, which) for which in (examples, subject.train[_CHAINS : 2 * _CHAINS]))
    if not equal(before, examples):
        raise Violation("start_chains changed the examples in place. Work on a copy.")
    if equal(one, other):
        raise Violation("Chains that start at different examples are equal after a step. Start them at the examples.")
    first, second = (_after_a_step(model, subject, None, seed) for seed in (2, 3))
    if equal(first, second):
        raise Violation("Chains without examples start alike from different generators. Draw where they start.")


def codes_are_decoded(subject: Subject) -> None:
    """Samples are decoded codes: `decode(draw_codes(n, generator=g))` is `sample(n, generator=g)`."""
    model = _with(subject, Decoder, "It does not decode.")
    samples = model.sample(7, generator=subject.generator(2))
    codes = model.draw_codes(7, generator=subject.generator(2))
    if codes.dim() != 2 or len(codes) != 7:
        raise Violation(f"draw_codes(7) has shape {list(codes.shape)}, not [7, d].")
    decoded = model.decode(codes)
    if decoded.shape != samples.shape or not torch.allclose(decoded, samples, rtol=1e-4, atol=1e-5):
        raise Violation("The codes of a generator do not decode to the samples of an equal one.")


def density_is_sound(subject: Subject) -> None:
    """`log_density` gives one finite float64 for each example, the same whatever the others are."""
    model = _with(subject, LogDensity, "Its density cannot be evaluated.")
    examples = subject.train[:7].clone()
    values, first = model.log_density(examples), model.log_density(examples[:2])
    if list(values.shape) != [7] or values.dtype != torch.float64 or values.requires_grad:
        raise Violation(
            f"log_density of 7 examples is {values.dtype} {list(values.shape)}; expected [7] float64, no gradients."
        )
    if not bool(torch.isfinite(values).all()):
        raise Violation("log_density gives numbers that are not finite.")
    if not torch.allclose(values[:2], first, rtol=1e-6, atol=1e-6):
        raise Violation("The log density of an example depends on the other examples.")


def discriminator_is_sound(subject: Subject) -> None:
    """`discriminate` gives one probability for each example, the same every time, without gradients."""
    model = _with(subject, Discriminator, "It does not discriminate.")
    first, again = (model.discriminate(subject.train[:7].clone()) for _ in range(2))
    if list(first.shape) != [7] or first.requires_grad:
        raise Violation(f"discriminate of 7 examples has shape {list(first.shape)}; expected [7], without gradients.")
    if not bool(((first >= 0) & (first <= 1)).all()):
        raise Violation("discriminate gives numbers outside [0, 1]. Return probabilities, as by `.sigmoid()`.")
    if not equal(first, again):
        raise Violation("Two calls of discriminate differ. Leave dropout and other randomness out.")


def _with(subject: Subject, ability: type, otherwise: str) -> Any:
    """A trained model that has an ability."""
    model = subject.trained()
    if not isinstance(model, ability):
        raise NotExamined(otherwise)
    return model


def _after_a_step(model: Any, subject: Subject, examples: torch.Tensor | None, seed: int = 2) -> torch.Tensor:
    generator = subject.generator(seed)
    state = model.start_chains(_CHAINS, examples=examples, generator=generator)
    samples = model.chain_samples(model.step_chains(state, generator=generator), generator=generator)
    _check_chain_samples(samples, subject)
    return samples


def _check_chain_samples(samples: Any, subject: Subject) -> None:
    expected = [_CHAINS, *subject.train.shape[1:]]
    if not isinstance(samples, torch.Tensor) or list(samples.shape) != expected:
        shape = list(samples.shape) if isinstance(samples, torch.Tensor) else type(samples).__name__
        raise Violation(f"chain_samples of {_CHAINS} chains gives {shape}; expected a tensor {expected}.")
    if not bool(torch.isfinite(samples).all()) or samples.requires_grad:
        raise Violation("chain_samples gives numbers that are not finite, or carry gradients.")
