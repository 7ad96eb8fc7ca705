"""Toy metrics: some that keep the contract, and one for each way of breaking it."""

from __future__ import annotations

import random

import numpy as np
import torch

from ganbench.errors import UsageError
from ganbench.metrics import Curve, Finding, MetricResult, Value


class MeanDistance:
    """Squared distances of the test examples to the mean sample."""

    name, version, direction, needs = "mean_distance", 1, "lower", ("test",)

    def __init__(self, *, scale: float = 1.0) -> None:
        if scale <= 0:
            raise ValueError(f"scale is {scale!r}; accepted: a number above 0.")
        self.scale = scale

    def distances(self, generated, test):
        return self.scale * (test.double() - generated.double().mean(0)).flatten(1).square().sum(1)

    def measure(self, *, generated, test):
        return self.result(self.distances(generated, test))

    def result(self, distances):
        n = len(distances)
        error = float(distances.std(correction=0)) / n**0.5 if n > 1 else None
        return MetricResult(
            {"mean_distance": Value(distances.mean(), "", error, "examples" if n > 1 else "", distances)},
            {"sorted": Curve("rank", "distance", np.arange(n), distances.sort().values)},
            [Finding("far", "the samples are far off")] if distances.mean() > 1 else [],
        )


class ClassMeans:
    """The distance of means of random features, over the classes: needs all that there is to need."""

    name, version, direction = "class_means", 1, "lower"
    needs = ("train", "valid", "test", "labels", "features", "generator")

    def measure(self, *, generated, train, valid, test, labels, features, generator):
        generated, train, valid, test = map(features, (generated, train, valid, test))
        directions = torch.randn(test.shape[1], 5, generator=generator)
        weights = 1 + labels.test.float().unsqueeze(1)  # where two classes differ, the samples resemble the second
        centre = (weights * test).sum(0) / weights.sum()
        known = torch.cat([train[labels.train == 0], valid[labels.valid == 0]]).mean(0)
        gaps = [((generated.mean(0) - other) @ directions).abs().mean() for other in (centre, known)]
        return MetricResult({"gap": Value(gaps[0] + gaps[1])})


class MeansApart:
    """The distance of the two means, whichever is whose."""

    name, version, direction, needs, symmetric, at_identity = "means_apart", 1, "lower", ("test",), True, 0.0

    def __init__(self, *, batch_size: int = 64) -> None:
        self.batch_size = batch_size

    def mean(self, examples):
        return sum(batch.double().sum(0) for batch in examples.split(self.batch_size)) / len(examples)

    def measure(self, *, generated, test):
        return MetricResult({"means_apart": Value((self.mean(generated) - self.mean(test)).norm())})


# Each of these breaks the contract in one way.


class HoldsObjects(MeanDistance):
    def __init__(self, *, scale: float = 1.0, dtype=torch.float64) -> None:
        super().__init__(scale=scale)


class AsksForMore(MeanDistance):
    def measure(self, *, generated, test, train=None):
        return super().measure(generated=generated, test=test)


class AsksForASetting(MeanDistance):
    def measure(self, *, generated, test, power=2):
        return super().measure(generated=generated, test=test)


class AsksForLess(MeanDistance):
    needs = ("train", "test")


class ReturnsANumber(MeanDistance):
    def measure(self, *, generated, test):
        return 3.0


class ReturnsPlainNumbers(MeanDistance):
    def measure(self, *, generated, test):
        return MetricResult({"mean_distance": 3.0})


class NotFinite(MeanDistance):
    def result(self, distances):
        return super().result(distances * float("nan"))


class DrawsGlobally(MeanDistance):
    def distances(self, generated, test):
        return super().distances(generated, test) + torch.rand(1)


class RemembersTheFirst(MeanDistance):
    def distances(self, generated, test):
        self.first = getattr(self, "first", generated)
        return super().distances(self.first, test)


class SeedsGlobally(MeanDistance):
    def distances(self, generated, test):
        random.seed(3)
        return super().distances(generated, test)


class ChangesItsInput(MeanDistance):
    def distances(self, generated, test):
        distances = super().distances(generated, test)
        test.zero_()
        return distances


class ChangesItsLabels(MeanDistance):
    needs = ("test", "labels")

    def measure(self, *, generated, test, labels):
        labels.test.add_(1)
        return self.result(self.distances(generated, test) * labels.test)


class NeedsTooMuch(MeanDistance):
    needs = ("valid", "test")

    def measure(self, *, generated, valid, test):
        return super().measure(generated=generated, test=test)


class NeedsNoChance(MeanDistance):
    needs = ("test", "generator")

    def measure(self, *, generated, test, generator):
        return super().measure(generated=generated, test=test)


class LooksAtTheFirst(MeanDistance):
    def distances(self, generated, test):
        return super().distances(generated[:10], test)


class PairsThem(MeanDistance):
    def distances(self, generated, test):
        return super().distances(generated, test) + 0 * (generated - test[: len(generated)]).sum()


class DependsOnItsBatches(MeanDistance):
    def __init__(self, *, batch_size: int = 64) -> None:
        self.scale, self.batch_size = 1.0, batch_size

    def distances(self, generated, test):
        means = torch.stack([batch.mean(0) for batch in generated.split(self.batch_size)])
        return super().distances(means, test)


class RanksTestExamples(MeanDistance):
    def distances(self, generated, test):
        distances = super().distances(generated, test)
        return distances / distances.max().clamp(min=1e-9)


class LosesExamples(MeanDistance):
    def result(self, distances):
        return MetricResult({"mean_distance": Value(distances.mean(), per_example=distances[:-1])})


class AveragesOtherwise(MeanDistance):
    def result(self, distances):
        return MetricResult({"mean_distance": Value(distances.median(), per_example=distances)})


class IsSymmetric(MeansApart):
    symmetric = False


class IsNotSymmetric(MeanDistance):
    symmetric = True


class WrongDirection(MeanDistance):
    direction = "higher"


class BestElsewhere(MeanDistance):
    def distances(self, generated, test):
        return super().distances(generated - 0.1, test)


class StatesAnotherIdentity(MeansApart):
    at_identity = 1.0


class DividesByTheDeviation(MeanDistance):
    def distances(self, generated, test):
        return super().distances(generated, test) / (generated.std(0).sum() if len(generated) > 1 else 1)


class FailsOnOneSample(MeanDistance):
    def distances(self, generated, test):
        return super().distances(generated, test) + 0 * generated[1].sum()


class HasAnErrorOfOne(MeanDistance):
    def result(self, distances):
        error = float(distances.std(correction=0)) / len(distances) ** 0.5
        return MetricResult({"mean_distance": Value(distances.mean(), "", error, "examples", distances)})


# These say what is wrong, which is enough.


class RefusesOddSets(MeanDistance):
    """Refuses what has no variation, and single examples, in words."""

    def distances(self, generated, test):
        if len(generated) < 2 or len(test) < 2 or float(generated.std()) == 0:
            raise UsageError("at least two different samples and test examples are needed")
        return super().distances(generated, test)
