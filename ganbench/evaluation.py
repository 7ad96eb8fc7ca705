"""From samples and a split to the numbers of a record.

The order is the paper's: the bandwidth is chosen on validation data, the test set is looked at once, with the bandwidth
chosen. Both searches are kept, the coarse grid of the source and the refined one, so that a table can show either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ganbench.errors import SampleError
from ganbench.metrics.standard_error import mean_with_error

__all__ = [
    "Likelihood",
    "NeighborDistances",
    "as_dict",
    "check_samples",
    "evaluate_samples",
    "nearest_neighbor_distances",
]

_RANGE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Likelihood:
    """The Parzen log-likelihood of test data at one bandwidth.

    Attributes:
        bandwidth: The bandwidth, chosen on validation data.
        mean_log_likelihood: Mean over test examples, nats.
        standard_error: Across test examples (population standard deviation over sqrt(n)).
        valid_mean_log_likelihood: Mean over the validation examples that chose the bandwidth.
        grid: The bandwidths that were tried.
        valid_curve: Their validation means.
        at_edge: The optimum lies at the edge of the grid: a wider one is called for.
        median_effective_kernels: Median over test examples of how many samples carry the density; near one, the
            estimate is a nearest-neighbour distance.
        log_likelihoods: The test examples' log-likelihoods, in order, rounded to 1e-6.
    """

    bandwidth: float
    mean_log_likelihood: float
    standard_error: float
    valid_mean_log_likelihood: float
    grid: tuple[float, ...]
    valid_curve: tuple[float, ...]
    at_edge: bool
    median_effective_kernels: float
    log_likelihoods: tuple[float, ...]


@dataclass(frozen=True)
class NeighborDistances:
    """Euclidean distances to the nearest training example: quantiles 0, 5, 25, 50, 75, 95, 100 % and the mean."""

    n: int
    mean: float
    quantiles: tuple[float, ...]


def check_samples(
    samples: np.ndarray, *, event_shape: Sequence[int], value_range: tuple[float, float], origin: str
) -> np.ndarray:
    """Return samples as float32 `[n, *event_shape]`, or say what is wrong with them.

    Flat rows `[n, d]` are accepted. Where data are images in [0, 1], samples must be as well.

    Raises:
        SampleError: Wrong shape, not finite, not numbers, or out of range.
    """
    samples = np.asarray(samples)
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


def evaluate_samples(
    *,
    generated: np.ndarray,
    valid: np.ndarray,
    test: np.ndarray,
    grid: Sequence[float],
    refinement_steps: int = 16,
    device: str = "cpu",
) -> dict[str, Likelihood]:
    """Score samples by the protocol: bandwidth on validation data, log-likelihood of test data.

    Args:
        generated: `[m, ...]` samples, the kernel centres.
        valid: `[v, ...]` examples that choose the bandwidth.
        test: `[n, ...]` examples that are judged.
        grid: The coarse bandwidths.
        refinement_steps: Steps of the search between the neighbours of the coarse optimum; 0 leaves it out.
        device: Where the distances are computed.

    Returns:
        `grid`: at the optimum of the coarse grid; `refined`: at that of the refined search, where there is one.
    """
    import torch

    from ganbench.metrics._kernels.parzen import refine_bandwidth, select_bandwidth

    centres, validation, examples = (torch.from_numpy(a).to(device) for a in (generated, valid, test))
    coarse = select_bandwidth(validation, centres, grid)
    selections = {"grid": coarse}
    if refinement_steps:
        selections["refined"] = refine_bandwidth(validation, centres, coarse, steps=refinement_steps)
    return {name: _likelihood(examples, centres, selection) for name, selection in selections.items()}


def _likelihood(test: Any, centres: Any, selection: Any) -> Likelihood:
    from ganbench.metrics._kernels.parzen import effective_kernels, parzen_log_density

    values = parzen_log_density(test, centres, selection.bandwidth).cpu().numpy()
    summary = mean_with_error(values, across="examples")
    return Likelihood(
        bandwidth=selection.bandwidth,
        mean_log_likelihood=summary.mean,
        standard_error=summary.standard_error,
        valid_mean_log_likelihood=max(selection.mean_log_likelihoods),
        grid=selection.grid,
        valid_curve=selection.mean_log_likelihoods,
        at_edge=selection.at_edge,
        median_effective_kernels=float(effective_kernels(test[:1000], centres, selection.bandwidth).median()),
        log_likelihoods=tuple(np.round(values, 6).tolist()),
    )


def nearest_neighbor_distances(
    *, generated: np.ndarray, train: np.ndarray, device: str = "cpu"
) -> tuple[NeighborDistances, np.ndarray, np.ndarray]:
    """Distances of samples (or of held-out data, for comparison) to their nearest training example.

    Returns:
        The summary; distances float64 `[n]`; indices int64 `[n]` into `train`.
    """
    import torch

    from ganbench.metrics._kernels.neighbors import nearest_neighbors

    distances, indices = nearest_neighbors(torch.from_numpy(generated).to(device), torch.from_numpy(train).to(device))
    values = distances[:, 0].cpu().numpy()
    quantiles = np.quantile(values, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    summary = NeighborDistances(len(values), float(values.mean()), tuple(quantiles.tolist()))
    return summary, values, indices[:, 0].cpu().numpy()


def as_dict(value: Likelihood | NeighborDistances) -> Mapping[str, Any]:
    """The fields of a result, for a record."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(value).items()}
