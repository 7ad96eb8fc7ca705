"""The nearest-neighbour two-sample test: how often an example's nearest neighbour comes from its own set.

Samples and as many test examples are pooled; the accuracy is the share of all whose nearest neighbour among the others
is of their own set. One half is best: near 1 the sets lie apart, and below one half samples sit upon test examples, as
copies of them do. The p-value is by permutation of the sets' labels on the graph of neighbours. Sources: Schilling,
"Multivariate two-sample tests based on nearest neighbors" (1986), https://doi.org/10.1080/01621459.1986.10478337; Xu et
al., "An empirical study on evaluation metrics of generative adversarial networks" (2018),
https://arxiv.org/abs/1806.07755.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["NearestNeighborTwoSample"]

_LEVEL = 0.01


class NearestNeighborTwoSample:
    """The leave-one-out accuracy of one nearest neighbour, its halves, and a one-sided p-value.

    Args:
        space: "pixels", "components" (64 principal components of the training data), "classifier" (hidden units),
            "inception", or a program's file, as "features.pt2" (`ganbench.metrics.spaces`).
        permutations: Of the test; they are the same every time.
        limit: How many samples and test examples are looked at, as many of both, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "nearest_neighbor_two_sample"
    version = 1
    direction = "lower"
    symmetric = True

    def __init__(self, *, space: str = "pixels", permutations: int = 499, limit: int = 10_000) -> None:
        self.needs = ("test", *space_needs(space))
        self.reads = space_files(space)
        check_integer("permutations", permutations, least=19, most=100_000)
        check_integer("limit", limit, least=0)
        self.space, self.permutations, self.limit = space, permutations, limit

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `accuracy` (its error that of permutations), `p`, `accuracy_on_samples`, `accuracy_on_test`.

        Raises:
            DataError: There are fewer than two samples or test examples.
        """
        import torch

        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, 2, "nearest_neighbor_two_sample")
        features, n = feature_space(self.space, **training), min(len(generated), len(test))
        n = min(n, self.limit or n)
        neighbours = _neighbours(torch.cat([features(chosen(examples, n)) for examples in (generated, test)]))
        labels = torch.arange(2 * n, device=neighbours.device) < n
        own = (labels[neighbours] == labels).double()
        fixed = torch.Generator().manual_seed(0)
        drawn = [labels[torch.randperm(2 * n, generator=fixed).to(labels.device)] for _ in range(self.permutations)]
        accuracies = torch.stack([(of[neighbours] == of).double().mean() for of in drawn])
        accuracy, below = float(own.mean()), float((accuracies <= own.mean()).double().mean())
        above = (1 + int((accuracies >= own.mean()).sum())) / (1 + self.permutations)
        values = {
            "accuracy": Value(accuracy, "", float(accuracies.std()), "permutations"),
            "p": Value(above),
            "accuracy_on_samples": Value(float(own[:n].mean())),
            "accuracy_on_test": Value(float(own[n:].mean())),
        }
        of_space = space_findings(self.space, test=test, **training)
        return MetricResult(values, findings=(*_findings(accuracy, below, n), *of_space))


def _neighbours(points: torch.Tensor) -> torch.Tensor:
    """The number of each point's nearest other one: int64 `[n]`; of equally near ones the first."""
    import torch

    from ganbench.metrics._kernels.neighbors import nearest_neighbors

    found = nearest_neighbors(points, points, 2)[1]
    itself = torch.arange(len(points), device=points.device)
    return torch.where(found[:, 0] == itself, found[:, 1], found[:, 0])


def _findings(accuracy: float, below: float, n: int) -> tuple[Finding, ...]:
    findings = []
    if accuracy < 0.5 and below < _LEVEL:
        text = f"the accuracy is {accuracy:.1%}, below one half: samples lie upon test examples, as copies of them do"
        findings.append(Finding("nearer-than-chance", text))
    if n < 50:
        findings.append(Finding("few-examples", f"{n} examples on a side are few: only large differences show"))
    return tuple(findings)
