"""From samples and a split to scores: the one way, for models, files and arrays alike.

A metric is given what it needs, by role and as tensors on one device, and nothing else. What a score depends on, the
samples, those data, the metric's settings and its source, makes its key: a stored score of the same key is as good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.datasets import Split
from ganbench.errors import DataError, ModelError, SampleError
from ganbench.files import content_key
from ganbench.metrics.metric import Labels, MetricResult
from ganbench.records.record import Score
from ganbench.registry.metrics import MetricSource
from ganbench.runtime.seeding import derive_seed, torch_generator

if TYPE_CHECKING:
    import torch

__all__ = ["Evaluation", "check_samples", "score_key"]

_RANGE_TOLERANCE = 1e-3
_EXAMPLES = ("train", "valid", "test")


def score_key(metric: MetricSource, samples_sha256: str, split: Split, seed: int) -> str:
    """sha256 over all that a score depends on.

    Raises:
        DataError: The metric needs labels, and the split has none.
    """
    needs = metric.metric.needs
    data: dict[str, Any] = {role: getattr(split, f"{role}_checksum") for role in _EXAMPLES if role in needs}
    if "labels" in needs:
        data["labels"] = [split.labels_checksum(role) for role in _EXAMPLES]
        if not any(data["labels"]):
            raise DataError(f"The metric {metric.name!r} needs class labels, and these data have none.")
    return content_key([metric.key, samples_sha256, data, seed if "generator" in needs else None])


@dataclass(frozen=True)
class Evaluation:
    """Samples held against one split.

    Attributes:
        generated: `[m, *event_shape]` float32 samples, as `check_samples` returns them.
        samples_sha256: Of their numbers.
        split: The data.
        device: Where metrics compute.
        seed: Base seed of metrics that draw random numbers.
    """

    generated: np.ndarray
    samples_sha256: str
    split: Split
    device: str = "cpu"
    seed: int = 0

    def score(self, metric: MetricSource) -> Score:
        """Measure, and say what the result depends on.

        Raises:
            UserError: The metric cannot be computed here; its text says why.
            ModelError: The metric breaks its contract.
        """
        given = {role: self._role(role, metric) for role in metric.metric.needs}
        result = metric.metric.measure(generated=self._tensors["generated"], **given)
        if not isinstance(result, MetricResult):
            found = type(result).__name__
            raise ModelError(f"The metric {metric.label!r} returned {found}; expected ganbench.metrics.MetricResult.")
        return Score(
            metric=metric.name,
            version=metric.metric.version,
            settings=metric.settings_as_data,
            key=score_key(metric, self.samples_sha256, self.split, self.seed),
            headline=next(iter(result.values)),
            values=result.values,
            curves=result.curves,
            findings=result.findings,
        )

    @cached_property
    def _tensors(self) -> dict[str, torch.Tensor]:
        import torch

        arrays = {"generated": self.generated, "train": self.split.train, "valid": self.split.valid}
        arrays["test"] = self.split.test
        return {role: torch.from_numpy(array).to(self.device) for role, array in arrays.items()}

    def _role(self, role: str, metric: MetricSource) -> Any:
        if role == "labels":
            return Labels(*map(_as_tensor, (self.split.train_labels, self.split.valid_labels, self.split.test_labels)))
        if role == "features":
            from ganbench.metrics.features import pixels

            return pixels
        if role == "generator":
            return torch_generator(derive_seed(self.seed, metric.name, self.samples_sha256))
        return self._tensors[role]


def _as_tensor(labels: np.ndarray | None) -> Any:
    import torch

    return None if labels is None else torch.from_numpy(labels)


def _as_array(samples: Any, origin: str) -> np.ndarray:
    """Samples as an array of real numbers that NumPy knows; torch's bfloat16 becomes float32."""
    if hasattr(samples, "detach"):
        samples = samples.detach().cpu()
        samples = samples.float().numpy() if samples.dtype.is_floating_point else samples.numpy()
    try:
        return np.asarray(samples)
    except (TypeError, ValueError) as error:
        raise SampleError(f"{origin}: samples must be an array or a tensor; got {type(samples).__name__}.") from error


def check_samples(
    samples: np.ndarray, *, event_shape: Sequence[int], value_range: tuple[float, float], origin: str
) -> np.ndarray:
    """Return samples as float32 `[n, *event_shape]`, or say what is wrong with them.

    Flat rows `[n, d]` are accepted. Where data are images in [0, 1], samples must be as well.

    Raises:
        SampleError: Wrong shape, not finite, not numbers, or out of range.
    """
    samples = _as_array(samples, origin)
    shape = tuple(event_shape)
    if not np.issubdtype(samples.dtype, np.number) or np.iscomplexobj(samples):
        raise SampleError(f"{origin}: samples must be real numbers; got dtype {samples.dtype}.")
    flat = int(np.prod(shape))
    if samples.ndim == 0 or len(samples) == 0 or (samples.shape[1:] != shape and samples.shape[1:] != (flat,)):
        raise SampleError(
            f"{origin}: samples have shape {list(samples.shape)}; expected [n, {', '.join(map(str, shape))}] or "
            f"[n, {flat}] with n >= 1."
        )
    finite = np.isfinite(samples)
    if not finite.all():
        bad = int((~finite.reshape(len(samples), -1).all(1)).sum())
        raise SampleError(f"{origin}: {bad} of {len(samples)} samples hold NaN or infinity; they cannot be scored.")
    if value_range == (0.0, 1.0):
        _check_unit_range(samples, origin)
    return np.ascontiguousarray(samples, dtype=np.float32).reshape(len(samples), *shape)


def _check_unit_range(samples: np.ndarray, origin: str) -> None:
    low, high = float(samples.min()), float(samples.max())
    if low >= -_RANGE_TOLERANCE and high <= 1 + _RANGE_TOLERANCE:
        return
    if high > 2 and low >= 0 and high <= 255:
        advice = "They look like 0..255: divide by 255."
    elif low >= -1 - _RANGE_TOLERANCE and high <= 1 + _RANGE_TOLERANCE:
        advice = "They look like -1..1: use (x + 1) / 2."
    else:
        advice = "Bring them to the scale of the data."
    raise SampleError(f"{origin}: samples range from {low:g} to {high:g}; the data lie in [0, 1]. {advice}")
