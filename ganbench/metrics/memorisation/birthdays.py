"""The birthday test: from how many samples on two of them are near duplicates, and what support that speaks of.

If two independent samples coincide with probability c, the effective size of the support is 1 / c, and a batch of about
sqrt(2 log 2 / c) samples holds a pair with probability one half. c is estimated by the share of all pairs that are near
duplicates: at most as far apart as all but a share `near` of test examples are from the training data. Source: Arora
and Zhang, "Do GANs actually learn the distribution? An empirical study" (2017), https://arxiv.org/abs/1706.08224, who
look for pairs by eye.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ganbench.hyperparameters import check_integer, check_number
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["Birthdays", "batch_with_a_pair"]


class Birthdays:
    """The probability that two samples are near duplicates, and of two test or validation examples.

    Args:
        near: The quantile of the distances of test examples to the training data below which a pair is one.
        limit: How many samples, test and validation examples are looked at, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "birthdays"
    version = 1
    direction = "neither"  # right is what test examples have
    needs = ("train", "valid", "test")

    def __init__(self, *, near: float = 0.01, limit: int = 5000) -> None:
        check_number("near", near, above=0, below=1)
        check_integer("limit", limit, least=0)
        self.near, self.limit = near, limit

    def measure(
        self, *, generated: torch.Tensor, train: torch.Tensor, valid: torch.Tensor, test: torch.Tensor
    ) -> MetricResult:
        """Values `pair_probability`, `support_at_least` (95 %), `nearest_pair` (the distance of the two nearest).

        Where there are duplicates also `support` and `batch`, the batch that holds some with probability one half.

        All also with the prefixes `test_` and `null_` (validation examples). `radius`: how far apart duplicates may be.

        Raises:
            DataError: There are fewer than two samples, test or validation examples.
        """
        from ganbench.metrics.memorisation.distances import nearest_train

        parts = {"": generated, "test_": test, "null_": valid}
        roles = {role: chosen(part, self.limit) for role, part in parts.items()}
        for role, examples in zip(("generated", "test", "valid"), roles.values(), strict=True):
            require(role, examples, 2, "a pair")
        to_train = nearest_train(test, train=train, test=test, limit=self.limit).distances
        radius = float(to_train.quantile(self.near))
        values: dict[str, Value] = {}
        for role, examples in roles.items():
            values |= {role + name: value for name, value in _pairs(examples, radius).items()}
        values["radius"] = Value(radius)
        return MetricResult(values, findings=_findings(values))


def _pairs(examples: torch.Tensor, radius: float) -> dict[str, Value]:
    import torch
    from scipy.special import gammaincinv

    from ganbench.metrics._kernels.neighbors import nearest_neighbors
    from ganbench.metrics._kernels.pairwise import ball_counts

    n = len(examples)
    radii = torch.full((n,), radius, dtype=torch.float64, device=examples.device)
    partners = (ball_counts(examples, examples, radii)[0] - 1).double()  # but for itself
    pairs = float(partners.sum()) / 2
    probability = pairs / math.comb(n, 2)
    # of a U-statistic: that of its projection, and no less than what independent pairs would have
    error = math.sqrt(4 * float(partners.var()) / n / (n - 1) ** 2 + probability / math.comb(n, 2))
    at_most = max(float(gammaincinv(pairs + 1, 0.95)), pairs + 1.645 * error * math.comb(n, 2))  # Poisson, normal
    highest = min(at_most / math.comb(n, 2), 1.0)
    known = {
        "pair_probability": Value(probability, "", error, "samples"),
        "support_at_least": Value(1 / highest),
        "nearest_pair": Value(float(nearest_neighbors(examples, examples, 2)[0][:, 1].min())),
    }
    if pairs == 0:
        return known
    return known | {"support": Value(1 / probability), "batch": Value(batch_with_a_pair(probability))}


def batch_with_a_pair(probability: float) -> int:
    """The smallest batch that holds a pair with probability one half, of a uniform law in which two coincide so often.

    >>> batch_with_a_pair(1 / 365)
    23
    """
    none, batch = 0.0, 1
    while none > -math.log(2) and batch * probability < 1:
        none += math.log1p(-batch * probability)
        batch += 1
    return batch if none <= -math.log(2) else batch + 1


def _findings(values: dict[str, Value]) -> tuple[Finding, ...]:
    ours, data = values["pair_probability"], values["test_pair_probability"]
    error = math.hypot(ours.standard_error or 0.0, data.standard_error or 0.0)
    if ours.value <= data.value + 3 * error:
        return ()
    text = f"a batch of {values['batch'].value:.0f} samples holds near duplicates: the support is about "
    return (Finding("small-support", f"{text}{values['support'].value:.0f} examples", about="samples"),)
