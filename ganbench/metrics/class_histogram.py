"""Which classes the samples fall into, by a classifier that is trained on the training data.

    total variation = 1/2 sum_c |p_c - q_c|

with p and q the shares of the classes that the classifier gives to the samples and to the test data, so that its own
errors fall on both; a chi-square test of independence compares the counts. A class is covered if the samples have at
least a tenth of the test data's share of it. Sources: Metz et al., "Unrolled generative adversarial networks" (2017),
https://arxiv.org/abs/1611.02163 (modes covered); Santurkar, Schmidt and Madry, "A classification-based study of
covariate shift in GAN distributions" (2018), https://arxiv.org/abs/1711.00970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.errors import DataError
from ganbench.metrics.features import Classifier, train_classifier
from ganbench.metrics.metric import Curve, Finding, Labels, MetricResult, Value

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = ["ClassHistogram", "total_variation"]

_COVERED = 0.1  # of the data's share
_RESAMPLES = 400  # they tell a standard deviation to 4 %
_LEAST_ACCURACY = 0.9


class ClassHistogram:
    """Total variation between the classes of samples and test data, a chi-square p-value, the classes covered."""

    name = "class_histogram"
    version = 1
    direction = "lower"
    symmetric = True
    needs = ("train", "valid", "test", "labels")

    def measure(
        self, *, generated: torch.Tensor, train: torch.Tensor, valid: torch.Tensor, test: torch.Tensor, labels: Labels
    ) -> MetricResult:
        """Values `total_variation` (its error by the bootstrap), `null_total_variation` (of validation examples).

        Also `p`, `modes_covered`, `modes`, `classifier_accuracy` (on validation data); the curves hold the shares.

        Raises:
            DataError: The training data have no labels, or one class only.
        """
        if labels.train is None or int(labels.train.max()) == 0:
            raise DataError("class_histogram needs training labels of two classes or more. Leave it out.")
        classifier = train_classifier(train, labels.train)
        counts = {
            role: _counts(classifier, part)
            for role, part in (("generated", generated), ("test", test), ("null", valid))
        }
        ours, data, null = counts.values()
        held = data > 0
        covered = ours * data.sum() >= _COVERED * data * ours.sum()
        values = {
            "total_variation": Value(total_variation(ours, data), "", *_error(ours, data)),
            "null_total_variation": Value(total_variation(null, data), "", *_error(null, data)),
            "p": Value(_p(ours, data)),
            "modes_covered": Value(int((covered & held).sum())),
            "modes": Value(int(held.sum())),
        }
        if labels.valid is not None:
            values["classifier_accuracy"] = Value(classifier.accuracy(valid, labels.valid))
        curves = {
            role: Curve("class", "share", tuple(range(len(part))), tuple(part / part.sum()))
            for role, part in counts.items()
        }
        return MetricResult(values, curves, _findings(values, [c for c in range(len(held)) if held[c] & ~covered[c]]))


def total_variation(first: np.ndarray, second: np.ndarray) -> float:
    """Between the shares of two vectors of counts `[c]`, or of each of many against one: from 0 to 1.

    >>> import numpy as np
    >>> total_variation(np.array([3, 1]), np.array([1, 1]))
    0.25
    """
    return float(abs(first / first.sum() - second / second.sum()).sum() / 2)


def _counts(classifier: Classifier, examples: torch.Tensor) -> np.ndarray:
    import torch

    counts: np.ndarray = torch.bincount(classifier(examples), minlength=classifier.n_classes).cpu().numpy()
    return counts


def _error(first: np.ndarray, second: np.ndarray) -> tuple[float | None, str]:
    """The standard error of the total variation, by resamples of both that are the same every time."""
    import numpy as np

    if min(first.sum(), second.sum()) < 2:
        return None, ""
    rng = np.random.default_rng(0)
    drawn = [rng.multinomial(counts.sum(), counts / counts.sum(), _RESAMPLES) for counts in (first, second)]
    return float(np.std([total_variation(*pair) for pair in zip(*drawn, strict=True)])), "samples and test examples"


def _p(first: np.ndarray, second: np.ndarray) -> float:
    """Of the chi-square test that both come from one law; 1 where all fall into one class."""
    import numpy as np
    from scipy.stats import chi2_contingency

    table = np.stack((first, second))
    table = table[:, table.sum(0) > 0]
    return float(chi2_contingency(table, correction=False).pvalue) if table.shape[1] > 1 else 1.0


def _findings(values: dict[str, Value], missing: list[int]) -> tuple[Finding, ...]:
    findings = []
    if missing:
        text = f"the samples have less than a tenth of the data's share of class {', '.join(map(str, missing))}"
        findings.append(Finding("classes-missing", text, about="samples"))
    accuracy = values.get("classifier_accuracy", Value(1.0)).value
    if accuracy < _LEAST_ACCURACY:
        text = f"the classifier gives {accuracy:.0%} of the validation examples their class: its histograms are blurred"
        findings.append(Finding("poor-classifier", text))
    return tuple(findings)
