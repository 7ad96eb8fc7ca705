"""The Fréchet distance between normal laws with the moments of the samples and of the test data.

    F = ||mu_1 - mu_2||^2 + tr S_1 + tr S_2 - 2 tr (S_1^(1/2) S_2 S_1^(1/2))^(1/2)

The last trace is the sum of the square roots of the eigenvalues of a symmetric product, so that no root of a general
matrix is taken. Sources: Dowson and Landau, "The Fréchet distance between multivariate normal distributions" (1982),
https://doi.org/10.1016/0047-259X(82)90077-X; Heusel et al., "GANs trained by a two time-scale update rule converge to a
local Nash equilibrium" (2017), https://arxiv.org/abs/1706.08500.

F is biased upwards by about a constant over the number of examples, and not alike for all models: Chong and Forsyth,
"Effectively unbiased FID and Inception Score and where to find them" (2020), https://arxiv.org/abs/1911.07023, fit a
line in 1 / n, whose intercept is reported here beside F.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Curve, Finding, MetricResult, Value
from ganbench.metrics.moments import BlockMoments
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.standard_error import jackknife_error
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["Frechet", "frechet_distance"]

_LEAST = 4  # blocks
_HALVINGS = (1, 2, 4)  # all blocks together, two halves of them, four quarters
_ACROSS = "samples and test examples"


class Frechet:
    """The distance at the number of examples that there are, and extrapolated to infinitely many.

    Args:
        space: "pixels", "components" (64 principal components of the training data), "classifier" (hidden units),
            "inception", or a program's file, as "features.pt2" (`ganbench.metrics.spaces`).
        blocks: Into how many blocks both sets are dealt for the extrapolation and the errors; a multiple of 4. Fewer,
            where there are not two examples of both sets for each.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "frechet"
    version = 1
    direction = "lower"
    symmetric = True

    def __init__(self, *, space: str = "components", blocks: int = 16) -> None:
        self.needs = ("test", *space_needs(space))
        self.reads = space_files(space)
        check_integer("blocks", blocks, least=8, most=1000)  # a quarter without one of its blocks is not empty
        if blocks % 4:
            raise ValueError(f"blocks is {blocks}; accepted: a multiple of 4.")
        self.space, self.blocks = space, blocks

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `frechet_distance` and `frechet_distance_extrapolated`, with their errors by the jackknife.

        As many test examples as samples enter, or the other way round; all of both enter `frechet_distance_all`. The
        curve "samples" is the distance against the number of examples.

        Raises:
            DataError: There are fewer than sixteen samples or test examples.
        """
        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, 4 * _LEAST, "frechet")
        features = feature_space(self.space, **training)
        x, y = features(chosen(generated)), features(chosen(test))
        origin, n = y.double().mean(0), min(len(x), len(y))
        blocks = min(self.blocks, n // 2 // _LEAST * _LEAST)
        pair = [BlockMoments.of(points[:n], blocks, origin) for points in (x, y)]
        everything = [BlockMoments.of(points, 1, origin).over([0])[1:] for points in (x, y)]
        numbers, distances = _curve(pair, range(blocks))
        without = [_curve(pair, [b for b in range(blocks) if b != left]) for left in range(blocks)]
        error = jackknife_error(np.array([curve[1][0] for curve in without]))
        extrapolated_error = jackknife_error(np.array([_intercept(*curve) for curve in without]))
        values = {
            "frechet_distance": Value(distances[0], "", error, _ACROSS),
            "frechet_distance_extrapolated": Value(_intercept(numbers, distances), "", extrapolated_error, _ACROSS),
            "frechet_distance_all": Value(frechet_distance(*everything[0], *everything[1])),
        }
        curve = Curve("n_samples", "frechet_distance", tuple(numbers), tuple(distances))
        of_space = space_findings(self.space, test=test, **training)
        return MetricResult(values, {"samples": curve}, (*_findings(n, everything[1][1]), *of_space))


def frechet_distance(
    mean: torch.Tensor, covariance: torch.Tensor, other_mean: torch.Tensor, other_covariance: torch.Tensor
) -> float:
    """F of two means `[d]` and symmetric, positive semidefinite covariances `[d, d]`, in float64.

    >>> import torch
    >>> one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    >>> round(frechet_distance(zero, one, zero + 1, 4 * one), 12)
    2.0
    """
    import torch

    eigenvalues, vectors = torch.linalg.eigh(covariance)
    root = vectors * eigenvalues.clamp(min=0).sqrt()  # S_1 = root rootᵀ, which has the eigenvalues of S_1^(1/2)
    product = torch.linalg.eigvalsh(root.T @ other_covariance @ root)
    traces = covariance.trace() + other_covariance.trace() - 2 * product.clamp(min=0).sqrt().sum()
    return float((mean - other_mean).square().sum() + traces)


def _curve(pair: Sequence[BlockMoments], blocks: Sequence[int]) -> tuple[list[float], list[float]]:
    """Numbers of examples, falling, and the mean distance of disjoint subsets of as many."""
    numbers, distances = [], []
    for parts in _HALVINGS:
        found = []
        for first in range(parts):
            moments = [one.over(blocks[first::parts]) for one in pair]
            found.append((moments[0][0], frechet_distance(*moments[0][1:], *moments[1][1:])))
        numbers.append(sum(n for n, _ in found) / parts)
        distances.append(sum(distance for _, distance in found) / parts)
    return numbers, distances


def _intercept(numbers: Sequence[float], distances: Sequence[float]) -> float:
    """Of the line in 1 / n, by least squares."""
    return float(np.polynomial.polynomial.polyfit(1 / np.array(numbers), distances, 1)[0])


def _findings(n: int, covariance: torch.Tensor) -> tuple[Finding, ...]:
    import torch

    d, findings = len(covariance), []
    rank = int(torch.linalg.matrix_rank(covariance, hermitian=True))
    if n <= d:
        text = f"{n} examples do not determine a covariance in {d} dimensions: the distance is mostly bias"
        findings.append(Finding("fewer-examples-than-dimensions", text))
    elif n < 10 * d:
        text = f"{n} examples in {d} dimensions: see the extrapolated value"
        findings.append(Finding("few-examples", text, "note"))
    if rank < min(d, n - 1):
        text = f"the covariance of the test data has rank {rank} of {d}: constant or dependent features"
        findings.append(Finding("rank-deficient", text, "note"))
    return tuple(findings)
