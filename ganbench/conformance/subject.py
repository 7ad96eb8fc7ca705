"""A model under examination, and comparisons of what it gives."""

from __future__ import annotations

import io
import math
import reprlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count, islice
from typing import Any

import torch

from ganbench.conformance.report import NotExamined, Violation
from ganbench.errors import UserError
from ganbench.runtime.seeding import torch_generator

__all__ = ["Subject", "demand_equal", "equal", "frozen", "stored_and_loaded"]

_MOST_SECONDS = 5.0  # that a training may take which is followed to its end
_MOST_EPOCHS = 1000  # that it may have, where the model does not say how many there are


@dataclass(frozen=True)
class Subject:
    """A model under examination.

    Attributes:
        build: Makes a fresh, untrained model.
        train: `[n, *event_shape]` training data; a model is given copies.
        value_range: The range of the data.
        device: The device of models and generators.
        given: What a reference is given besides, by keyword.
        is_reference: Whether it is one, which need not draw different samples from different generators.
    """

    build: Callable[[], Any]
    train: torch.Tensor
    value_range: tuple[float, float]
    device: str
    given: Mapping[str, torch.Tensor | None] = field(default_factory=dict)
    is_reference: bool = False

    def generator(self, seed: int) -> torch.Generator:
        """A fresh generator on the device."""
        return torch_generator(seed, self.device)

    def trained(self, epochs: int = 1) -> Any:
        """A model after at most `epochs` epochs."""
        model = self.build()
        self.run_epochs(model, self.generator(1), epochs)
        return model

    def run_epochs(self, model: Any, generator: torch.Generator, epochs: int) -> int:
        """Ask `fit` for at most `epochs` epochs. Returns how many there were."""
        return sum(1 for _ in islice(self.epochs(model, generator, self.train.clone()), epochs))

    def epochs(self, model: Any, generator: torch.Generator, train: torch.Tensor) -> Iterator[Mapping[str, float]]:
        """The epochs of `fit`.

        Raises:
            Violation: It yields none, or what it yields is no mapping of named finite floats.
        """
        epochs = model.fit(train, **frozen(self.given), generator=generator)
        if not isinstance(epochs, Iterator):
            raise Violation(
                f"fit returned {type(epochs).__name__}, not an iterator over epochs. "
                "Let it yield one mapping after every epoch, as in `yield {'loss': loss}`."
            )
        for epoch, metrics in zip(count(1), epochs):
            _check_metrics(metrics, epoch)
            yield metrics

    @cached_property
    def finished(self) -> tuple[Any, torch.Generator]:
        """A model that is trained to the end, and the generator as training left it.

        Raises:
            Violation: Training does not end.
            NotExamined: It would take too long, or the model gives up: the data are few, and not those it is meant for.
        """
        model, generator = self.build(), self.generator(1)
        total = getattr(model, "total_epochs", None)
        if not isinstance(total, int | None):
            raise Violation(f"total_epochs is {total!r}. It must be the number of epochs that fit yields in all.")
        begun = time.monotonic()
        try:
            for epoch, _ in zip(count(1), self.epochs(model, generator, self.train.clone())):
                _check_end(epoch, total, time.monotonic() - begun)
        except UserError as error:
            raise NotExamined(f"Training was not followed to its end. {error}") from error
        return model, generator


def _check_metrics(metrics: Any, epoch: int) -> None:
    if not isinstance(metrics, Mapping):
        raise Violation(
            f"fit yielded {type(metrics).__name__} in epoch {epoch}, not a mapping. "
            "Name what it yields, as in `yield {'loss': loss}`."
        )
    for name, value in metrics.items():
        try:
            finite = isinstance(name, str) and math.isfinite(value)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise Violation(
                f"fit yielded {name!r}: {reprlib.repr(value)} in epoch {epoch}, which is no number ({error}). "
                "Yield floats."
            ) from error
        if not finite:
            raise Violation(
                f"fit yielded {name!r}: {reprlib.repr(value)} in epoch {epoch}. Names are strings and values finite; "
                "where training diverges, lower the learning rate."
            )


def _check_end(epoch: int, total: int | None, seconds: float) -> None:
    if total is None:
        if epoch >= _MOST_EPOCHS or seconds > _MOST_SECONDS:
            raise Violation(
                f"fit had not ended after {epoch} epochs and {seconds:.0f} s. End its loop, as in "
                "`while self.epoch < self.total_epochs`, or say by the attribute total_epochs how many there are."
            )
    elif epoch > total:
        raise Violation(
            f"fit yielded epoch {epoch}, and total_epochs is {total}. "
            "End its loop there, as in `while self.epoch < self.total_epochs`."
        )
    elif seconds > 1 and seconds / epoch * total > _MOST_SECONDS:
        raise NotExamined(
            f"All {total} epochs would take {seconds / epoch * total:.0f} s. Examine the model with fewer."
        )


def frozen(state: Any) -> Any:
    """A deep copy that later training cannot reach."""
    if isinstance(state, torch.Tensor):
        return state.detach().clone()
    if isinstance(state, Mapping):
        return {key: frozen(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [frozen(value) for value in state]
    return state


def stored_and_loaded(state: Mapping[str, Any]) -> Any:
    """The state as it comes back from a file."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def demand_equal(first: Any, second: Any, violation: str) -> None:
    """Demand that two states have equal bits.

    Raises:
        Violation: They differ; the text is the given one and the first place at which they do.
    """
    difference = _difference(first, second, "state")
    if difference:
        raise Violation(f"{violation} ({difference})")


def equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether tensors have equal values; a NaN equals itself."""
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    return bool(((first == second) | ((first != first) & (second != second))).all())


def _difference(first: Any, second: Any, place: str) -> str:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return "" if equal(first, second) else f"tensors differ in {place}"
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        if first.keys() != second.keys():
            return f"keys differ in {place}"
        return next((d for key in first if (d := _difference(first[key], second[key], f"{place}[{key!r}]"))), "")
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        if len(first) != len(second):
            return f"lengths differ in {place}"
        pairs = enumerate(zip(first, second, strict=True))
        return next((d for i, (a, b) in pairs if (d := _difference(a, b, f"{place}[{i}]"))), "")
    same = first == second or (first != first and second != second)
    return "" if same else f"{place} is {first!r} and {second!r}"
