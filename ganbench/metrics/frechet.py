"""The Fréchet distance between normal laws with the moments of the samples and of the test data.

    F = ||mu_1 - mu_2||^2 + tr S_1 + tr S_2 - 2 tr (S_1^(1/2) S_2 S_1^(1/2))^(1/2)

The last trace is the sum of the square roots of the eigenvalues of a symmetric product, so that no root of a general
matrix is taken. Sources: Dowson and Landau, "The Fréchet distance between multivariate normal distributions" (1982),
https://doi.org/10.1016/0047-259X(82)90077-X; Heusel et al., "GANs trained by a two time-scale update rule converge to a
local Nash equilibrium" (2017), https://arxiv.org/abs/1706.08500.

F is biased upwards by about a constant over the number n of examples, and not alike for all models: Chong and Forsyth,
"Effectively unbiased FID and Inception Score and where to find them" (2020), https://arxiv.org/abs/1911.07023, fit a
line in 1 / n. Its intercept over n examples, their halves and their quarters is reported here beside F:

    F(inf) = F(n) + F(n / 2) / 2 - F(n / 4) / 2

with means over the halves and quarters. Errors are by the influence of each example x (see `influence`), which the
normal laws' optimal map x -> mu_2 + T (x - mu_1) gives in closed form:

    phi(x) = (x - mu_1)^T (1 - T) (x - mu_1) + 2 (mu_1 - mu_2)^T (x - mu_1)

Pairs of examples from different halves, from different quarters of a half, and from one quarter count 1, 2 and 0 times
in F(inf), which makes its quadratic variance 3/2 of that of F.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ganbench.metrics.influence import ACROSS, distance_variance, tilted, with_interval
from ganbench.metrics.metric import Curve, Finding, MetricResult, Value
from ganbench.metrics.moments import BlockMoments
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["Frechet", "frechet_distance"]

_QUARTERS = ((0,), (1,), (2,), (3,))
_HALVES = ((0, 2), (1, 3))
_ALL = (0, 1, 2, 3)
_QUADRATIC = 1.5  # of the extrapolated distance
_LEAST = 16


class Frechet:
    """The distance at the number of examples that there are, and extrapolated to infinitely many.

    Args:
        space: "pixels", "components" (64 principal components of the training data), "classifier" (hidden units),
            "inception", or a program's file, as "features.pt2" (`ganbench.metrics.spaces`).

    Raises:
        ValueError: A setting outside its range.
    """

    name = "frechet"
    version = 3
    direction = "lower"
    symmetric = True

    def __init__(self, *, space: str = "components") -> None:
        self.needs = ("test", *space_needs(space))
        self.reads = space_files(space)
        self.space = space

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `frechet_distance` and `frechet_distance_extrapolated`, with their errors.

        Both have the ends of a 95 % interval of the mean of such estimates, `<name>_low` and `<name>_high` (see
        `influence`). As many test examples as samples enter, or the other way round; all of both enter
        `frechet_distance_all`. The curve "samples" is the distance against the number of examples.

        Raises:
            DataError: There are fewer than sixteen samples or test examples.
        """
        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, _LEAST, "frechet")
        features = feature_space(self.space, **training)
        pair = [features(chosen(examples)).double() for examples in (generated, test)]
        origin, n = pair[1].mean(0), min(map(len, pair))
        quarters = [BlockMoments.of(points[:n], len(_QUARTERS), origin) for points in pair]
        moments = [one.over(_ALL)[1:] for one in quarters]
        whole = _Coupling.of(*moments)
        halves = [_Coupling.of(*(one.over(some)[1:] for one in quarters)) for some in _HALVES]
        of_halves = fmean(half.distance for half in halves)
        of_quarters = fmean(
            frechet_distance(*(part for one in quarters for part in one.over(some)[1:])) for some in _QUARTERS
        )
        everything = [BlockMoments.of(points, 1, origin).over([0])[1:] for points in pair]
        sets = [[found.influence(points[:n], of) for found in (whole, *halves)] for of, points in enumerate(pair)]
        limit = whole.distance + of_halves / 2 - of_quarters / 2
        bend = _bend([points[:n] for points in pair], moments, [found[0] for found in sets])
        values: dict[str, Value] = {}
        for name, distance, quadratic in (("", whole.distance, 1.0), ("_extrapolated", limit, _QUADRATIC)):
            variance = distance_variance(sets, quadratic)
            interval = variance.interval(distance, bend)
            values |= with_interval(f"frechet_distance{name}", Value(distance, "", variance.error, ACROSS), interval)
        values["frechet_distance_all"] = Value(frechet_distance(*everything[0], *everything[1]))
        curve = Curve("n_samples", "frechet_distance", (n, n / 2, n / 4), (whole.distance, of_halves, of_quarters))
        of_space = space_findings(self.space, test=test, **training)
        return MetricResult(values, {"samples": curve}, (*_findings(n, everything[1][1]), *of_space))


@dataclass(frozen=True)
class _Coupling:
    """Two normal laws and the optimal maps between them.

    Attributes:
        distance: F.
        means: float64 `[d]`, of both.
        maps: float64 `[d, d]`, the linear part of the map from each to the other.
    """

    distance: float
    means: tuple[torch.Tensor, torch.Tensor]
    maps: tuple[torch.Tensor, torch.Tensor]

    @classmethod
    def of(cls, first: tuple[torch.Tensor, torch.Tensor], second: tuple[torch.Tensor, torch.Tensor]) -> _Coupling:
        """Of their means and covariances; where a law has no spread, its map is 0."""
        import torch

        root, inverse = _root(first[1])
        eigenvalues, vectors = torch.linalg.eigh(root.T @ second[1] @ root)
        roots = eigenvalues.clamp(min=0).sqrt()
        there = inverse @ vectors
        back = root @ vectors
        inverses = torch.where(eigenvalues > _NEGLIGIBLE * eigenvalues[-1], 1 / roots, 0)
        distance = (first[0] - second[0]).square().sum() + first[1].trace() + second[1].trace() - 2 * roots.sum()
        maps = (there * roots) @ there.T, (back * inverses) @ back.T
        return cls(float(distance), (first[0], second[0]), maps)

    def influence(self, points: torch.Tensor, which: int) -> torch.Tensor:
        """Of the points `[n, d]` of the first (0) or second (1) set on the distance: float64 `[n]`."""
        centred, difference = points - self.means[which], self.means[which] - self.means[1 - which]
        return (centred * (centred - centred @ self.maps[which] + 2 * difference)).sum(1)


_NEGLIGIBLE = 1e-12  # of the largest eigenvalue


def _root(covariance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """R `[d, d]` with R Rᵀ the covariance, which has the eigenvalues of its square root; and the inverse of Rᵀ."""
    import torch

    eigenvalues, vectors = torch.linalg.eigh(covariance)
    roots = eigenvalues.clamp(min=0).sqrt()
    inverses = torch.where(eigenvalues > _NEGLIGIBLE * eigenvalues[-1], 1 / roots, 0)
    return vectors * roots, vectors * inverses


def frechet_distance(
    mean: torch.Tensor, covariance: torch.Tensor, other_mean: torch.Tensor, other_covariance: torch.Tensor
) -> float:
    """F of two means `[d]` and symmetric, positive semidefinite covariances `[d, d]`, in float64.

    >>> import torch
    >>> one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    >>> round(frechet_distance(zero, one, zero + 1, 4 * one), 12)
    2.0
    """
    return _Coupling.of((mean, covariance), (other_mean, other_covariance)).distance


def _bend(
    pair: Sequence[torch.Tensor],
    moments: Sequence[tuple[torch.Tensor, torch.Tensor]],
    influences: Sequence[torch.Tensor],
) -> float:
    """How F bends as the weights of the points `[n, d]` of both sets move along their influences (see `influence`)."""
    import torch

    moved: dict[int, list[torch.Tensor]] = {-1: [], 0: [], 1: []}
    changes, h = tilted(influences)
    for points, (mean, covariance), change in zip(pair, moments, changes, strict=True):
        n, centred = len(points), points - mean
        shift, spread = change @ centred / n, (centred.T * change) @ centred / (n - 1)
        bent = torch.outer(shift, shift) * n / (n - 1)
        for step, of_step in moved.items():
            of_step += [mean + step * shift, covariance + step * spread - step**2 * bent]
    down, here, up = (frechet_distance(*of_step) for of_step in moved.values())
    return (up + down - 2 * here) / h**2


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
