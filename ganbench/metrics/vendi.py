"""The Vendi score: the effective number of different samples, beside that of as many test examples.

    exp(-sum_i l_i log l_i),    l the eigenvalues of K / n,    K_ij = cos(x_i, x_j)

for features x less the mean of the test data. It is n for n orthogonal samples and 1 for equal ones. With a cosine as
kernel the eigenvalues are those of the `[d, d]` matrix Xᵀ X / n of normalised rows, so no `[n, n]` matrix is needed,
and the score is at most d. It says nothing of quality: noise has a high one. Source: Friedman and Dieng, "The Vendi
score: a diversity evaluation metric for machine learning" (2023), https://arxiv.org/abs/2210.02410.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_needs
from ganbench.metrics.standard_error import jackknife_error
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["Vendi", "vendi_score"]


class Vendi:
    """The Vendi scores of samples and of test data, as many of both, and their ratio.

    Args:
        space: "pixels", "components" (64 principal components of the training data) or "classifier" (hidden units).
        groups: Of the jackknife for the error across samples.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "vendi"
    version = 1
    direction = "neither"  # right is what the data have

    def __init__(self, *, space: str = "components", groups: int = 10) -> None:
        self.needs = ("test", *space_needs(space))
        check_integer("groups", groups, least=2, most=1000)
        self.space, self.groups = space, groups

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `vendi_score`, `test_vendi_score`, with errors across samples, and `relative_vendi_score`.

        Raises:
            DataError: There are fewer than two samples or test examples.
        """
        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, 2, "vendi")
        features, n = feature_space(self.space, **training), min(len(generated), len(test))
        mean = features(test).double().mean(0)
        values = {
            name: self._value(features(chosen(examples, n)).double() - mean)
            for name, examples in (("vendi_score", generated), ("test_vendi_score", test))
        }
        ours, data = values["vendi_score"].value, values["test_vendi_score"].value
        values["relative_vendi_score"] = Value(ours / data)
        text = f"{n} examples are few in so many dimensions: the score grows with their number"
        few = n < 10 * len(mean)
        return MetricResult(values, findings=(Finding("few-examples", text, "note"),) if few else ())

    def _value(self, points: torch.Tensor) -> Value:
        import numpy as np
        import torch

        groups = min(self.groups, len(points))
        gram = torch.stack([_gram(points[group::groups]) for group in range(groups)])
        total = gram.sum(0)
        error = jackknife_error(np.array([_effective_number(total - part) for part in gram]))
        return Value(_effective_number(total), "", error, "samples")


def vendi_score(points: torch.Tensor) -> float:
    """Of the cosines between `[n, d]` points about the origin.

    >>> import torch
    >>> round(vendi_score(torch.eye(5)), 12)
    5.0
    """
    return _effective_number(_gram(points.double()))


def _gram(points: torch.Tensor) -> torch.Tensor:
    """Xᵀ X of normalised rows; a point at the origin, which has no direction, counts nothing."""
    normalised = points / points.norm(dim=1, keepdim=True).clamp(min=1e-300)
    return normalised.T @ normalised


def _effective_number(gram: torch.Tensor) -> float:
    """The exponential of the entropy of the eigenvalues, which are taken to sum to 1; 1 where all are 0."""
    import torch

    eigenvalues = torch.linalg.eigvalsh(gram).clamp(min=0)
    if float(eigenvalues.sum()) == 0:
        return 1.0
    return float(torch.special.entr(eigenvalues / eigenvalues.sum()).sum().exp())
