"""Copies of training examples among the samples: how near samples are to them, beside how near held-out examples are.

With d(x) the Euclidean distance to the nearest training example, a *near copy* is a sample below the q-quantile of the
d of held-out examples, an *exact copy* one with d = 0. Were samples and held-out examples of one law, the number of
samples below the k-th smallest of m held-out distances would be negative hypergeometric, whatever the law; so its
p-value is exact (Wilks, "Determination of sample sizes for setting tolerance limits", 1941,
https://doi.org/10.1214/aoms/1177731788). The figure that it puts a number to is Figure 2 of Goodfellow et al. (2014),
https://arxiv.org/abs/1406.2661.

Distances between pixels do not see a copy that was shifted (Theis et al., 2016, https://arxiv.org/abs/1511.01844;
`shifted_copies` does), and find averages and blank images near to everything: a small p-value asks for a look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.hyperparameters import check_integer, check_number
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["Copies", "comparisons", "near_copies"]


class Copies:
    """The share of near and exact copies, with p-values, and two samples' comparisons of the distances.

    Args:
        near: q, the quantile of held-out distances below which a sample is a near copy.
        level: Of the test behind the warning: how often it may accuse samples of the data's own law.
        limit: How many samples, test and validation examples are looked at, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "copies"
    version = 1
    direction = "neither"  # right is as many as among held-out examples
    needs = ("train", "valid", "test")

    def __init__(self, *, near: float = 0.01, level: float = 0.05, limit: int = 10_000) -> None:
        check_number("near", near, above=0, below=1)
        check_number("level", level, above=0, below=1)
        check_integer("limit", limit, least=0)
        self.near, self.level, self.limit = near, level, limit

    def measure(
        self, *, generated: torch.Tensor, train: torch.Tensor, valid: torch.Tensor, test: torch.Tensor
    ) -> MetricResult:
        """Values, each also with the prefix `null_`.

        `near_copy_share` and `exact_copy_share` (with `_low` and `_high`, of exact 95 % intervals), `near_copy_p`,
        `distance_ratio` (medians), `nearer_share` (how often a sample is nearer to the training data than a test
        example is; one half in the null), `distance_p` (Kolmogorov-Smirnov, two-sided), `train_rather_than_test_share`
        (how often a sample is nearer to training than to equally many test examples; one half in the null).

        Raises:
            DataError: There are fewer than two test examples.
        """
        from ganbench.metrics.memorisation.distances import nearest_train, quantile_curve

        require("test", test, 2, "a quantile of held-out distances")
        held_out = nearest_train(test, train=train, test=test, limit=self.limit).distances
        values: dict[str, Value] = {}
        curves = {"test_quantiles": quantile_curve(held_out)}
        for prefix, examples in (("", generated), ("null_", valid)):
            nearest = nearest_train(examples, train=train, test=test, limit=self.limit)
            found = near_copies(nearest.distances, held_out, self.near) | comparisons(nearest.distances, held_out)
            found["train_rather_than_test_share"] = _rather(
                chosen(examples, self.limit), nearest.by_part, chosen(test, len(train) // len(nearest.by_part))
            )
            values |= {prefix + name: value for name, value in found.items()}
            curves[f"{prefix or 'generated_'}quantiles"] = quantile_curve(nearest.distances)
        return MetricResult(values, curves, self._findings(values, len(generated), len(held_out)))

    def _findings(self, values: dict[str, Value], n: int, m: int) -> tuple[Finding, ...]:
        findings = []
        if (p := values["near_copy_p"].value) < self.level:
            text = (
                f"{values['near_copy_share'].value:.2%} of the samples are nearer to training examples than all but "
                f"{self.near:.2%} of the test examples are (p = {p:.2g}): they may be copies"
            )
            findings.append(Finding("near-copies", text, about="samples"))
        if values["exact_copy_share"].value > values["null_exact_copy_share"].value:
            share = values["exact_copy_share"].value
            findings.append(
                Finding("exact-copies", f"{share:.2%} of the samples are training examples", about="samples")
            )
        if self.near * min(n, m) < 5:
            text = f"{n} samples and {m} test examples are few for the quantile {self.near:g}"
            findings.append(Finding("few-examples", text, "note"))
        return tuple(findings)


def near_copies(distances: torch.Tensor, held_out: torch.Tensor, near: float) -> dict[str, Value]:
    """Shares of near and exact copies with their intervals, and the p-value of the near ones.

    Args:
        distances: `[n]`, of the samples.
        held_out: `[m]`, of held-out examples.
        near: The quantile below which a sample is near: that of rank max(1, round(near m)).
    """
    from scipy.stats import nhypergeom

    n, m = len(distances), len(held_out)
    rank = max(1, round(near * m))
    count = int((distances < held_out.kthvalue(rank).values).sum())
    p = float(nhypergeom.sf(count - 1, m + n, n, rank)) if count else 1.0
    shares = _share("near_copy_share", count, n) | {"near_copy_p": Value(min(max(p, 0.0), 1.0))}
    return shares | _share("exact_copy_share", int((distances == 0).sum()), n)


def _share(name: str, count: int, n: int) -> dict[str, Value]:
    """A share of n, with the standard error and the exact interval (Clopper and Pearson, 1934) of a binomial one."""
    from scipy.stats import binomtest

    interval = binomtest(count, n).proportion_ci(0.95, "exact")
    share = count / n
    error = (share * (1 - share) / n) ** 0.5 if n > 1 else None
    return {
        name: Value(share, "", error, "samples" if n > 1 else ""),
        f"{name}_low": Value(interval.low),
        f"{name}_high": Value(interval.high),
    }


def comparisons(distances: torch.Tensor, held_out: torch.Tensor) -> dict[str, Value]:
    """The distances `[n]` of samples beside those `[m]` of held-out examples: the share nearer, a test, the ratio."""
    from scipy.stats import ks_2samp, mannwhitneyu

    ours, others = distances.cpu().numpy(), held_out.cpu().numpy()
    larger = float(mannwhitneyu(ours, others, method="asymptotic").statistic) / (len(ours) * len(others))
    found = {
        "nearer_share": Value(1 - larger),
        "distance_p": Value(float(ks_2samp(ours, others, method="asymp").pvalue)),
    }
    median = float(held_out.quantile(0.5))
    return found | ({"distance_ratio": Value(float(distances.quantile(0.5)) / median)} if median > 0 else {})


def _rather(examples: torch.Tensor, to_parts: torch.Tensor, test: torch.Tensor) -> Value:
    """The share nearer to training than to equally many test examples, but for one: the mean over parts of training."""
    from ganbench.metrics._kernels.neighbors import nearest_neighbors

    to_test = nearest_neighbors(examples, test)[0][:, 0]
    nearer = ((to_parts < to_test).double() + 0.5 * (to_parts == to_test)).mean(0)
    if len(nearer) < 2:
        return Value(float(nearer.mean()))
    return Value(float(nearer.mean()), "", float(nearer.std()) / len(nearer) ** 0.5, "samples")
