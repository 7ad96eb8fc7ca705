"""What every metric must satisfy. Each check says in its docstring what it demands.

Metrics are measured on small sets of numbers with a known relation: the test set itself in place of samples, samples
from the law of the data, samples far off.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganbench.conformance.report import Check, CheckResult, NotExamined, Violation, run_checks
from ganbench.datasets import Split
from ganbench.errors import UserError
from ganbench.evaluation import Evaluation
from ganbench.metrics.metric import ROLES, Chains, Labels
from ganbench.metrics.parzen_health import GROUPS_OF_SAMPLES
from ganbench.records.record import Score
from ganbench.registry.metrics import MetricSource, find_metric
from ganbench.runtime.surroundings import random_settings, restored

__all__ = ["METRIC_CHECKS", "MetricSubject", "check_metric"]

_SHAPE = (4, 4)
_SECONDS = 120.0
_RELATIVE = 1e-5  # a sum in another order, in float32
_ERRORS = 4.0  # standard errors by which a value may differ that rests on how samples fall into groups
_SLACK = 0.05  # of the difference between the best samples and samples far off: what chance may do to 60 examples
_CHUNKS = {"batch_size": 7, "chunk_size": 7, "max_memory": 2**20}


def check_metric(metric: Any) -> Iterator[CheckResult]:
    """Examine a metric.

    Args:
        metric: A spec, a class or an object.

    Raises:
        UserError: There is no such metric, it cannot be imported, or it lacks what the contract asks for.
    """
    yield from run_checks(METRIC_CHECKS, MetricSubject(find_metric(metric)), _SECONDS)


@dataclass(frozen=True)
class MetricSubject:
    """A metric under examination; it is never measured with itself, but with copies."""

    metric: MetricSource

    @property
    def needs(self) -> Sequence[str]:
        """What it is given besides the samples."""
        return self.metric.roles

    def draw(self, n: int = 50, seed: int = 9, *, shift: float = 0.0) -> np.ndarray:
        """`[n, 4, 4]` numbers in [0, 1] with some structure: a random slope across each image, and noise."""
        rng = np.random.default_rng(seed)
        slope = rng.normal(0, 0.15, (n, 1, 1)) * np.linspace(-1, 1, _SHAPE[1])
        return np.clip(0.4 + shift + slope + rng.normal(0, 0.05, (n, *_SHAPE)), 0, 1).astype(np.float32)

    def split(self, n: int = 60, seed: int = 0, *, test: np.ndarray | None = None) -> Split:
        """Training, validation and test sets of the same law, of different sizes, with labels."""
        sizes = {"train": 2 * n, "valid": n - 7, "test": n + 3}
        parts = {role: self.draw(size, seed + i) for i, (role, size) in enumerate(sizes.items())}
        if test is not None:
            parts["test"] = np.ascontiguousarray(test)
        labels = {f"{role}_labels": np.arange(len(part), dtype=np.int64) % 3 for role, part in parts.items()}
        return Split("standard", **parts, **labels)

    def evaluation(self, generated: np.ndarray, split: Split | None = None, seed: int = 0) -> Evaluation:
        """Samples held against data; where the metric needs chains, as if they came from some."""
        generated, split = np.ascontiguousarray(generated), split or self.split()
        chains = self._chains(generated, seed) if "chains" in self.needs else None
        return Evaluation(generated, "0" * 64, split, "cpu", seed, chains)

    def _chains(self, generated: np.ndarray, seed: int) -> Chains:
        """Chains of up to five samples each, from two starts."""
        rounds = min(5, len(generated))
        n = len(generated) // rounds
        samples = generated[: rounds * n].reshape(rounds, n, *generated.shape[1:])
        starts = {"noise": samples, "train": samples[::-1].copy()}
        time = 1.0 + seed + float(generated.std())  # other samples have another
        return Chains(starts, np.arange(n), 10 + seed, 2, {"components": time, "classes": 1.0})

    def score(self, generated: np.ndarray, split: Split | None = None, seed: int = 0) -> Score:
        """What the metric says, when it has not measured anything before."""
        return self.evaluation(generated, split, seed).score(self.fresh())

    def value(self, generated: np.ndarray, split: Split | None = None) -> float:
        """The first value."""
        score = self.score(generated, split)
        return score.values[score.headline].value

    def fresh(self) -> MetricSource:
        """A metric that has not measured anything."""
        return replace(self.metric, metric=copy.deepcopy(self.metric.metric))


def settings_are_data(subject: MetricSubject) -> None:
    """Settings, their defaults too, are numbers, strings, and lists and tables of them: records hold them."""
    json.dumps(subject.metric.settings_as_data)


def roles_are_declared(subject: MetricSubject) -> None:
    """`measure` has keyword parameters for `generated` and for all that `needs` names, and no others."""
    parameters = inspect.signature(subject.metric.metric.measure).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    asked, given = set(parameters), {"generated", *subject.needs}
    for name in sorted(asked - given):
        role = f'Write it into needs, as in needs = ("{name}", ...).' if name in ROLES else "Make it a setting."
        raise Violation(f"measure has a parameter {name!r}, which it will never be given. {role}")
    if given - asked:
        raise Violation(f"measure has no parameter {min(given - asked)!r}, and needs names it.")


def it_measures(subject: MetricSubject) -> None:
    """`measure` returns a MetricResult of finite values, which can be stored as JSON."""
    subject.score(subject.draw())


def sizes_may_differ(subject: MetricSubject) -> None:
    """There may be fewer samples than test examples, or more, and any number of training examples."""
    for n in (20, 63, 150):
        subject.score(subject.draw(n))
    subject.score(subject.draw(), subject.split(20))


def it_is_determined(subject: MetricSubject) -> None:
    """Equal arguments and seeds give equal results, to the bit, whatever has been measured before."""
    generated, metric = subject.draw(), subject.fresh()
    first = subject.score(generated)
    _demand_equal(
        first, subject.score(generated), "Draw random numbers from the generator: needs = ('generator', ...)."
    )
    subject.evaluation(subject.draw(40, 5), subject.split(40, 20)).score(metric)
    again = subject.evaluation(generated).score(metric)
    _demand_equal(first, again, "It was used on other data between the two. Keep nothing from one call to the next.")


def global_random_state_is_left_alone(subject: MetricSubject) -> None:
    """`measure` does not change the global random states of torch, NumPy and Python."""
    with restored(random_settings()) as changed:
        subject.score(subject.draw())
        if changed():
            raise Violation(" Also, ".join(changed()))


def inputs_are_left_alone(subject: MetricSubject) -> None:
    """`measure` changes none of its arguments."""
    arguments = subject.evaluation(subject.draw()).arguments(subject.metric)
    before = copy.deepcopy({name: value for name, value in arguments.items() if name in ("generated", *_DATA)})
    subject.fresh().metric.measure(**arguments)
    for name, value in before.items():
        if not _same_numbers(value, arguments[name]):
            raise Violation(f"{name} was changed in place. Work on a copy, as in {name}.clone().")


def needs_are_used(subject: MetricSubject) -> None:
    """All that `needs` names has an influence: a score is computed anew whenever one of these data changes."""
    split, other = subject.split(), subject.split(seed=20)
    changes: dict[str, dict[str, Any]] = {role: {role: getattr(other, role)} for role in ("train", "valid", "test")}
    changes["labels"] = {f"{role}_labels": (getattr(split, f"{role}_labels") + 1) // 2 for role in changes}
    first = subject.score(subject.draw(), split)
    for role in subject.needs:
        if role != "features":
            second = subject.score(
                subject.draw(), replace(split, **changes.get(role, {})), seed=int(role not in changes)
            )
            if _outcome(first) == _outcome(second):
                raise Violation(f"{role} has no influence on the result. Leave it out of needs.")


def order_does_not_matter(subject: MetricSubject) -> None:
    """Samples in another order give the same values, but for rounding; or for their error across groups of samples."""
    if "generator" in subject.needs:
        raise NotExamined("It draws random numbers, which fall on other samples in another order.")
    if "chains" in subject.needs:
        raise NotExamined("The order of samples says to which chain they belong.")
    generated = subject.draw()
    shuffled = generated[np.random.default_rng(4).permutation(len(generated))]
    _demand_close(subject.score(generated), subject.score(shuffled), "with the samples in another order")


def chunks_do_not_matter(subject: MetricSubject) -> None:
    """A setting batch_size, chunk_size or max_memory decides how fast it is, and no value."""
    names = sorted(_CHUNKS.keys() & subject.metric.effective.keys())
    if not names:
        raise NotExamined("It has no such setting.")
    first = subject.score(subject.draw())
    for name in names:
        settings = {**subject.metric.effective, name: _CHUNKS[name]}
        other = replace(subject.metric, metric=type(subject.metric.metric)(**settings), effective=settings)
        _demand_close(first, subject.evaluation(subject.draw()).score(other), f"with {name} = {_CHUNKS[name]}")


def examples_are_scored_one_by_one(subject: MetricSubject) -> None:
    """A value with `per_example` is their mean, one for each test example, whatever other test examples there are."""
    split = subject.split()
    whole, part = (
        subject.score(subject.draw(), split),
        subject.score(subject.draw(), subject.split(test=split.test[:20])),
    )
    means = {name: value for name, value in whole.values.items() if value.per_example}
    if not means:
        raise NotExamined("It has no per_example values.")
    for name, value in means.items():
        n = len(value.per_example)
        if n != len(split.test):
            raise Violation(f"{name} has {n} per_example values for {len(split.test)} test examples.")
        if not math.isclose(float(np.mean(value.per_example)), value.value, rel_tol=1e-4, abs_tol=1e-4):
            raise Violation(f"{name} is {value.value:g}, and the mean of its per_example values is another.")
        _demand_close_numbers(name, value.per_example[:20], part.values[name].per_example, "with fewer test examples")


def roles_are_told_apart(subject: MetricSubject) -> None:
    """Samples and test data in exchanged roles give another first value; the same one if `symmetric` is true."""
    if "test" not in subject.needs:
        raise NotExamined("It does not look at test data.")
    generated, test = subject.draw(shift=0.05), subject.split().test
    first, second = subject.value(generated), subject.value(test, subject.split(test=generated))
    symmetric = bool(getattr(subject.metric.metric, "symmetric", False))
    if symmetric and not math.isclose(first, second, rel_tol=1e-4, abs_tol=_RELATIVE):
        raise Violation(f"symmetric is true, and it is {first:g}, or {second:g} in exchanged roles.")
    if not symmetric and math.isclose(first, second, rel_tol=1e-9):
        raise Violation(f"it is {first:g} either way. If this is meant, say so in the class: symmetric = True.")


def better_samples_are_better(subject: MetricSubject) -> None:
    """Samples from the law of the data are better than samples far off, in the metric's own direction."""
    sign = _sign(subject)
    good, bad = (subject.value(subject.draw(200, shift=shift)) for shift in (0.0, 0.5))
    if sign * good <= sign * bad:
        direction = subject.metric.metric.direction
        raise Violation(f"direction is {direction!r}; samples of the data's law give {good:g}, others far off {bad:g}.")


def identity_is_best(subject: MetricSubject) -> None:
    """No samples are better than the test data themselves; or these give `at_identity`, where the metric states it."""
    if "test" not in subject.needs:
        raise NotExamined("It does not look at test data.")
    value, stated = subject.value(subject.split().test), getattr(subject.metric.metric, "at_identity", None)
    if stated is not None:
        if not math.isclose(value, stated, rel_tol=1e-4, abs_tol=_RELATIVE):
            raise Violation(f"at_identity is {stated:g}, and the test data themselves give {value:g}.")
        return
    sign, n = _sign(subject), len(subject.split().test)
    slack = _SLACK * sign * (value - subject.value(subject.draw(n, shift=0.5)))
    if slack < 0:
        raise NotExamined("Samples far off are better, see better_samples_are_better.")
    for shift in (-0.1, 0.0, 0.05, 0.1, 0.2):
        other = subject.value(subject.draw(n, shift=shift))
        if sign * other > sign * value + slack:
            raise Violation(
                f"the test data themselves give {value:g}, and samples that differ from them in the mean by {shift:g} "
                f"give {other:g}, which is better. If this is meant, state the value: at_identity = ..."
            )


def constant_sets_are_survived(subject: MetricSubject) -> None:
    """Sets without variation, of one repeated image, give finite values, or an error that says what is wrong."""
    constant = np.full((30, *_SHAPE), 0.5, np.float32)
    labels = np.zeros(30, np.int64)
    _survives(subject, constant, Split("standard", constant, constant, constant, labels, labels, labels))
    _survives(subject, constant, subject.split())


def one_example_is_survived(subject: MetricSubject) -> None:
    """One sample, and one test example, give finite values, without an error across examples, or a clear error."""
    split = subject.split()
    _survives(subject, subject.draw(1), split)
    score = _survives(subject, subject.draw(), subject.split(test=split.test[:1]))
    for name, value in (score.values if score else {}).items():
        if value.across == "examples" and len(value.per_example) <= 1:
            raise Violation(f"{name} has a standard error across examples, of one example. Leave it out (None).")


_DATA = ("train", "valid", "test", "labels")


def _survives(subject: MetricSubject, generated: np.ndarray, split: Split) -> Score | None:
    try:
        return subject.score(generated, split)
    except UserError:
        return None  # it says what is wrong


def _sign(subject: MetricSubject) -> float:
    direction = subject.metric.metric.direction
    if direction == "neither":
        raise NotExamined("Neither higher nor lower is better.")
    return 1.0 if direction == "higher" else -1.0


def _same_numbers(first: Any, second: Any) -> bool:
    if isinstance(first, Chains):
        return all(_same_numbers(first.samples[start], second.samples[start]) for start in first.samples)
    if isinstance(first, Labels):
        return all(_same_numbers(getattr(first, role), getattr(second, role)) for role in ("train", "valid", "test"))
    return bool((first == second).all())


def _outcome(score: Score) -> tuple[Any, ...]:
    return score.values, score.curves, score.findings


def _demand_equal(first: Score, second: Score, advice: str) -> None:
    if _outcome(first) == _outcome(second):
        return
    differing = [name for name, value in first.values.items() if value != second.values.get(name)]
    values = f"{differing[0]} is {first.values[differing[0]].value!r}, and another the next time" if differing else ""
    raise Violation(f"{values or 'curves or findings differ from one time to the next'}. {advice}")


def _demand_close(first: Score, second: Score, when: str) -> None:
    for name, value in first.values.items():
        other = second.values[name]
        errors = [v.standard_error or 0.0 for v in (value, other)] if value.across == GROUPS_OF_SAMPLES else [0.0]
        _demand_close_numbers(name, [value.value], [other.value], when, _ERRORS * math.hypot(*errors))


def _demand_close_numbers(
    name: str, first: Sequence[float], second: Sequence[float], when: str, allowed: float = 0.0
) -> None:
    if len(first) != len(second) or not np.allclose(first, second, rtol=_RELATIVE, atol=_RELATIVE + allowed):
        raise Violation(f"{name} is {first[0]:g}, and {second[0]:g} {when}.")


_MEASURED = (it_measures, sizes_may_differ)
_DETERMINED = (*_MEASURED, it_is_determined)

METRIC_CHECKS: tuple[Check[MetricSubject], ...] = (
    Check(settings_are_data),
    Check(roles_are_declared),
    Check(it_measures, (settings_are_data, roles_are_declared)),
    Check(sizes_may_differ, (it_measures,)),
    Check(it_is_determined, _MEASURED),
    Check(global_random_state_is_left_alone, _DETERMINED),
    Check(inputs_are_left_alone, _MEASURED),
    Check(needs_are_used, _DETERMINED),
    Check(order_does_not_matter, _DETERMINED),
    Check(chunks_do_not_matter, _DETERMINED),
    Check(examples_are_scored_one_by_one, _DETERMINED),
    Check(roles_are_told_apart, _DETERMINED),
    Check(better_samples_are_better, _DETERMINED),
    Check(identity_is_best, _DETERMINED),
    Check(constant_sets_are_survived, _MEASURED),
    Check(one_example_is_survived, _MEASURED),
)
