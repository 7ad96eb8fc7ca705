"""What every model must satisfy. Each check says in its docstring what it demands."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from ganbench.conformance.abilities import (
    chains_are_determined,
    chains_start_where_they_are_told,
    codes_are_decoded,
    density_is_sound,
    discriminator_is_sound,
)
from ganbench.conformance.report import Check, CheckResult, Violation, run_checks
from ganbench.conformance.subject import Subject, demand_equal, equal, frozen, stored_and_loaded
from ganbench.datasets import load_dataset
from ganbench.errors import ModelError, UserError
from ganbench.registry.models import find_model
from ganbench.registry.references import reference_data, split_for
from ganbench.registry.samples import SampleArray, SampleFile
from ganbench.registry.user_files import calling_user_code, user_error_place
from ganbench.runtime.device import resolve_device
from ganbench.runtime.state import foreign_entries
from ganbench.runtime.surroundings import process_settings, random_settings, restored

__all__ = ["MODEL_CHECKS", "check_model"]

_EPOCHS = 3  # epochs that most checks train at most
_TRAINING_EXAMPLES = 203  # few, and no multiple of a usual batch size


def check_model(
    model: str | Callable[..., Any],
    *,
    dataset: str = "digits",
    device: str = "cpu",
    data_root: str | None = None,
    seconds_per_check: float = 600.0,
) -> Iterator[CheckResult]:
    """Examine a model on some training examples of a data set, a few epochs for each check.

    Args:
        model: The model: a spec, a class, or a function ``f(n, generator)``.
        dataset: The data set; its name is also that of the default preset.
        device: The device.
        data_root: Where data sets lie.
        seconds_per_check: A check that takes longer is stopped and has failed.

    Raises:
        ModelError: The model cannot be imported or built.
    """
    data, device = load_dataset(dataset, data_root), resolve_device(device)
    source = find_model(model)
    if isinstance(source, SampleFile | SampleArray):
        raise ModelError(f"{model!r} are samples; there is no model to check. Score them by `ganbench evaluate`.")
    variant = source.variant("" if data.is_own else data.name, data.event_shape)
    build = partial(source.build, data.event_shape, device, variant.hyperparameters)
    with restored((*process_settings(), *random_settings())), calling_user_code():
        build()
    needs, whole = source.reference_needs, data.splits[0]

    def few(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array[:_TRAINING_EXAMPLES].copy()).to(device)

    train = few(split_for(needs, whole).train)
    given = {need: None if array is None else few(array) for need, array in reference_data(needs, whole).items()}
    subject = Subject(build, train, data.value_range, device, given, bool(source.reference))
    yield from run_checks(MODEL_CHECKS, subject, seconds_per_check)


def training_yields_finite_metrics(subject: Subject) -> None:
    """`fit` is an iterator that yields a mapping of named finite floats after every epoch."""
    subject.trained(_EPOCHS)


def process_is_left_alone(subject: Subject) -> None:
    """Neither the defaults of torch and NumPy nor a global random state nor the working directory are changed."""
    with restored((*process_settings(), *random_settings())) as changed:
        for place, _ in _life(subject):
            if changed():
                layers = " Layers of torch.nn draw their first weights from it: make them by torch.nn.utils.skip_init."
                advice = layers if "random" in changed()[0] and place == "the constructor" else ""
                raise Violation(f"In {place}, {' Also, '.join(changed())}{advice}")


def global_random_state_is_not_read(subject: Subject) -> None:
    """Nothing depends on a global random state of torch, NumPy or Python."""
    outcomes = []
    for seed in (11, 12):
        random.seed(seed), np.random.seed(seed), torch.manual_seed(seed)  # noqa: NPY002 - the global state is watched
        outcomes.append(list(_life(subject)))
    for (place, first), (_, second) in zip(*outcomes, strict=True):
        demand_equal(
            first,
            second,
            f"What {place} gives depends on a global random state. Draw from the generator that is given.",
        )


def training_ends(subject: Subject) -> None:
    """`fit` comes to an end, after no more epochs than `total_epochs`, where the model has this attribute."""
    _ = subject.finished


def training_is_determined(subject: Subject) -> None:
    """Two models trained from equal generators have equal states."""
    first, second = (frozen(subject.trained(_EPOCHS).state_dict()) for _ in range(2))
    demand_equal(
        first, second, "Two trainings from equal generators differ. Draw every random number from the generator."
    )


def training_data_are_left_alone(subject: Subject) -> None:
    """`fit` does not change the training data."""
    train, model = subject.train.clone(), subject.build()
    for _ in zip(range(_EPOCHS), subject.epochs(model, subject.generator(1), train), strict=False):
        if not equal(train, subject.train):
            raise Violation("fit changed the training data in place. Work on a copy, as in `train = train.clone()`.")


def samples_have_shape(subject: Subject) -> None:
    """`sample(n)` returns a finite tensor `[n, *event_shape]`, for n = 1, odd n and others."""
    model = subject.trained()
    for n in (1, 7, 64):
        _check_samples(model.sample(n, generator=subject.generator(2)), n, subject)


def samples_are_float32(subject: Subject) -> None:
    """Samples are float32 without gradients, on the model's device."""
    samples = subject.trained().sample(7, generator=subject.generator(2))
    if samples.dtype != torch.float32:
        raise Violation(f"sample(7) is {samples.dtype}, not torch.float32. Return `samples.float()`.")
    if samples.requires_grad:
        raise Violation("sample(7) carries gradients. Decorate sample with `@torch.no_grad()`.")
    if samples.device.type != torch.device(subject.device).type:
        raise Violation(
            f"sample(7) is on {samples.device}, the model on {subject.device}. Leave samples where they are."
        )


def samples_are_in_range(subject: Subject) -> None:
    """Samples are in [0, 1] where the data are images in [0, 1]."""
    samples = subject.trained().sample(64, generator=subject.generator(2)).detach()
    low, high = float(samples.min()), float(samples.max())
    if subject.value_range == (0.0, 1.0) and (low < 0 or high > 1):
        raise Violation(
            f"Samples range from {low:g} to {high:g}, the data from 0 to 1. End in a sigmoid, or in `.clamp(0, 1)`."
        )


def sampling_is_determined(subject: Subject) -> None:
    """Equal generators give equal samples, different ones different samples; a reference may be the same every time."""
    model = subject.trained()
    first, again, other = (model.sample(16, generator=subject.generator(seed)) for seed in (2, 2, 3))
    if not equal(first, again):
        raise Violation(
            "Two calls of sample with equal generators differ. Draw every random number from the generator, "
            "and let nothing else change from call to call."
        )
    if equal(first, other) and not subject.is_reference:
        raise Violation("sample does not depend on its generator. Draw from it, as in torch.randn(..., generator=...).")


def sampling_before_training(subject: Subject) -> None:
    """Before training, `sample` works, or raises a ValueError that says what to do."""
    try:
        first, again = (subject.build().sample(4, generator=subject.generator(2)) for _ in range(2))
    except (ValueError, UserError) as error:
        if str(error).strip():
            return
        raise Violation("sample raises an error without a text before training. Say what to do.") from error
    except Exception as error:
        raise Violation(
            f"sample fails before training: {type(error).__name__}: {error} ({user_error_place(error)}). "
            "Give the parameters their first values in the constructor, or raise a ValueError that says what to do."
        ) from error
    _check_samples(first, 4, subject, "before training ")
    if not equal(first, again):
        raise Violation("Two untrained models give different samples from equal generators. Initialise all parameters.")


def sampling_leaves_training_alone(subject: Subject) -> None:
    """Sampling between two epochs does not change what the later epoch does."""
    states = []
    for draws in (0, 5):
        model, generator = subject.build(), subject.generator(1)
        subject.run_epochs(model, generator, 1)
        if draws:
            model.sample(draws, generator=subject.generator(9))
        subject.run_epochs(model, generator, 1)
        states.append(frozen(model.state_dict()))
    straight, disturbed = states
    demand_equal(
        straight,
        disturbed,
        "Sampling changed the training that followed. Let sample work on copies of what it changes.",
    )


def state_can_be_stored(subject: Subject) -> None:
    """`state_dict` returns a dict of tensors, numbers and strings, which may be nested in dicts, lists and tuples."""
    state = subject.trained().state_dict()
    if not isinstance(state, dict):
        raise Violation(f"state_dict returned {type(state).__name__}, not a dict. Return all that fit and sample use.")
    found = [f"{place} is {kind}" for place, kind in foreign_entries(state)]
    if found:
        raise Violation(
            f"{'; '.join(found[:3])}{' ...' if found[3:] else ''}. "
            "Convert numbers by float() or int(), arrays by torch.from_numpy(), and leave other objects out."
        )


def state_survives_storage(subject: Subject) -> None:
    """A stored and loaded state gives the same samples."""
    model, other = subject.trained(), subject.build()
    other.load_state_dict(stored_and_loaded(model.state_dict()))
    first, second = (m.sample(8, generator=subject.generator(2)) for m in (model, other))
    if not equal(first, second):
        raise Violation(
            "A model that loaded a stored state draws other samples. Put all that sample uses into state_dict, and "
            "take it back in load_state_dict."
        )


def loading_copies(subject: Subject) -> None:
    """`load_state_dict` copies the tensors of the state: later training does not change it."""
    state = stored_and_loaded(subject.trained().state_dict())
    before, model = frozen(state), subject.build()
    model.load_state_dict(state)
    subject.run_epochs(model, subject.generator(3), _EPOCHS)
    demand_equal(
        before, frozen(state), "Training changed the state that was loaded. Copy it, as in `state['mean'].clone()`."
    )


def training_can_be_interrupted(subject: Subject) -> None:
    """Stopping after any epoch, storing, loading and going on gives the same bits as an undisturbed training."""
    straight, generator = subject.build(), subject.generator(1)
    total = subject.run_epochs(straight, generator, _EPOCHS)
    expected = frozen(straight.state_dict())
    for k in range(1, total):
        model, generator = subject.build(), subject.generator(1)
        subject.run_epochs(model, generator, k)
        resumed, generator = _restored(model, generator, subject)
        subject.run_epochs(resumed, generator, total - k)
        demand_equal(
            expected,
            frozen(resumed.state_dict()),
            f"Stopped after epoch {k} and gone on, training gives another state. Put all that fit uses into "
            "state_dict: the optimiser's state, velocities, the epoch.",
        )


def finished_training_stays_finished(subject: Subject) -> None:
    """A model that has loaded the state of a finished training does not train again."""
    resumed, generator = _restored(*subject.finished, subject)
    if subject.run_epochs(resumed, generator, 1):
        raise Violation(
            "A model that has loaded the state of a finished training trains again. "
            "Put the number of epochs into state_dict, and take it back in load_state_dict."
        )


def _check_samples(samples: Any, n: int, subject: Subject, when: str = "") -> None:
    expected = [n, *subject.train.shape[1:]]
    if not isinstance(samples, torch.Tensor):
        raise Violation(f"sample({n}) {when}returned {type(samples).__name__}, not a torch.Tensor. Return a tensor.")
    if list(samples.shape) != expected:
        raise Violation(
            f"sample({n}) {when}has shape {list(samples.shape)}, not {expected}. "
            "Return `samples.view(n, *event_shape)`."
        )
    if not bool(torch.isfinite(samples).all()):
        raise Violation(f"sample({n}) {when}is not finite. Find where infinite or undefined values arise.")


def _restored(model: Any, generator: torch.Generator, subject: Subject) -> tuple[Any, torch.Generator]:
    """A fresh model and a fresh generator that have loaded what others stored."""
    stored, random_state = stored_and_loaded(model.state_dict()), generator.get_state()
    resumed, generator = subject.build(), subject.generator(0)
    resumed.load_state_dict(stored)
    generator.set_state(random_state)
    return resumed, generator


def _life(subject: Subject) -> Iterator[tuple[str, Any]]:
    """All that can happen to a model: the method that has been called, and what came out."""
    model = subject.build()
    yield "the constructor", None
    subject.run_epochs(model, subject.generator(1), _EPOCHS)
    yield "fit", None
    state = model.state_dict()
    yield "state_dict", None
    yield "fit", frozen(state)
    yield "sample", frozen(model.sample(4, generator=subject.generator(2)))
    if isinstance(state, dict) and not list(foreign_entries(state)):
        other = subject.build()
        other.load_state_dict(stored_and_loaded(state))
        yield "load_state_dict", frozen(other.state_dict())


MODEL_CHECKS: tuple[Check[Subject], ...] = (
    Check(training_yields_finite_metrics),
    Check(samples_have_shape, (training_yields_finite_metrics,)),
    Check(state_can_be_stored, (training_yields_finite_metrics,)),
    Check(process_is_left_alone, (samples_have_shape,)),
    Check(training_ends, (training_yields_finite_metrics,)),
    Check(training_data_are_left_alone, (training_yields_finite_metrics,)),
    Check(training_is_determined, (process_is_left_alone, training_data_are_left_alone)),
    Check(samples_are_float32, (process_is_left_alone,)),
    Check(samples_are_in_range, (samples_have_shape,)),
    Check(sampling_is_determined, (process_is_left_alone,)),
    Check(global_random_state_is_not_read, (training_is_determined, sampling_is_determined)),
    Check(sampling_before_training, (sampling_is_determined,)),
    Check(sampling_leaves_training_alone, (training_is_determined,)),
    Check(state_survives_storage, (state_can_be_stored, sampling_is_determined)),
    Check(loading_copies, (state_can_be_stored,)),
    Check(training_can_be_interrupted, (state_survives_storage, training_is_determined)),
    Check(finished_training_stays_finished, (state_can_be_stored, training_ends)),
    Check(chains_are_determined, (process_is_left_alone,)),
    Check(chains_start_where_they_are_told, (chains_are_determined,)),
    Check(codes_are_decoded, (sampling_is_determined,)),
    Check(discriminator_is_sound, (process_is_left_alone,)),
    Check(density_is_sound, (process_is_left_alone,)),
)
