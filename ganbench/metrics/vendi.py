"""The Vendi score: how many different examples a set has, in effect.

    exp(-sum_a l_a log l_a)

with l_a the eigenvalues of K / n, where K holds the similarities of the n examples, 1 of each with itself: 1 where all
are equal, n where none is like another. The kernel is exp(-||x - y||^2 / (2 s^2)), s the median distance of two test
examples. Source: Friedman and Dieng, "The Vendi Score: A Diversity Evaluation Metric for Machine Learning" (2023),
https://arxiv.org/abs/2210.02410.

The number grows with n and depends on s, and noise has the highest: right is what as many test examples have. With
cosines in the place of this kernel, samples that differ from their mean by next to nothing would count as diverse.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ganbench.hyperparameters import check_integer, check_number
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["Vendi", "gaussian_similarities", "vendi_score"]

_FEW = 50
_SATURATED = 0.5  # of n: the number of examples is what limits the score


class Vendi:
    """The Vendi score of samples beside that of equally many test examples.

    Args:
        space: "pixels", "components" (64 principal components of the training data), "classifier" (hidden units),
            "inception", or a program's file, as "features.pt2" (`ganbench.metrics.spaces`).
        bandwidth: s as a multiple of the median distance between test examples.
        limit: How many samples, and as many test examples, are looked at, chosen by their content.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "vendi"
    version = 1
    direction = "neither"  # right is as diverse as the data

    def __init__(self, *, space: str = "pixels", bandwidth: float = 1.0, limit: int = 1000) -> None:
        self.needs = ("test", *space_needs(space))
        self.reads = space_files(space)
        check_number("bandwidth", bandwidth, above=0)
        check_integer("limit", limit, least=2, most=10_000)
        self.space, self.bandwidth, self.limit = space, bandwidth, limit

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `vendi_score`, `test_vendi_score`, their ratio `relative_vendi_score`, and `bandwidth`.

        The ratio alone has an error: the bandwidth varies with the test examples, which moves both scores together and
        all but cancels in it.

        Raises:
            DataError: There are fewer than two samples or test examples, or half of the test examples are equal.
        """
        from ganbench.metrics.mmd import median_distance

        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, 2, "vendi")
        n = min(self.limit, len(generated), len(test))
        features = feature_space(self.space, **training)
        x, y = features(chosen(generated, n)), features(chosen(test, n))
        bandwidth = self.bandwidth * median_distance(y)
        score, error = vendi_score(gaussian_similarities(x, bandwidth))
        of_test, error_of_test = vendi_score(gaussian_similarities(y, bandwidth))
        ratio, of_ratio = score / of_test, math.hypot(error / score, error_of_test / of_test)
        values = {
            "vendi_score": Value(score),
            "test_vendi_score": Value(of_test),
            "relative_vendi_score": Value(ratio, "", ratio * of_ratio, "samples and test examples"),
            "bandwidth": Value(bandwidth),
        }
        of_space = space_findings(self.space, test=test, **training)
        return MetricResult(values, findings=(*_findings(n, max(score, of_test)), *of_space))


def gaussian_similarities(points: torch.Tensor, bandwidth: float) -> torch.Tensor:
    """float64 `[n, n]`, exp(-||x_i - x_j||^2 / (2 s^2)) of points `[n, d]`."""
    import torch

    from ganbench.metrics._kernels.pairwise import squared_distance_tiles

    similarities = torch.empty(len(points), len(points), dtype=torch.float64, device=points.device)
    for rows, columns, squared in squared_distance_tiles(points, points):
        similarities[rows, columns] = squared.double().mul_(-0.5 / bandwidth**2).exp_()
    return similarities


def vendi_score(similarities: torch.Tensor) -> tuple[float, float]:
    """The Vendi score of examples by their similarities `[n, n]`, of one to itself 1, and its standard error.

    The error is to first order in each example's part of the entropy S = -tr(R log R) of the mean outer product R of
    the examples' images f under the kernel,

        error = exp(S) sd(-f_i . log(R) f_i) / sqrt(n)

    It is that of the score of n examples, which is below the score of all that the law could give.
    """
    import torch

    n = len(similarities)
    values, vectors = torch.linalg.eigh(similarities.double() / n)
    values = values.clamp(min=0)
    logs = values.clamp(min=1e-300).log()  # 0 log 0 = 0
    parts = -n * vectors.square() @ (values * logs)
    score = math.exp(-float(values @ logs))
    return score, score * float(parts.std()) / math.sqrt(n)


def _findings(n: int, score: float) -> tuple[Finding, ...]:
    findings = []
    if n < _FEW:
        findings.append(Finding("few-examples", f"{n} examples have at most {n} different ones among them"))
    if score > _SATURATED * n:
        text = f"a score of {score:.0f} of {n} examples says only that they differ: take more, or a larger bandwidth"
        findings.append(Finding("saturated", text))
    return tuple(findings)
