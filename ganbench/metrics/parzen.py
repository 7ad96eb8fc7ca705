"""The Parzen-window log-likelihood of test data, at a bandwidth that is chosen on validation data.

    log p(x) = log (1/m) sum_j exp(-||x - mu_j||^2 / (2 s^2)) - (d/2) log(2 pi s^2)

with the samples of a model as centres mu_j. Sources: Breuleux, Bengio and Vincent, "Quickly generating representative
samples from an RBM-derived process" (2011), https://doi.org/10.1162/NECO_a_00158; Goodfellow et al., "Generative
Adversarial Nets" (2014), section 5, https://arxiv.org/abs/1406.2661.

The estimate is a biased ruler (Theis, van den Oord and Bethge, "A note on the evaluation of generative models", 2016,
https://arxiv.org/abs/1511.01844): in high dimension it is close to a nearest-neighbour distance, grows with the number
of samples, and prefers k-means centroids to real data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Curve, Finding, MetricResult, Value
from ganbench.metrics.standard_error import mean_with_error

if TYPE_CHECKING:
    import torch

    from ganbench.metrics._kernels.distances import Points

__all__ = ["PAPER_GRID", "BandwidthSelection", "Parzen", "refine_bandwidth", "select_bandwidth"]

PAPER_GRID: tuple[float, ...] = tuple(0.1 * 10.0 ** (i / 9) for i in range(10))
"""The ten bandwidths of the source: 0.1 to 1, evenly spaced in the logarithm."""

_EXAMPLES_FOR_KERNELS = 1000  # test examples of which the effective kernels are counted
_FEW_KERNELS = 2.0


@dataclass(frozen=True)
class BandwidthSelection:
    """The bandwidth with the highest mean log-likelihood on validation data.

    Attributes:
        bandwidth: The chosen bandwidth, in units of the data.
        grid: All bandwidths that were tried, ascending.
        mean_log_likelihoods: Their mean log-likelihoods per validation example, in nats.
        at_edge: The choice is the smallest or the largest of the grid, so the optimum may lie outside.
    """

    bandwidth: float
    grid: tuple[float, ...]
    mean_log_likelihoods: tuple[float, ...]
    at_edge: bool

    def __float__(self) -> float:
        """The chosen bandwidth."""
        return self.bandwidth


def select_bandwidth(
    valid: Points, centres: Points, grid: Sequence[float] | np.ndarray | torch.Tensor = PAPER_GRID, **memory: int
) -> BandwidthSelection:
    """Choose the bandwidth of `grid` under which validation data are most likely; the smaller one of a tie.

    Args:
        valid: `[n, d]` validation points. Never the test set.
        centres: `[m, d]` kernel centres.
        grid: Bandwidths to try.
        **memory: `max_memory`, bytes of working memory beyond the inputs.

    Raises:
        UsageError: As `parzen_log_density`.
    """
    from ganbench.metrics._kernels.parzen import parzen_log_density

    candidates = sorted({float(s) for s in grid})
    means = parzen_log_density(valid, centres, candidates, **memory).mean(1)
    best = int(means.argmax())
    return BandwidthSelection(
        bandwidth=candidates[best],
        grid=tuple(candidates),
        mean_log_likelihoods=tuple(means.tolist()),
        at_edge=best in (0, len(candidates) - 1),
    )


def refine_bandwidth(
    valid: Points, centres: Points, coarse: BandwidthSelection, *, steps: int = 16, **memory: int
) -> BandwidthSelection:
    """Search again between the neighbours of a coarse choice, evenly in the logarithm, on the same validation data.

    `at_edge` of the result speaks of the coarse grid: refinement cannot look beyond it.
    """
    position = coarse.grid.index(coarse.bandwidth)
    low, high = coarse.grid[max(position - 1, 0)], coarse.grid[min(position + 1, len(coarse.grid) - 1)]
    grid = {*np.geomspace(low, high, steps + 1).tolist(), coarse.bandwidth}
    fine = select_bandwidth(valid, centres, sorted(grid), **memory)
    at_edge = fine.bandwidth in (coarse.grid[0], coarse.grid[-1])
    return BandwidthSelection(fine.bandwidth, fine.grid, fine.mean_log_likelihoods, at_edge)


class Parzen:
    """The mean log-likelihood of test data under Gaussian kernels at the samples.

    The bandwidth is chosen on validation data, first on a coarse grid and then, more finely, between the neighbours of
    its optimum; the test data are looked at with the bandwidths chosen. Values at the optimum of the coarse grid, the
    source's, have names that begin with "grid_".

    Args:
        grid: The coarse bandwidths: a list, or {start, stop, count} for even spacing in the logarithm.
        refinement_steps: Steps of the second search; 0 leaves it out.
        validation_limit: How many of the first validation examples choose the bandwidth; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "parzen"
    version = 1
    direction = "higher"
    needs = ("valid", "test")

    def __init__(
        self,
        *,
        grid: Sequence[float] | Mapping[str, float] = PAPER_GRID,
        refinement_steps: int = 16,
        validation_limit: int = 0,
    ) -> None:
        check_integer("refinement_steps", refinement_steps, least=0, most=1000)
        check_integer("validation_limit", validation_limit, least=0)
        if refinement_steps == 1:
            raise ValueError(
                "refinement_steps is 1; accepted: 0 for no second search, or a whole number of at least 2."
            )
        self.grid = expand_grid(grid)
        self.refinement_steps, self.validation_limit = refinement_steps, validation_limit

    def valid_mean_log_likelihood(self, *, generated: torch.Tensor, valid: torch.Tensor) -> float:
        """The validation data's mean log-likelihood at the bandwidth that they choose, in nats."""
        validation = valid[: self.validation_limit or len(valid)]
        chosen = select_bandwidth(validation, generated, self.grid)
        if self.refinement_steps:
            chosen = refine_bandwidth(validation, generated, chosen, steps=self.refinement_steps)
        return max(chosen.mean_log_likelihoods)

    def measure(self, *, generated: torch.Tensor, valid: torch.Tensor, test: torch.Tensor) -> MetricResult:
        """Values `mean_log_likelihood` (nats, across examples), `bandwidth`, `valid_mean_log_likelihood`, ...

        The curve "bandwidth" is the validation data's mean log-likelihood against the bandwidth.
        """
        validation = valid[: self.validation_limit or len(valid)]
        coarse = select_bandwidth(validation, generated, self.grid)
        selections = {"grid_": coarse}
        if self.refinement_steps:
            fine = refine_bandwidth(validation, generated, coarse, steps=self.refinement_steps)
            selections = {"": fine, **selections}
        else:
            selections = {"": coarse}
        values: dict[str, Value] = {}
        curves: dict[str, Curve] = {}
        for prefix, selection in selections.items():
            values |= {prefix + name: value for name, value in _values(test, generated, selection).items()}
            curves[f"{prefix}bandwidth"] = Curve(
                "bandwidth", "valid_mean_log_likelihood", selection.grid, selection.mean_log_likelihoods
            )
        chosen = selections[""]
        return MetricResult(values, curves, _findings(chosen, coarse, values["effective_kernels"].value))


def expand_grid(grid: Any) -> tuple[float, ...]:
    """Bandwidths, ascending, from a list of them or from {start, stop, count}.

    Raises:
        ValueError: They are not positive and finite, or not such a table.
    """
    accepted = "1 to 1000 positive numbers, or { start, stop, count } with 0 < start < stop and 2 <= count <= 1000"
    try:
        values = _logarithmic(**grid) if isinstance(grid, Mapping) else tuple(sorted(map(_number, grid)))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"grid is {grid!r}; accepted: {accepted}.") from error
    if not 1 <= len(values) <= 1000 or not all(0 < v < math.inf for v in values):
        raise ValueError(f"grid is {grid!r}; accepted: {accepted}.")
    return values


def _logarithmic(*, start: float, stop: float, count: int) -> tuple[float, ...]:
    if not (0 < _number(start) < _number(stop) and isinstance(count, int) and 2 <= count <= 1000):
        raise ValueError("out of range")
    return tuple(start * (stop / start) ** (i / (count - 1)) for i in range(count))


def _number(value: Any) -> float:
    if isinstance(value, bool | str):
        raise TypeError("not a number")
    return float(value)


def _values(test: torch.Tensor, centres: torch.Tensor, selection: BandwidthSelection) -> dict[str, Value]:
    from ganbench.metrics._kernels.parzen import effective_kernels, parzen_log_density

    per_example = parzen_log_density(test, centres, selection.bandwidth).cpu().numpy()
    summary = mean_with_error(per_example, across="examples")
    alone = math.isnan(summary.standard_error)
    kernels = effective_kernels(test[:_EXAMPLES_FOR_KERNELS], centres, selection.bandwidth)
    return {
        "mean_log_likelihood": Value(
            summary.mean,
            "nats",
            None if alone else summary.standard_error,
            "" if alone else "examples",
            tuple(np.round(per_example, 6).tolist()),
        ),
        "bandwidth": Value(selection.bandwidth),
        "valid_mean_log_likelihood": Value(max(selection.mean_log_likelihoods), "nats"),
        "effective_kernels": Value(float(kernels.median())),
    }


def _findings(chosen: BandwidthSelection, coarse: BandwidthSelection, kernels: float) -> tuple[Finding, ...]:
    findings = []
    if chosen.at_edge:
        ends = f"{coarse.grid[0]:g}..{coarse.grid[-1]:g}"
        text = f"the best bandwidth lies at the edge of the grid {ends}; the optimum may lie outside"
        findings.append(Finding("bandwidth-at-edge", text))
    if kernels < _FEW_KERNELS:
        text = f"the median test example sees {kernels:.1f} kernels: this is a nearest-neighbour distance in disguise"
        findings.append(Finding("few-effective-kernels", text, "note"))
    return tuple(findings)
