"""Authenticity: the share of samples that are no nearer to a training example than that one's own neighbour is.

    share of samples x with d(x, t) > min_{t' != t} d(t, t'),    t the training example nearest to x

A sample that is nearer to t than any other training example is to t looks like a noisy copy of t. Source: Alaa, van
Breugel, Saveliev and van der Schaar, "How faithful is your synthetic data?" (2022), https://arxiv.org/abs/2102.08921.
What honest samples attain depends on the dimension (0.34 in one, 0.81 in 64), so the share means nothing without that
of held-out examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.subsets import require

if TYPE_CHECKING:
    import torch

__all__ = ["Authenticity"]

_ERRORS = 3.0  # below the lower of both nulls by more of them, a warning is made


class Authenticity:
    """The authentic share of the samples, of test and of validation examples.

    Args:
        limit: How many samples, test and validation examples are looked at, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "authenticity"
    version = 1
    direction = "neither"  # right is what held-out examples have
    needs = ("train", "valid", "test")

    def __init__(self, *, limit: int = 2500) -> None:
        check_integer("limit", limit, least=0)
        self.limit = limit

    def measure(
        self, *, generated: torch.Tensor, train: torch.Tensor, valid: torch.Tensor, test: torch.Tensor
    ) -> MetricResult:
        """Values `authentic_share`, `test_authentic_share`, `null_authentic_share` (of validation examples).

        `distance_ratio`, `test_distance_ratio`, `null_distance_ratio`: the median of d(x, t) over that of d(t, t').

        Raises:
            DataError: There are fewer than two training examples.
        """
        import torch

        from ganbench.metrics.memorisation.distances import nearest_other, nearest_train

        require("train", train, 2, "authenticity")
        roles = {"": generated, "test_": test, "null_": valid}
        found = {role: nearest_train(part, train=train, test=test, limit=self.limit) for role, part in roles.items()}
        rows = [nearest.rows for nearest in found.values()]
        others = nearest_other(train, torch.cat(rows)).split(list(map(len, rows)))
        shares, ratios = {}, {}
        for (role, nearest), other in zip(found.items(), others, strict=True):
            shares[f"{role}authentic_share"] = _share(nearest.distances > other)
            if (median := float(other.quantile(0.5))) > 0:
                ratios[f"{role}distance_ratio"] = Value(float(nearest.distances.quantile(0.5)) / median)
        return MetricResult(shares | ratios, findings=_findings(*shares.values()))


def _share(authentic: torch.Tensor) -> Value:
    n, share = len(authentic), float(authentic.double().mean())
    return Value(share, "", (share * (1 - share) / n) ** 0.5, "samples") if n > 1 else Value(share)


def _findings(share: Value, *nulls: Value) -> tuple[Finding, ...]:
    lowest = min(nulls, key=lambda null: null.value)
    error = ((share.standard_error or 0.0) ** 2 + (lowest.standard_error or 0.0) ** 2) ** 0.5
    if share.value >= lowest.value - _ERRORS * error:
        return ()
    text = f"{share.value:.1%} of the samples are authentic; of held-out examples at least {lowest.value:.1%} are"
    return (Finding("not-authentic", text, about="samples"),)
