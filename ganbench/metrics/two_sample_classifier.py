"""The classifier two-sample test: whether a classifier tells samples from test data that it was not trained on.

A classifier of one hidden layer is trained on half of the samples and half of the test data, and judged by its accuracy
on the other halves. With one law on both sides the accuracy is binomial about one half; with normal laws of equal
covariance that are D standard deviations apart no classifier exceeds Phi(D / 2). Source: Lopez-Paz and Oquab,
"Revisiting classifier two-sample tests" (2017), https://arxiv.org/abs/1610.06545.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganbench.hyperparameters import check_integer
from ganbench.metrics.features import train_classifier
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.spaces import feature_space, space_files, space_findings, space_needs
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["ClassifierTwoSample"]


class ClassifierTwoSample:
    """The accuracy on held-out halves, its binomial error, and a one-sided p-value.

    Args:
        space: "pixels", "components" (64 principal components of the training data), "classifier" (hidden units),
            "inception", or a program's file, as "features.pt2" (`ganbench.metrics.spaces`).
        limit: How many samples and test examples are looked at, as many of both, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "classifier_two_sample"
    version = 1
    direction = "lower"

    def __init__(self, *, space: str = "pixels", limit: int = 10_000) -> None:
        self.needs = ("test", *space_needs(space))
        self.reads = space_files(space)
        check_integer("limit", limit, least=0)
        self.space, self.limit = space, limit

    def measure(self, *, generated: torch.Tensor, test: torch.Tensor, **training: Any) -> MetricResult:
        """Values `accuracy` (one half is best), `p`, and the shares `accuracy_on_samples`, `accuracy_on_test`.

        Raises:
            DataError: There are fewer than four samples or test examples.
        """
        import torch
        from scipy.stats import binomtest

        for role, examples in (("generated", generated), ("test", test)):
            require(role, examples, 4, "classifier_two_sample")
        features, half = feature_space(self.space, **training), min(len(generated), len(test)) // 2
        half = min(half, (self.limit or 2 * half) // 2)
        sides = [features(chosen(examples, 2 * half)) for examples in (test, generated)]
        labels = torch.arange(2, device=test.device).repeat_interleave(half)
        classifier = train_classifier(torch.cat([side[:half] for side in sides]), labels)
        on_test, on_samples = (int((classifier(side[half:]) == which).sum()) for which, side in enumerate(sides))
        right, n = on_test + on_samples, 2 * half
        accuracy = right / n
        values = {
            "accuracy": Value(accuracy, "", (accuracy * (1 - accuracy) / n) ** 0.5, "held-out samples and test data"),
            "p": Value(float(binomtest(right, n, alternative="greater").pvalue)),
            "accuracy_on_samples": Value(on_samples / half),
            "accuracy_on_test": Value(on_test / half),
        }
        text = f"{n} held-out examples are few: only large differences show"
        limits = (Finding("few-examples", text),) if n < 100 else ()
        of_space = space_findings(self.space, test=test, **training)
        return MetricResult(values, findings=(*limits, *of_space))
