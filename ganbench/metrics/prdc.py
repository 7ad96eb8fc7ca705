"""Improved precision and recall, density and coverage: who lies in whose neighbourhood.

With B_k(x) the closed ball about x that reaches to its k-th neighbour in its own set, of m samples y and n test
examples x:

    precision = share of y in any B_k(x)            recall = share of x in any B_k(y)
    density = mean over y of #{x: y in B_k(x)} / k  coverage = share of B_k(x) that hold a y

Sources: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models" (2019),
https://arxiv.org/abs/1904.06991; Naeem et al., "Reliable fidelity and diversity metrics for generative models" (2020),
https://arxiv.org/abs/2002.09797, whose Lemma 2 gives the coverage that samples of the data's own law have,

    1 - prod_{j < k} (n - 1 - j) / (m + n - 1 - j).

Balls are closed, so that repeated examples lie in each other's; the authors' program of the second paper has open ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_needs
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["PRDC", "expected_coverage"]


class PRDC:
    """Coverage, density, precision and recall.

    Errors are across the samples, with the test data as given, or across test examples, with the samples as given.

    Args:
        space: "pixels", "components" (64 principal components of the training data) or "classifier" (hidden units).
        k: Neighbours.
        limit: How many samples and test examples are looked at, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "prdc"
    version = 1
    direction = "higher"

    def __init__(self, *, space: str = "pixels", k: int = 5, limit: int = 10_000) -> None:
        self.needs = ("test", *space_needs(space))
        check_integer("k", k)
        check_integer("limit", limit, least=0)
        self.space, self.k, self.limit = space, k, limit

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `coverage`, `density`, `precision`, `recall`, `expected_coverage` (of samples of the data's law).

        Raises:
            DataError: There are no more than k samples or test examples.
        """
        from ganbench.metrics._kernels.neighbors import nearest_neighbors
        from ganbench.metrics._kernels.pairwise import ball_counts

        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, self.k + 1, f"prdc[k={self.k}]")
        features = feature_space(self.space, **training)
        ours, data = features(chosen(generated, self.limit)), features(chosen(test, self.limit))
        radii, our_radii = (nearest_neighbors(x, x, self.k + 1)[0][:, -1] for x in (data, ours))
        hits, held = ball_counts(ours, data, radii)
        recalled, _ = ball_counts(data, ours, our_radii)
        values = {
            "coverage": _mean(held > 0, "test examples"),
            "density": _mean(hits.double() / self.k, "samples"),
            "precision": _mean(hits > 0, "samples"),
            "recall": _mean(recalled > 0, "test examples"),
            "expected_coverage": Value(expected_coverage(len(data), len(ours), self.k)),
        }
        return MetricResult(values, findings=_findings(radii, our_radii, self.k))


def expected_coverage(n: int, m: int, k: int) -> float:
    """The mean coverage of n test examples by m samples of their own law: of no k + 1 neighbours all are of the data.

    >>> round(expected_coverage(1000, 1000, 5), 4)
    0.969
    """
    missed = 1.0
    for j in range(k):
        missed *= (n - 1 - j) / (m + n - 1 - j)
    return 1 - missed


def _mean(values: torch.Tensor, across: str) -> Value:
    values = values.double()
    return Value(float(values.mean()), "", float(values.std()) / len(values) ** 0.5, across)


def _findings(radii: torch.Tensor, our_radii: torch.Tensor, k: int) -> tuple[Finding, ...]:
    findings = []
    for role, of_role in (("test examples", radii), ("samples", our_radii)):
        share = float((of_role == 0).double().mean())
        if share > 0.01:
            text = f"{share:.0%} of the {role} have {k} or more equals: their neighbourhoods are points"
            findings.append(Finding("repeated-examples", text))
    few = min(len(radii), len(our_radii))
    if few < 20 * k:
        findings.append(Finding("few-examples", f"{few} examples on one side are few for {k} neighbours"))
    return tuple(findings)
