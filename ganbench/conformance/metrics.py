"""What every metric must satisfy. Each check says in its docstring what it demands.

Metrics are measured on small sets of numbers with a known relation: the test set itself in place of samples, samples
from the law of the data, samples far off.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from ganbench.conformance.report import Check, CheckResult, Violation, run_checks
from ganbench.datasets import Split
from ganbench.errors import UserError
from ganbench.evaluation import Evaluation
from ganbench.metrics.metric import Value
from ganbench.records.record import Score
from ganbench.registry.metrics import MetricSource, find_metric

__all__ = ["METRIC_CHECKS", "MetricSubject", "check_metric"]

_SHAPE = (4, 4)
_SECONDS = 120.0
_RELATIVE = 1e-5  # a sum in another order, in float32


def check_metric(metric: Any) -> Iterator[CheckResult]:
    """Examine a metric.

    Args:
        metric: A spec, a class or an object.

    Raises:
        UserError: There is no such metric, or it cannot be imported.
    """
    yield from run_checks(METRIC_CHECKS, MetricSubject(find_metric(metric)), _SECONDS)


@dataclass(frozen=True)
class MetricSubject:
    """A metric under examination."""

    metric: MetricSource

    def draw(self, n: int, seed: int, *, shift: float = 0.0) -> np.ndarray:
        """`[n, 4, 4]` numbers in [0, 1] with some structure: a random slope across each image, and noise."""
        rng = np.random.default_rng(seed)
        slope = rng.normal(0, 0.15, (n, 1, 1)) * np.linspace(-1, 1, _SHAPE[1])
        return np.clip(0.4 + shift + slope + rng.normal(0, 0.05, (n, *_SHAPE)), 0, 1).astype(np.float32)

    def split(self, n: int = 60) -> Split:
        """Training, validation and test sets of the same law, of different sizes, with labels."""
        sizes = {"train": 2 * n, "valid": n - 7, "test": n + 3}
        parts = {role: self.draw(size, seed) for seed, (role, size) in enumerate(sizes.items())}
        labels = {f"{role}_labels": np.arange(size, dtype=np.int64) % 3 for role, size in sizes.items()}
        return Split("standard", **parts, **labels)

    def score(self, generated: np.ndarray, split: Split | None = None, seed: int = 0) -> Score:
        """What the metric says."""
        evaluation = Evaluation(np.ascontiguousarray(generated), "0" * 64, split or self.split(), "cpu", seed)
        return evaluation.score(self.metric)


def it_measures(subject: MetricSubject) -> None:
    """`measure` takes `generated` and what the metric needs, by role, and returns a MetricResult of finite values."""
    subject.score(subject.draw(50, 9))


def settings_are_data(subject: MetricSubject) -> None:
    """Settings, their defaults too, are numbers, strings, and lists and tables of them: records hold them."""
    try:
        json.dumps(subject.metric.settings_as_data, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Violation(
            f"{error}. Give settings as numbers or strings, and convert them in the constructor."
        ) from error


def it_is_determined(subject: MetricSubject) -> None:
    """Equal arguments and seeds give equal results, to the bit."""
    first, again = (subject.score(subject.draw(50, 9)) for _ in range(2))
    if first != again:
        raise Violation(
            f"{_first_difference(first, again)} Draw random numbers from the generator that is passed in: needs = "
            '("generator", ...).'
        )


def inputs_are_left_alone(subject: MetricSubject) -> None:
    """`measure` changes none of its arguments."""
    generated, split = subject.draw(50, 9), subject.split()
    arrays = {"generated": generated, "train": split.train, "valid": split.valid, "test": split.test}
    before = {role: array.copy() for role, array in arrays.items()}
    subject.score(generated, split)
    for role, array in arrays.items():
        if not np.array_equal(array, before[role]):
            raise Violation(f"{role} was changed in place. Work on a copy, as in {role}.clone().")


def order_does_not_matter(subject: MetricSubject) -> None:
    """Samples in another order give the same values, but for rounding and the metric's own random numbers."""
    if "generator" in subject.metric.metric.needs:
        return
    generated = subject.draw(50, 9)
    shuffled = generated[np.random.default_rng(4).permutation(len(generated))]
    _demand_close(subject.score(generated), subject.score(shuffled), "with the samples in another order")


def examples_one_by_one(subject: MetricSubject) -> None:
    """A value that is a mean over test examples is the same for an example whatever other test examples there are."""
    split, generated = subject.split(), subject.draw(50, 9)
    whole = subject.score(generated, split)
    fewer = Split("standard", split.train, split.valid, np.ascontiguousarray(split.test[:20]))
    if "labels" in subject.metric.metric.needs:
        return
    part = subject.score(generated, fewer)
    for name, value in whole.values.items():
        if not value.per_example:
            continue
        if len(value.per_example) != len(split.test):
            raise Violation(
                f"{name} has {len(value.per_example)} per_example values for {len(split.test)} test examples."
            )
        if abs(float(np.mean(value.per_example)) - value.value) > 1e-4 * (1 + abs(value.value)):
            raise Violation(f"{name} is {value.value!r}, and the mean of its per_example values another.")
        _demand_close_numbers(name, value.per_example[:20], part.values[name].per_example, "with fewer test examples")


def roles_are_told_apart(subject: MetricSubject) -> None:
    """Samples and test data in exchanged roles give another value, or the metric says that they may be exchanged."""
    generated = subject.draw(50, 9, shift=0.05)
    split = subject.split()
    swapped = Split("standard", split.train, split.valid, generated, split.train_labels, split.valid_labels)
    if "test" not in subject.metric.metric.needs or getattr(subject.metric.metric, "symmetric", False):
        return
    if "labels" in subject.metric.metric.needs:
        return
    first, second = _headline(subject.score(generated, split)), _headline(subject.score(split.test, swapped))
    if math.isclose(first.value, second.value, rel_tol=1e-9):
        raise Violation(
            f"it is {first.value!r} either way. If it is meant to be symmetric, say so: symmetric = True in the class."
        )


def better_samples_are_better(subject: MetricSubject) -> None:
    """Samples from the law of the data are better than samples far off, in the metric's own direction."""
    direction = subject.metric.metric.direction
    if direction == "neither":
        return
    good, bad = (_headline(subject.score(subject.draw(200, 9, shift=shift))).value for shift in (0.0, 0.5))
    if (good > bad) != (direction == "higher") or good == bad:
        raise Violation(f"direction is {direction!r}; samples of the data's law give {good:g}, others far off {bad:g}.")


def constant_sets_are_survived(subject: MetricSubject) -> None:
    """Sets without variation, of one repeated image, give finite values, or an error that says what is wrong."""
    constant = np.full((30, *_SHAPE), 0.5, np.float32)
    labels = np.zeros(30, np.int64)
    _survives(subject, constant, Split("standard", constant, constant, constant, labels, labels, labels))
    _survives(subject, constant, subject.split())


def one_example_is_survived(subject: MetricSubject) -> None:
    """One sample, and one test example, give finite values without a standard error, or a clear error."""
    split = subject.split()
    _survives(subject, subject.draw(1, 9), split)
    one = Split("standard", split.train, split.valid, np.ascontiguousarray(split.test[:1]))
    score = None if "labels" in subject.metric.metric.needs else _survives(subject, subject.draw(50, 9), one)
    for name, value in (score.values if score else {}).items():
        if value.across == "examples" and value.standard_error is not None:
            raise Violation(f"{name} has a standard error across examples, of one example. Leave it out (None).")


def _survives(subject: MetricSubject, generated: np.ndarray, split: Split) -> Score | None:
    try:
        return subject.score(generated, split)
    except UserError:
        return None  # it says what is wrong


def it_can_be_stored(subject: MetricSubject) -> None:
    """A score survives being written to a record and read again."""
    score = subject.score(subject.draw(50, 9))
    if msgspec.json.decode(msgspec.json.encode(score), type=Score) != score:
        raise Violation("a score that was written and read again differs. Give values as plain Python floats.")


def _headline(score: Score) -> Value:
    return score.values[score.headline]


def _first_difference(first: Score, second: Score) -> str:
    for name, value in first.values.items():
        if value != second.values.get(name):
            return f"{name} is {value.value!r} and then {second.values[name].value!r}."
    return "Curves or findings differ."


def _demand_close(first: Score, second: Score, when: str) -> None:
    for name, value in first.values.items():
        _demand_close_numbers(name, [value.value], [second.values[name].value], when)


def _demand_close_numbers(name: str, first: Any, second: Any, when: str) -> None:
    if not np.allclose(first, second, rtol=_RELATIVE, atol=_RELATIVE):
        raise Violation(f"{name} is {first[0]:g}, and {second[0]:g} {when}.")


METRIC_CHECKS = (
    Check(it_measures),
    Check(settings_are_data),
    Check(it_is_determined, (it_measures,)),
    Check(inputs_are_left_alone, (it_measures,)),
    Check(order_does_not_matter, (it_measures, it_is_determined)),
    Check(examples_one_by_one, (it_measures, it_is_determined)),
    Check(roles_are_told_apart, (it_measures,)),
    Check(better_samples_are_better, (it_measures,)),
    Check(constant_sets_are_survived, (it_measures,)),
    Check(one_example_is_survived, (it_measures,)),
    Check(it_can_be_stored, (it_measures,)),
)
