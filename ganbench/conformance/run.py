"""Running the checks on a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch

from ganbench.conformance.checks import CHECKS, Subject, Violation
from ganbench.datasets import load_dataset
from ganbench.errors import ModelError
from ganbench.registry.models import find_model

__all__ = ["CheckResult", "check_model"]

_TRAINING_EXAMPLES = 203  # few, and no multiple of a usual batch size


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check: `violation` is empty when the model passed."""

    name: str
    demand: str
    violation: str


def check_model(
    spec: str, *, dataset: str = "digits", device: str = "cpu", data_root: str | None = None
) -> Iterator[CheckResult]:
    """Examine a model on some training examples of a data set, three epochs at most for each check.

    Args:
        spec: The model.
        dataset: The data set; its name is also that of the default preset.
        device: The device.
        data_root: Where data sets lie.

    Raises:
        ModelError: The model cannot be imported or built.
    """
    source = find_model(spec)
    if source.is_sample_file:
        raise ModelError(f"{spec!r} is a file of samples; there is no model to check. Score it by `ganbench evaluate`.")
    data = load_dataset(dataset, data_root)
    build = partial(source.build, data.event_shape, device, source.hyperparameters(dataset))
    build()
    train = torch.from_numpy(data.splits[0].train[:_TRAINING_EXAMPLES].copy()).to(device)
    subject = Subject(build, train, data.value_range, device)
    for check in CHECKS:
        yield CheckResult(check.__name__, (check.__doc__ or "").strip(), _violation(check, subject))


def _violation(check: object, subject: Subject) -> str:
    try:
        check(subject)  # type: ignore[operator]
    except Violation as violation:
        return str(violation)
    except Exception as error:  # noqa: BLE001 - a model may fail in any way, and how is the result
        return f"{type(error).__name__}: {error}"
    return ""
