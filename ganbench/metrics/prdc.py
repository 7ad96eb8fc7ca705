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

import math
from typing import TYPE_CHECKING, Any

from ganbench.hyperparameters import check_integer
from ganbench.metrics.influence import ACROSS, with_interval
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["PRDC", "expected_coverage"]

_HALVINGS = 20  # they tell a standard deviation to 16 %
_FOR_ERRORS = 2000


class PRDC:
    """Coverage, density, precision and recall.

    Errors are across both samples and test examples, by what tells random halves of two thousand of each at most apart.

    Args:
        space: "pixels", "components" (64 principal components of the training data), "classifier" (hidden units),
            "inception", or a program's file, as "features.pt2" (`ganbench.metrics.spaces`).
        k: Neighbours.
        limit: How many samples and test examples are looked at, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "prdc"
    version = 2
    direction = "higher"

    def __init__(self, *, space: str = "pixels", k: int = 5, limit: int = 10_000) -> None:
        self.needs = ("test", *space_needs(space))
        self.reads = space_files(space)
        check_integer("k", k)
        check_integer("limit", limit, least=0)
        self.space, self.k, self.limit = space, k, limit

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `coverage`, `density`, `precision`, `recall`, `expected_coverage` (of samples of the data's law).

        The first four have the ends of 95 % intervals by Student's t, `<name>_low` and `<name>_high`.

        Raises:
            DataError: There are no more than k samples or test examples.
        """
        from scipy.special import stdtrit

        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, self.k + 1, f"prdc[k={self.k}]")
        features = feature_space(self.space, **training)
        ours, data = features(chosen(generated, self.limit)), features(chosen(test, self.limit))
        shares, radii, our_radii = _shares(ours, data, self.k)
        errors = _errors(ours, data, self.k)
        values: dict[str, Value] = {}
        for name, share in shares.items():
            if errors is None:
                values[name] = Value(share)
            else:
                half = float(stdtrit(_HALVINGS, 0.975)) * errors[name]
                values |= with_interval(name, Value(share, "", errors[name], ACROSS), (share - half, share + half))
        values["expected_coverage"] = Value(expected_coverage(len(data), len(ours), self.k))
        of_space = space_findings(self.space, test=test, **training)
        return MetricResult(values, findings=(*_findings(radii, our_radii, self.k), *of_space))


def expected_coverage(n: int, m: int, k: int) -> float:
    """The mean coverage of n test examples by m samples of their own law: of no k + 1 neighbours all are of the data.

    >>> round(expected_coverage(1000, 1000, 5), 4)
    0.969
    """
    missed = 1.0
    for j in range(k):
        missed *= (n - 1 - j) / (m + n - 1 - j)
    return 1 - missed


def _shares(ours: torch.Tensor, data: torch.Tensor, k: int) -> tuple[dict[str, float], torch.Tensor, torch.Tensor]:
    """The four numbers, and the radii of the balls about the test examples and about the samples."""
    from ganbench.metrics._kernels.neighbors import nearest_neighbors
    from ganbench.metrics._kernels.pairwise import ball_counts

    radii, our_radii = (nearest_neighbors(x, x, k + 1)[0][:, -1] for x in (data, ours))
    hits, held = ball_counts(ours, data, radii)
    recalled, _ = ball_counts(data, ours, our_radii)
    parts = {"coverage": held > 0, "density": hits.double() / k, "precision": hits > 0, "recall": recalled > 0}
    return {name: float(part.double().mean()) for name, part in parts.items()}, radii, our_radii


def _errors(ours: torch.Tensor, data: torch.Tensor, k: int) -> dict[str, float] | None:
    """The standard errors; None where halves have no k neighbours.

        error^2 = mean over halvings of (t_1 - t_2)^2 / 4

    with t_1 and t_2 the number in two halves that share no example. They are independent, so that this is half of the
    variance in half of the examples, and that of all where the variance goes with 1 over their number, as it does where
    what an example brings depends on few about it (Penrose and Yukich, "Central limit theorems for some graphs in
    computational geometry", 2001, https://doi.org/10.1214/aoap/1015345393). The spread of all halves, which is the same
    for a mean, would here be too large: of the variance that r examples have together it counts 2^r - 1 times as much,
    and this 2^(r - 1) times. A bootstrap would draw examples twice, and these have neighbours at distance 0. From no
    more than two thousand examples errors are scaled to all by the root of the numbers. The halves are the same every
    time.
    """
    import torch

    smaller = min(len(ours), len(data))
    if smaller // 2 <= k:
        return None
    fixed, apart = torch.Generator().manual_seed(0), []
    for _ in range(_HALVINGS):
        halves = []
        for examples in (ours[:_FOR_ERRORS], data[:_FOR_ERRORS]):
            order = torch.randperm(len(examples), generator=fixed).to(examples.device)
            halves.append((examples[order[: len(order) // 2]], examples[order[len(order) // 2 :]]))
        first, second = (_shares(x, y, k)[0] for x, y in zip(*halves, strict=True))
        apart.append({name: first[name] - second[name] for name in first})
    scale = (min(1.0, _FOR_ERRORS / smaller) / _HALVINGS) ** 0.5 / 2
    return {name: scale * math.hypot(*(each[name] for each in apart)) for name in apart[0]}


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
