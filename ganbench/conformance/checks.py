"""The single checks. Each says what it demands in its docstring and raises `Violation` with what it met."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ganbench.runtime.seeding import torch_generator

__all__ = ["CHECKS", "Check", "Subject", "Violation"]

_EPOCHS = 3  # epochs that a check trains at most


class Violation(Exception):
    """A model breaks the contract; the text says how."""


@dataclass(frozen=True)
class Subject:
    """A model under examination.

    Attributes:
        build: Makes a fresh, untrained model.
        train: `[n, *event_shape]` training data.
        value_range: The range of the data.
        device: The device of models and generators.
    """

    build: Callable[[], Any]
    train: torch.Tensor
    value_range: tuple[float, float]
    device: str

    def generator(self, seed: int) -> torch.Generator:
        """A fresh generator on the device."""
        return torch_generator(seed, self.device)

    def trained(self, epochs: int = 1, seed: int = 1) -> Any:
        """A model after at most `epochs` epochs."""
        model = self.build()
        run_epochs(model, self, self.generator(seed), epochs)
        return model


Check = Callable[[Subject], None]


def run_epochs(model: Any, subject: Subject, generator: torch.Generator, epochs: int) -> list[Mapping[str, float]]:
    """Ask `fit` for at most `epochs` epochs."""
    metrics: list[Mapping[str, float]] = []
    iterator = model.fit(subject.train, generator=generator)
    while len(metrics) < epochs:
        try:
            metrics.append(next(iterator))
        except StopIteration:
            break
    return metrics


def yields_finite_metrics(subject: Subject) -> None:
    """`fit` yields a mapping of named finite floats after every epoch."""
    for epoch, metrics in enumerate(run_epochs(subject.build(), subject, subject.generator(1), _EPOCHS), start=1):
        if not isinstance(metrics, Mapping):
            raise Violation(f"epoch {epoch} yielded {type(metrics).__name__}, not a mapping")
        for name, value in metrics.items():
            if not isinstance(name, str) or not math.isfinite(float(value)):
                raise Violation(f"epoch {epoch}: metric {name!r} is {value!r}")


def samples_have_shape(subject: Subject) -> None:
    """`sample(n)` returns `[n, *event_shape]` float32 without gradients, for n = 1, odd n and others."""
    model = subject.trained()
    for n in (1, 7, 64):
        samples = model.sample(n, generator=subject.generator(2))
        expected = (n, *subject.train.shape[1:])
        if not isinstance(samples, torch.Tensor):
            raise Violation(f"sample({n}) returned {type(samples).__name__}, not a torch.Tensor")
        if tuple(samples.shape) != expected:
            raise Violation(f"sample({n}) has shape {list(samples.shape)}, expected {list(expected)}")
        if samples.dtype != torch.float32:
            raise Violation(f"sample({n}) is {samples.dtype}, expected torch.float32")
        if samples.requires_grad:
            raise Violation(f"sample({n}) carries gradients")


def samples_are_in_range(subject: Subject) -> None:
    """Samples are finite and, where data are images in [0, 1], in [0, 1]."""
    samples = subject.trained().sample(64, generator=subject.generator(2))
    if not bool(torch.isfinite(samples).all()):
        raise Violation("samples are not finite")
    low, high = float(samples.min()), float(samples.max())
    if subject.value_range == (0.0, 1.0) and (low < 0 or high > 1):
        raise Violation(f"samples range from {low:g} to {high:g}, the data from 0 to 1")


def sampling_is_determined(subject: Subject) -> None:
    """Equal generators give equal samples, different ones different samples."""
    model = subject.trained()
    first, again, other = (model.sample(16, generator=subject.generator(seed)) for seed in (2, 2, 3))
    if not torch.equal(first, again):
        raise Violation("two calls of sample with equal generators differ")
    if torch.equal(first, other):
        raise Violation("sample does not depend on its generator")


def training_is_determined(subject: Subject) -> None:
    """Two models trained from equal generators have equal states."""
    states = [_frozen(subject.trained(_EPOCHS).state_dict()) for _ in range(2)]
    _demand_equal(states[0], states[1], "two trainings from equal generators differ")


def global_random_state_is_left_alone(subject: Subject) -> None:
    """No global random state of torch, numpy or Python is read or written."""
    random.seed(11), np.random.seed(11), torch.manual_seed(11)  # noqa: NPY002 - the global state is what is watched
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state())  # type: ignore[index]  # noqa: NPY002
    first = _frozen(subject.trained().sample(4, generator=subject.generator(2)))
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state())  # type: ignore[index]  # noqa: NPY002
    if before[:2] != after[:2] or not torch.equal(before[2], after[2]):
        raise Violation("a global random state was changed; draw from the generator that is passed in")
    random.seed(12), np.random.seed(12), torch.manual_seed(12)  # noqa: NPY002
    second = _frozen(subject.trained().sample(4, generator=subject.generator(2)))
    _demand_equal(first, second, "results depend on a global random state")


def training_data_are_left_alone(subject: Subject) -> None:
    """`fit` does not change the training data."""
    before = subject.train.clone()
    subject.trained(_EPOCHS)
    if not torch.equal(before, subject.train):
        raise Violation("fit changed the training data in place")


def sampling_leaves_training_alone(subject: Subject) -> None:
    """Sampling between two epochs does not change what the later epoch does."""
    states = []
    for draws in (0, 5):
        model, generator = subject.build(), subject.generator(1)
        run_epochs(model, subject, generator, 1)
        if draws:
            model.sample(draws, generator=subject.generator(9))
        run_epochs(model, subject, generator, 1)
        states.append(_frozen(model.state_dict()))
    _demand_equal(states[0], states[1], "sampling changed the training that followed")


def state_survives_storage(subject: Subject) -> None:
    """A stored and loaded state gives the same samples."""
    model = subject.trained()
    other = subject.build()
    other.load_state_dict(_stored_and_loaded(model.state_dict()))
    first, second = (m.sample(8, generator=subject.generator(2)) for m in (model, other))
    _demand_equal(first, second, "a model that loaded a stored state draws other samples")


def training_can_be_interrupted(subject: Subject) -> None:
    """Stopping after epoch k, storing, loading and going on gives the same bits as an undisturbed training."""
    straight, generator = subject.build(), subject.generator(1)
    total = len(run_epochs(straight, subject, generator, _EPOCHS))
    expected = _frozen(straight.state_dict())
    for k in range(1, total):
        model, generator = subject.build(), subject.generator(1)
        run_epochs(model, subject, generator, k)
        stored, random_state = _stored_and_loaded(model.state_dict()), generator.get_state()
        resumed, generator = subject.build(), subject.generator(0)
        resumed.load_state_dict(stored)
        generator.set_state(random_state)
        run_epochs(resumed, subject, generator, total - k)
        _demand_equal(
            expected, _frozen(resumed.state_dict()), f"stopped after epoch {k} and gone on, the state differs"
        )


CHECKS: tuple[Check, ...] = (
    yields_finite_metrics,
    samples_have_shape,
    samples_are_in_range,
    sampling_is_determined,
    training_is_determined,
    global_random_state_is_left_alone,
    training_data_are_left_alone,
    sampling_leaves_training_alone,
    state_survives_storage,
    training_can_be_interrupted,
)


def _frozen(state: Any) -> Any:
    """A deep copy that later training cannot reach."""
    if isinstance(state, torch.Tensor):
        return state.detach().clone()
    if isinstance(state, Mapping):
        return {key: _frozen(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [_frozen(value) for value in state]
    return state


def _stored_and_loaded(state: Mapping[str, Any]) -> Any:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    try:
        return torch.load(buffer, weights_only=True)
    except Exception as error:
        raise Violation(f"the state cannot be loaded with weights_only=True: {error}") from error


def _demand_equal(first: Any, second: Any, violation: str) -> None:
    difference = _difference(first, second, "state")
    if difference:
        raise Violation(f"{violation} ({difference})")


def _difference(first: Any, second: Any, place: str) -> str:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return "" if torch.equal(first, second) else f"{place}: tensors differ"
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        if first.keys() != second.keys():
            return f"{place}: keys differ"
        return next((d for key in first if (d := _difference(first[key], second[key], f"{place}[{key!r}]"))), "")
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        if len(first) != len(second):
            return f"{place}: lengths differ"
        pairs = enumerate(zip(first, second, strict=True))
        return next((d for i, (a, b) in pairs if (d := _difference(a, b, f"{place}[{i}]"))), "")
    return "" if first == second else f"{place}: {first!r} and {second!r}"
