"""From samples and a split to scores: the one way, for models, files and arrays alike.

A metric is given what it needs, by role and as tensors of its own on one device, and nothing else. What a score depends
on, the samples, those data, the metric's settings and its source, makes its key: a stored score of the same key is as
good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ganbench.datasets import Split, exact_samples, fit_samples
from ganbench.errors import DataError, ModelError, SampleError
from ganbench.files import content_key
from ganbench.metrics.features import pixels
from ganbench.metrics.metric import Chains, Finding, Labels, MetricResult
from ganbench.records.record import Score
from ganbench.registry.metrics import MetricSource
from ganbench.runtime.seeding import derive_seed, torch_generator
from ganbench.schema import convert

if TYPE_CHECKING:
    import torch

__all__ = ["Evaluation", "chains_checksum", "check_samples", "fitted_samples", "score_key"]

_EXAMPLES = ("train", "valid", "test")


def score_key(metric: MetricSource, samples_sha256: str, split: Split, seed: int, chains_sha256: str = "") -> str:
    """sha256 over all that a score depends on.

    Args:
        metric: The metric.
        samples_sha256: Of the samples.
        split: The data.
        seed: Base seed of metrics that draw random numbers.
        chains_sha256: Of the chains that the samples come from.

    Raises:
        DataError: The metric needs labels, and the split has none.
    """
    needs = metric.roles
    data: dict[str, Any] = {role: getattr(split, f"{role}_checksum") for role in _EXAMPLES if role in needs}
    if "labels" in needs:
        data["labels"] = [split.labels_checksum(role) for role in _EXAMPLES]
        if "labels" in metric.metric.needs and not any(data["labels"]):
            raise DataError(f"The metric {metric.name!r} needs class labels, and these data have none.")
    if "features" in needs:
        data["features"] = pixels.__name__
    if "chains" in needs:
        data["chains"] = chains_sha256
    return content_key([metric.key, samples_sha256, data, seed if "generator" in needs else None])


def chains_checksum(chains: Chains) -> str:
    """sha256 over the numbers of chains, whose arrays are NumPy's."""
    arrays = [*chains.samples.values(), chains.origins]
    checksums = [hashlib.sha256(np.ascontiguousarray(array).data).hexdigest() for array in arrays]
    return content_key([list(chains.samples), checksums, chains.burn_in, chains.thinning, chains.autocorrelation_times])


@dataclass(frozen=True)
class Evaluation:
    """Samples held against one split.

    Attributes:
        generated: `[m, *event_shape]` float32 samples, as `check_samples` returns them.
        samples_sha256: Of their numbers.
        split: The data.
        device: Where metrics compute.
        seed: Base seed of metrics that draw random numbers.
        chains: The chains that the samples come from, as NumPy arrays; None for other samples.
    """

    generated: np.ndarray
    samples_sha256: str
    split: Split
    device: str = "cpu"
    seed: int = 0
    chains: Chains | None = None

    def applies(self, metric: MetricSource) -> bool:
        """Whether the metric has something to measure: chains, where it needs some."""
        return self.chains is not None or "chains" not in metric.metric.needs

    def score(self, metric: MetricSource) -> Score:
        """Measure, and say what the result depends on.

        Raises:
            UserError: The metric cannot be computed here; its text says why.
            ModelError: The metric breaks its contract.
        """
        result = metric.metric.measure(**self.arguments(metric))
        if not isinstance(result, MetricResult):
            found = type(result).__name__
            raise ModelError(f"The metric {metric.label!r} returned {found}; expected ganbench.metrics.MetricResult.")
        score = Score(
            metric=metric.name,
            version=metric.metric.version,
            settings=metric.settings_as_data,
            key=score_key(metric, self.samples_sha256, self.split, self.seed, self._chains_sha256),
            headline=next(iter(result.values)),
            values=result.values,
            curves=result.curves,
            findings=result.findings,
        )
        try:  # parts of a result are not looked at when it is made
            return convert(msgspec.to_builtins(score), Score)
        except (TypeError, ValueError) as error:
            raise ModelError(f"The metric {metric.label!r} returned a result that cannot be stored: {error}") from error

    @cached_property
    def _chains_sha256(self) -> str:
        return "" if self.chains is None else chains_checksum(self.chains)

    def arguments(self, metric: MetricSource) -> dict[str, Any]:
        """What a metric is given, by role: copies, so that none can spoil the data of another."""
        return {role: self._argument(role, metric) for role in ("generated", *metric.roles)}

    def _argument(self, role: str, metric: MetricSource) -> Any:
        if role == "labels":
            return Labels(**{part: self._copy(getattr(self.split, f"{part}_labels")) for part in _EXAMPLES})
        if role == "features":
            return pixels
        if role == "chains":
            return self._copy_of_chains()
        if role == "generator":
            return torch_generator(derive_seed(self.seed, metric.name, self.samples_sha256))
        return self._copy(self.generated if role == "generated" else getattr(self.split, role))

    def _copy_of_chains(self) -> Chains:
        if self.chains is None:
            raise ModelError("These samples do not come from Markov chains, which the metric needs.")
        chains = self.chains
        samples = {start: self._copy(array) for start, array in chains.samples.items()}
        return msgspec.structs.replace(chains, samples=samples, origins=self._copy(chains.origins))

    def _copy(self, array: np.ndarray | None) -> torch.Tensor | None:
        import torch

        return None if array is None else torch.tensor(array, device=self.device)


def check_samples(
    samples: Any, *, event_shape: Sequence[int], value_range: tuple[float, float], origin: str
) -> np.ndarray:
    """Return the samples of a model as float32 `[n, *event_shape]`, or say what is wrong with them.

    Arrays and tensors of any real dtype, byte order and device are accepted, and flat rows `[n, d]`. They must lie in
    the range of the data.

    Raises:
        SampleError: Wrong shape, not finite, not numbers, or out of range.
    """
    try:
        return exact_samples(samples, event_shape=event_shape, value_range=value_range, origin=origin)
    except DataError as error:
        raise SampleError(str(error)) from error


def fitted_samples(
    samples: Any,
    train: np.ndarray,
    value_range: tuple[float, float],
    origin: str,
    settings: Mapping[str, str] | None = None,
) -> tuple[np.ndarray, tuple[Finding, ...]]:
    """Samples that no model of ours drew, made like the data by `ganbench.datasets.fit_samples`, and what was done.

    Args:
        samples: An array or tensor.
        train: The training examples.
        value_range: The range of the data.
        origin: What the samples are called in errors.
        settings: Their `scale` and `layout`, where they are known.

    Raises:
        SampleError: They do not fit the data, or could in several ways.
        UsageError: Scale or layout are not known words.
    """
    try:
        fitted = fit_samples(samples, train=train, value_range=value_range, origin=origin, **(settings or {}))
    except DataError as error:
        raise SampleError(str(error)) from error
    findings = (
        Finding(note.code, note.text.rstrip("."), "warning" if note.is_warning else "note") for note in fitted.notes
    )
    return fitted.samples, tuple(findings)
