"""The exact log-likelihood of test data, of models whose density can be evaluated: beside every estimate of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.errors import ModelError
from ganbench.experiment.calling import calling
from ganbench.experiment.plan import Cell
from ganbench.metrics.metric import Value
from ganbench.metrics.standard_error import mean_with_error
from ganbench.model import LogDensity
from ganbench.records.record import EXACT, SamplesRef, Score

__all__ = ["exact_score"]


def exact_score(cell: Cell, model: Any, samples: SamplesRef, device: str) -> Score:
    """The mean of `ganbench.LogDensity.log_density` over the test examples.

    Args:
        cell: With the test examples.
        model: The trained model.
        samples: What was drawn from it.
        device: Where the model is.

    Raises:
        ModelError: The model has no such method, or it does not give one finite number for each example.
    """
    import torch

    if not isinstance(model, LogDensity):
        raise ModelError(f"{cell.variant.label!r} declares log_density and does not have it.")
    test = torch.tensor(cell.split.test, device=device)
    with calling(f"log_density of {cell.variant.label!r}"):
        values = np.asarray(model.log_density(test).detach().cpu(), dtype=np.float64)
    if values.shape != (len(test),) or not np.isfinite(values).all():
        raise ModelError(
            f"{cell.variant.label!r}: log_density of {len(test)} examples gives an array of shape {list(values.shape)}"
            f"{', which is not finite' * (not np.isfinite(values).all())}; expected one finite number for each."
        )
    summary = mean_with_error(values, across="examples")
    error = None if len(values) < 2 else summary.standard_error
    per_example = tuple(np.round(values, 6).tolist())
    value = Value(summary.mean, "nats", error, "" if error is None else "examples", per_example)
    return Score(EXACT, 1, {}, cell.exact_key(samples), "mean_log_density", {"mean_log_density": value})
