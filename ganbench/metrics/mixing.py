"""Whether the Markov chains behind samples have mixed: forgotten their starts, and run long enough to count.

A chain that remembers its start copies training images, and the Parzen estimate rewards copies more than any model.
Sources: Vehtari, Gelman, Simpson, Carpenter and Bürkner, "Rank-normalization, folding, and localization: an improved
R-hat" (2021), https://arxiv.org/abs/1903.08008 (several chains from different starts, effective sample sizes); Bengio,
Mesnil, Dauphin and Rifai, "Better mixing via deep representations" (2013), https://arxiv.org/abs/1207.4404 (mixing as
movement between classes).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ganbench.hyperparameters import check_integer, check_number
from ganbench.metrics.chain_statistics import COMPONENTS, split_r_hat
from ganbench.metrics.features import principal_components, train_classifier
from ganbench.metrics.metric import Chains, Finding, Labels, MetricResult, Value
from ganbench.metrics.parzen import refine_bandwidth, select_bandwidth

if TYPE_CHECKING:
    import torch

__all__ = ["Mixing"]

_GROUPS = 10  # of chains, for the errors of what starts are compared by
_LEAST_ROUNDS = 4  # that R-hat can be split of
_EXAMPLES = 1000  # validation and test examples by which groups are compared
_GRID = tuple(0.02 * 100.0 ** (i / 19) for i in range(20))
_UNEVEN, _FAINT = 0.2, 0.05  # above which a note is made
_MOST = 1e6  # in place of infinity, which no record can hold


class Mixing:
    """Autocorrelation times, agreement of chains from different starts, and memory of the start.

    A row fails, and says so in every table, if one of these does not hold:

    - the burn-in is at least `burn_in_times` integrated autocorrelation times of every followed scalar (the leading
      principal components and the indicators of the classes);
    - the effective sample size is at least `least_effective_samples` (or all the samples that there are);
    - split R-hat of the components, over the chains of all starts, is at most `most_r_hat`;
    - the mean log-likelihoods from different starts agree: their difference, relative to its error across groups of
      chains, is within Student's t at the level `level` for all starts together;
    - at most a share `most_own_starts` of the samples from chains that began at training images are nearest to those.

    Args:
        burn_in_times: See above.
        least_effective_samples: See above.
        most_r_hat: See above.
        level: Of the test that compares starts: how often it may reject chains that agree.
        most_own_starts: See above.
        faint: A sample is faint whose sum is below that of all but this share of the training examples.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "mixing"
    version = 1
    direction = "neither"  # shorter is better down to 1, and says nothing of the samples
    needs = ("train", "valid", "test", "chains")
    uses = ("labels",)

    def __init__(
        self,
        *,
        burn_in_times: float = 10.0,
        least_effective_samples: int = 1000,
        most_r_hat: float = 1.1,
        level: float = 0.01,
        most_own_starts: float = 0.01,
        faint: float = 0.001,
    ) -> None:
        check_number("burn_in_times", burn_in_times, least=0)
        check_integer("least_effective_samples", least_effective_samples)
        check_number("most_r_hat", most_r_hat, least=1)
        check_number("level", level, above=0, below=1)
        check_number("most_own_starts", most_own_starts, least=0, most=1)
        check_number("faint", faint, least=0, below=1)
        self.burn_in_times, self.least_effective_samples = burn_in_times, least_effective_samples
        self.most_r_hat, self.level, self.most_own_starts, self.faint = most_r_hat, level, most_own_starts, faint

    def measure(
        self,
        *,
        generated: torch.Tensor,
        train: torch.Tensor,
        valid: torch.Tensor,
        test: torch.Tensor,
        chains: Chains,
        labels: Labels,
    ) -> MetricResult:
        """Values: `autocorrelation_time` (the longest, in steps), `effective_sample_size`, and the others above."""
        values = _times(chains, len(generated))
        values |= _r_hat(train, chains)
        values |= _starts_compared(chains, valid, test)
        values |= _memory_of_starts(chains, train, labels)
        values |= _law(generated, train, valid, test, labels, self.faint)
        return MetricResult(values, findings=tuple(self._findings(values, chains, len(generated))))

    def _findings(self, values: dict[str, Value], chains: Chains, n: int) -> Iterator[Finding]:
        failed = list(self._failures({name: value.value for name, value in values.items()}, n))
        if failed:
            text = f"the chains have not mixed ({'; '.join(failed)}): other starts or longer runs give other values"
            yield Finding("chains-not-mixed", text, about="samples")
        first = next(iter(chains.samples))
        if first == "train":
            text = "the chains start at training images, which they may still resemble"
            yield Finding("chains-start-at-training-images", text, about="samples")
        uneven, faint = (values[name].value if name in values else 0.0 for name in ("class_distance", "faint_share"))
        if uneven > _UNEVEN:
            text = f"the classes of the samples are uneven: {uneven:.0%} of them would have to change class"
            yield Finding("classes-uneven", text, "note")
        if faint > _FAINT:
            yield Finding("samples-faint", f"{faint:.0%} of the samples are fainter than any usual image", "note")

    def _failures(self, values: dict[str, float], n: int) -> Iterator[str]:
        """What does not hold, in words."""
        burn_in, time = values["burn_in"], values["autocorrelation_time"]
        if burn_in < self.burn_in_times * time:
            times = f"{self.burn_in_times:g} autocorrelation times of {time:.0f}"
            yield f"the burn-in of {burn_in:.0f} steps is less than {times}"
        size, least = values["effective_sample_size"], min(self.least_effective_samples, n)
        if size < least:
            yield f"{size:.0f} effective samples are fewer than {least}"
        if (r_hat := values.get("split_r_hat", 1.0)) > self.most_r_hat:
            yield f"split R-hat is {r_hat:.2f}, above {self.most_r_hat:g}"
        errors, limit = values.get("start_difference_in_errors", 0.0), _limit(self.level, values)
        if errors > limit:
            nats = values["start_difference"]
            yield f"different starts differ by {nats:.1f} nats, {errors:.1f} errors, where chance allows {limit:.1f}"
        if (own := values.get("own_start_share", 0.0)) > self.most_own_starts:
            yield f"{own:.1%} of the samples are nearest to the training image at which their chain began"


def _times(chains: Chains, n: int) -> dict[str, Value]:
    times = chains.autocorrelation_times
    longest = max(times.values())
    return {
        "autocorrelation_time": Value(longest, "steps"),
        "effective_sample_size": Value(n * min(1.0, chains.thinning / longest)),
        **{f"autocorrelation_time_of_{name}": Value(time, "steps") for name, time in times.items()},
        "burn_in": Value(chains.burn_in, "steps"),
    }


def _limit(level: float, values: dict[str, float]) -> float:
    """The two-sided quantile of Student's t for as many comparisons as there are, by Bonferroni."""
    from scipy.special import stdtrit

    comparisons = max(sum(name.startswith("log_likelihood_from_") for name in values) - 1, 1)
    return -float(stdtrit(2 * (_GROUPS - 1), level / 2 / comparisons))


def _r_hat(train: torch.Tensor, chains: Chains) -> dict[str, Value]:
    """Split R-hat of the components over the chains of all starts, where there are four samples of each or more."""
    import torch

    samples = torch.cat(list(chains.samples.values()), dim=1)
    if len(samples) < _LEAST_ROUNDS:
        return {}
    series = principal_components(train, COMPONENTS)(samples.flatten(0, 1)).unflatten(0, samples.shape[:2])
    return {"split_r_hat": Value(min(float(split_r_hat(series).max()), _MOST))}


def _starts_compared(chains: Chains, valid: torch.Tensor, test: torch.Tensor) -> dict[str, Value]:
    """Mean log-likelihoods by the start, all samples of it; their errors and difference by groups of chains."""
    from ganbench.metrics._kernels.parzen import parzen_log_density

    valid, groups = valid[:_EXAMPLES], min(_GROUPS, len(chains.origins))
    values, means, bandwidth = {}, {}, 0.0
    for start, samples in chains.samples.items():
        parts = [part.flatten(0, 1) for part in samples.tensor_split(groups, dim=1)]
        bandwidth = bandwidth or _bandwidth(valid, parts[0])
        means[start] = [float(parzen_log_density(test[:_EXAMPLES], part, bandwidth).mean()) for part in parts]
        everything = samples.flatten(0, 1)
        likelihood = float(parzen_log_density(test, everything, _bandwidth(valid, everything)).mean())
        error = _error(means[start])
        across = "" if error is None else "chain groups"
        values[f"log_likelihood_from_{start}"] = Value(likelihood, "nats", error, across)
    return values | _largest_difference(means)


def _bandwidth(valid: torch.Tensor, samples: torch.Tensor) -> float:
    return refine_bandwidth(valid, samples, select_bandwidth(valid, samples, _GRID)).bandwidth


def _error(means: list[float]) -> float | None:
    """The standard error of the mean over groups; None for one group."""
    return statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else None


def _largest_difference(means: dict[str, list[float]]) -> dict[str, Value]:
    """Between the first start and the one that differs most from it, in errors."""
    first, *others = means.values()
    if not others or len(first) < 2:
        return {}
    found = []
    for other in others:
        difference = statistics.fmean(other) - statistics.fmean(first)
        error = math.hypot(_error(first) or 0.0, _error(other) or 0.0)
        errors = abs(difference) / error if error > 0 else _MOST * bool(difference)
        found.append((min(errors, _MOST), difference, error))
    errors, difference, error = max(found)
    return {
        "start_difference": Value(difference, "nats", error, "chain groups"),
        "start_difference_in_errors": Value(errors),
    }


def _memory_of_starts(chains: Chains, train: torch.Tensor, labels: Labels) -> dict[str, Value]:
    """What chains that began at training images still have of them, beside what they have of another chain's."""
    import torch

    from ganbench.metrics._kernels.neighbors import nearest_neighbors

    if "train" not in chains.samples:
        return {}
    samples, own = chains.samples["train"], chains.origins
    others = own.roll(1)
    flat = samples.flatten(0, 1)
    nearest = nearest_neighbors(flat, train)[1][:, 0].view(samples.shape[:2])
    values = {"own_start_share": Value(float((nearest == own).double().mean()))}
    to_own, to_others = (
        torch.linalg.vector_norm((samples - train[rows]).flatten(2), dim=2).mean() for rows in (own, others)
    )
    if to_others > 0:
        values["start_distance_ratio"] = Value(float(to_own / to_others))
    if labels.train is not None:
        classes = train_classifier(train, labels.train)(flat).view(samples.shape[:2])
        agree = [float((classes == labels.train[rows]).double().mean()) for rows in (own, others)]
        values["class_memory"] = Value(agree[0] - agree[1])
    return values


def _law(
    generated: torch.Tensor, train: torch.Tensor, valid: torch.Tensor, test: torch.Tensor, labels: Labels, faint: float
) -> dict[str, Value]:
    """How the samples are spread: faint ones, and the distance of their classes from the data's in total variation."""
    import torch

    sums = train.flatten(1).sum(1).sort().values
    level = sums[int(faint * len(sums))]
    values = {"faint_share": Value(float((generated.flatten(1).sum(1) < level).double().mean()))}
    if labels.train is None:
        return values
    classifier = train_classifier(train, labels.train)
    of_samples, of_data = (
        torch.bincount(classifier(examples), minlength=classifier.n_classes).double() / len(examples)
        for examples in (generated, test)
    )
    values["class_distance"] = Value(float((of_samples - of_data).abs().sum() / 2))
    if labels.valid is not None:
        values["classifier_accuracy"] = Value(classifier.accuracy(valid, labels.valid))
    return values
