"""The Parzen-window log-likelihood of test data, at a bandwidth that is chosen on validation data.

    log p(x) = log (1/m) sum_j exp(-||x - mu_j||^2 / (2 s^2)) - (d/2) log(2 pi s^2)

with the samples of a model as centres mu_j. Sources: Breuleux, Bengio and Vincent, "Quickly generating representative
samples from an RBM-derived process" (2011), https://doi.org/10.1162/NECO_a_00158; Goodfellow et al., "Generative
Adversarial Nets" (2014), section 5, https://arxiv.org/abs/1406.2661.

Its error has parts of its own beside the one across test examples: other samples of the model, and another bandwidth
that other validation examples would have chosen. Both are measured here; another training is not the metric's to see.

The estimate is a biased ruler (Theis, van den Oord and Bethge, "A note on the evaluation of generative models", 2016,
https://arxiv.org/abs/1511.01844): in high dimension it is close to a nearest-neighbour distance, grows with the number
of samples, and prefers k-means centroids to real data.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Curve, Finding, MetricResult, Value
from ganbench.metrics.parzen_health import GROUPS_OF_SAMPLES, GroupSums, Growth, findings
from ganbench.metrics.standard_error import mean_with_error

if TYPE_CHECKING:
    import torch

    from ganbench.metrics._kernels.distances import Points
    from ganbench.metrics._kernels.weights import KernelWeights

__all__ = ["PAPER_GRID", "BandwidthSelection", "Parzen", "refine_bandwidth", "select_bandwidth"]

PAPER_GRID: tuple[float, ...] = tuple(0.1 * 10.0 ** (i / 9) for i in range(10))
"""The ten bandwidths of the source: 0.1 to 1, evenly spaced in the logarithm."""

_EXAMPLES_FOR_KERNELS = 1000  # test examples whose kernels are weighed
_RESAMPLES = 400  # of validation examples: they tell a standard deviation to 4 %


@dataclass(frozen=True)
class BandwidthSelection:
    """The bandwidth with the highest mean log-likelihood on validation data.

    Attributes:
        bandwidth: The chosen bandwidth, in units of the data.
        grid: All bandwidths that were tried, ascending.
        mean_log_likelihoods: Their mean log-likelihoods per validation example, in nats.
        at_edge: The choice is the smallest or the largest of the grid, so the optimum may lie outside.
        log_likelihoods: float64 `[bandwidths, n]`, those of every validation example.
    """

    bandwidth: float
    grid: tuple[float, ...]
    mean_log_likelihoods: tuple[float, ...]
    at_edge: bool
    log_likelihoods: torch.Tensor = field(repr=False, compare=False)

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
    log_likelihoods = parzen_log_density(valid, centres, candidates, **memory)
    means = log_likelihoods.mean(1)
    best = int(means.argmax())
    return BandwidthSelection(
        bandwidth=candidates[best],
        grid=tuple(candidates),
        mean_log_likelihoods=tuple(means.tolist()),
        at_edge=best in (0, len(candidates) - 1),
        log_likelihoods=log_likelihoods,
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
    return dataclasses.replace(fine, at_edge=fine.bandwidth in (coarse.grid[0], coarse.grid[-1]))


class Parzen:
    """The mean log-likelihood of test data under Gaussian kernels at the samples.

    The bandwidth is chosen on validation data, first on a coarse grid and then, more finely, between the neighbours of
    its optimum; the test data are looked at with the bandwidths chosen. Values at the optimum of the coarse grid, the
    source's, have names that begin with "grid_".

    Args:
        grid: The coarse bandwidths: a list, or {start, stop, count} for even spacing in the logarithm.
        refinement_steps: Steps of the second search; 0 leaves it out.
        validation_limit: How many of the first validation examples choose the bandwidth; 0 for all.
        groups: Into how many groups the samples are dealt in turn for the error across samples. Samples that depend on
            each other, as of one chain, should fall into one: of chains that are stored round by round they do where
            the number of chains is a multiple of the groups.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "parzen"
    version = 3  # 2: errors across samples and validation examples, the curve over the number of samples
    # 3: perplexity in place of the inverse participation ratio, share of the nearest kernel, extrapolation
    direction = "higher"
    needs = ("valid", "test")

    def __init__(
        self,
        *,
        grid: Sequence[float] | Mapping[str, float] = PAPER_GRID,
        refinement_steps: int = 16,
        validation_limit: int = 0,
        groups: int = 40,
    ) -> None:
        check_integer("refinement_steps", refinement_steps, least=0, most=1000)
        check_integer("validation_limit", validation_limit, least=0)
        check_integer("groups", groups, least=2, most=1000)
        if refinement_steps == 1:
            raise ValueError(
                "refinement_steps is 1; accepted: 0 for no second search, or a whole number of at least 2."
            )
        self.grid = expand_grid(grid)
        self.refinement_steps, self.validation_limit, self.groups = refinement_steps, validation_limit, groups

    def valid_mean_log_likelihood(self, *, generated: torch.Tensor, valid: torch.Tensor) -> float:
        """The validation data's mean log-likelihood at the bandwidth that they choose, in nats."""
        validation = valid[: self.validation_limit or len(valid)]
        chosen = select_bandwidth(validation, generated, self.grid)
        if self.refinement_steps:
            chosen = refine_bandwidth(validation, generated, chosen, steps=self.refinement_steps)
        return max(chosen.mean_log_likelihoods)

    def measure(self, *, generated: torch.Tensor, valid: torch.Tensor, test: torch.Tensor) -> MetricResult:
        """Values `mean_log_likelihood` (nats, across examples), `bandwidth`, `valid_mean_log_likelihood`, ...

        `mean_log_likelihood_across_samples` and `mean_log_likelihood_across_validation` are the same number with the
        other parts of its error, and `mean_log_likelihood_extrapolated` what infinitely many samples would give at the
        same bandwidth. `effective_kernels` is the median, over some test examples, of the perplexity of the kernel
        weights, and `nearest_kernel_share` the mean share of the nearest kernel.

        The curve "bandwidth" is the validation data's mean log-likelihood against the bandwidth, the curve "samples"
        the test data's against the number of samples, each number's among the next's.
        """
        from ganbench.metrics._kernels.weights import kernel_weights

        validation = valid[: self.validation_limit or len(valid)]
        coarse = select_bandwidth(validation, generated, self.grid)
        selections = {"": coarse}
        if self.refinement_steps:
            fine = refine_bandwidth(validation, generated, coarse, steps=self.refinement_steps)
            selections = {"": fine, "grid_": coarse}
        bandwidths = [selection.bandwidth for selection in selections.values()]
        sums = GroupSums.of(test, generated, bandwidths, self.groups)
        some = test[:: -(-len(test) // _EXAMPLES_FOR_KERNELS)]
        weights = kernel_weights(some, generated, bandwidths)
        growths = [sums.growth(which) for which in range(len(bandwidths))]
        values: dict[str, Value] = {}
        curves: dict[str, Curve] = {}
        for which, (prefix, selection) in enumerate(selections.items()):
            found = _values(sums, which, selection, growths[which]) | _of_kernels(weights, which)
            values |= {prefix + name: value for name, value in found.items()}
            curves[f"{prefix}bandwidth"] = Curve(
                "bandwidth", "valid_mean_log_likelihood", selection.grid, selection.mean_log_likelihoods
            )
            curves[f"{prefix}samples"] = Curve("n_samples", "mean_log_likelihood", *sums.curve(which))
        health = (*_at_edge(selections[""], coarse), *findings(values, growths[0], len(generated)))
        return MetricResult(values, curves, health)


def bandwidth_error(selection: BandwidthSelection) -> float:
    """What the choice of the bandwidth adds to the error of the mean log-likelihood, by the bootstrap.

    Other validation examples would have chosen another bandwidth. With L(s) the mean log-likelihood on the validation
    examples at hand, s their choice and s_b those of resamples of them,

        error^2 = mean_b (L(s_b) - L(s))^2

    L is flat at its optimum, so the error is small unless validation examples are few. The choice is among the grid of
    the selection. The resamples are the same every time, so that the error is a function of the data alone. Source:
    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), https://doi.org/10.1201/9780429246593.

    Returns:
        The error in nats; NaN where nothing was chosen: for a single bandwidth or a single example.
    """
    import torch

    curves = selection.log_likelihoods.cpu()
    n = curves.shape[1]
    if min(curves.shape) < 2:
        return math.nan
    fixed = torch.Generator().manual_seed(0)  # as the nodes of a quadrature are: nothing is left to chance
    drawn = torch.stack([torch.randint(n, (n,), generator=fixed).bincount(minlength=n) for _ in range(_RESAMPLES)])
    chosen = (drawn.double() @ curves.T).argmax(1)
    means = curves.mean(1)
    return float((means.max() - means[chosen]).square().mean().sqrt())


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


def _values(sums: GroupSums, which: int, selection: BandwidthSelection, growth: Growth | None) -> dict[str, Value]:
    per_example = sums.log_likelihoods(which)
    summary = mean_with_error(per_example, across="examples")

    def mean(error: float, across: str, examples: tuple[float, ...] = ()) -> Value:
        known = not math.isnan(error)
        return Value(summary.mean, "nats", error if known else None, across if known else "", examples)

    values = {
        "mean_log_likelihood": mean(summary.standard_error, "examples", tuple(np.round(per_example, 6).tolist())),
        "bandwidth": Value(selection.bandwidth),
        "valid_mean_log_likelihood": Value(max(selection.mean_log_likelihoods), "nats"),
        "mean_log_likelihood_across_samples": mean(sums.error(which), "samples"),
        "mean_log_likelihood_across_validation": mean(bandwidth_error(selection), "validation examples"),
    }
    if growth is not None:
        values["mean_log_likelihood_extrapolated"] = Value(growth.limit, "nats", growth.error, GROUPS_OF_SAMPLES)
    return values


def _of_kernels(weights: KernelWeights, which: int) -> dict[str, Value]:
    share = mean_with_error(weights.largest[which].cpu().numpy(), across="examples")
    known = not math.isnan(share.standard_error)
    return {
        "effective_kernels": Value(float(weights.effective[which].quantile(0.5))),
        "nearest_kernel_share": Value(
            share.mean, "", share.standard_error if known else None, "examples" if known else ""
        ),
    }


def _at_edge(chosen: BandwidthSelection, coarse: BandwidthSelection) -> tuple[Finding, ...]:
    if not chosen.at_edge:
        return ()
    ends = f"{coarse.grid[0]:g}..{coarse.grid[-1]:g}"
    text = f"the best bandwidth lies at the edge of the grid {ends}; the optimum may lie outside"
    return (Finding("bandwidth-at-edge", text),)
