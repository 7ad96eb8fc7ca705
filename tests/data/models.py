"""Toy models: one that keeps the contract, and one for each way of breaking it."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time

import torch


class PixelwiseGaussian:
    """Every pixel by itself: mean and deviation follow random minibatches, with a velocity."""

    def __init__(self, event_shape, *, device="cpu", epochs=3, spread=1.0, seconds=0.0):
        if spread < 0:
            raise ValueError(f"spread must not be negative; got {spread}")
        self.event_shape, self.device, self.spread, self.seconds = tuple(event_shape), device, spread, seconds
        self.total_epochs = epochs
        self.mean, self.deviation = torch.full(event_shape, 0.5), torch.ones(event_shape)
        self.velocity = torch.zeros(event_shape)
        self.epoch = 0

    def fit(self, train, *, generator):
        while self.epoch < self.total_epochs:
            time.sleep(self.seconds)
            self._step(train, generator)
            self.epoch += 1
            yield {"deviation": float(self.deviation.mean())}

    def _step(self, train, generator):
        rows = torch.randint(len(train), (8,), generator=generator)
        self.velocity = 0.5 * self.velocity + 0.5 * (train[rows].mean(0) - self.mean)
        self.mean = self.mean + self.velocity
        self.deviation = train.std(0)

    def sample(self, n, *, generator):
        noise = torch.randn(n, *self.event_shape, generator=generator)
        return (self.mean + self.spread * self.deviation * noise).clamp(0, 1)

    def state_dict(self):
        return {"moments": [self.mean, self.deviation], "velocity": self.velocity, "epoch": self.epoch}

    def load_state_dict(self, state):
        (self.mean, self.deviation), self.velocity = [t.clone() for t in state["moments"]], state["velocity"].clone()
        self.epoch = state["epoch"]


def uniform(n, generator):
    """A plain function: uniform noise on 3x3 images."""
    return torch.rand(n, 3, 3, generator=generator)


not_a_model = 3


class YieldsNumbers(PixelwiseGaussian):
    def fit(self, train, *, generator):
        yield from (metrics["deviation"] for metrics in super().fit(train, generator=generator))


class Diverges(PixelwiseGaussian):
    def fit(self, train, *, generator):
        for metrics in super().fit(train, generator=generator):
            yield metrics if self.epoch < 2 else {"loss": float("nan")}


class RaisesInFit(PixelwiseGaussian):
    def fit(self, train, *, generator):
        yield from itertools.islice(super().fit(train, generator=generator), 1)
        raise RuntimeError("the second epoch\nis too hard")


class LeavesPython(PixelwiseGaussian):
    def sample(self, n, *, generator):
        sys.exit(0)


class EndsItsProcess(PixelwiseGaussian):
    def fit(self, train, *, generator):
        os.kill(os.getpid(), signal.SIGKILL)
        yield {}


class RaisesInSample(PixelwiseGaussian):
    def sample(self, n, *, generator):
        raise RuntimeError("no samples today")


class RaisesInConstructor(PixelwiseGaussian):
    def __init__(self, event_shape, *, device="cpu"):
        raise RuntimeError("no accelerator for this model")


class LacksSample:
    def __init__(self, event_shape, *, device="cpu"):
        pass

    def fit(self, train, *, generator):
        return iter(())

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class Transposed(PixelwiseGaussian):
    def sample(self, n, *, generator):
        return super().sample(n, generator=generator).flatten(1)[:, :-1]


class TwoAtATime(PixelwiseGaussian):
    def sample(self, n, *, generator):
        return super().sample(n + n % 2, generator=generator)


class DoublePrecision(PixelwiseGaussian):
    def sample(self, n, *, generator):
        return super().sample(n, generator=generator).double()


class ReturnsArrays(PixelwiseGaussian):
    def sample(self, n, *, generator):
        return super().sample(n, generator=generator).numpy()


class CarriesGradients(PixelwiseGaussian):
    def sample(self, n, *, generator):
        return super().sample(n, generator=generator).requires_grad_()


class GreyLevels(PixelwiseGaussian):
    def sample(self, n, *, generator):
        return 255 * super().sample(n, generator=generator)


class NotFinite(PixelwiseGaussian):
    def sample(self, n, *, generator):
        samples = super().sample(n, generator=generator)
        samples[-1].view(-1)[0] = float("nan")
        return samples


class AlwaysTheSame(PixelwiseGaussian):
    def sample(self, n, *, generator):
        return self.mean.expand(n, *self.event_shape)


class CountsItsCalls(PixelwiseGaussian):
    calls = itertools.count()

    def sample(self, n, *, generator):
        return (super().sample(n, generator=generator) + 1e-3 * next(self.calls)).clamp(0, 1)


class CountsItsTrainings(PixelwiseGaussian):
    trainings = itertools.count()

    def fit(self, train, *, generator):
        self.mean = self.mean + 1e-3 * next(self.trainings)
        yield from super().fit(train, generator=generator)


class ReadsGlobalState(PixelwiseGaussian):
    def _step(self, train, generator):
        with torch.random.fork_rng():  # leaves the global state as it was
            self.mean = self.mean + 0.1 * torch.rand(())
        super()._step(train, generator)


class WritesGlobalState(PixelwiseGaussian):
    def sample(self, n, *, generator):
        torch.manual_seed(5)
        return super().sample(n, generator=generator)


class ChangesItsData(PixelwiseGaussian):
    def _step(self, train, generator):
        super()._step(train, generator)
        train.mul_(0.9)


class TrainsWhileSampling(PixelwiseGaussian):
    def sample(self, n, *, generator):
        samples = super().sample(n, generator=generator)
        self.velocity = self.velocity + samples.mean()
        return samples


class ForgetsItsMean(PixelwiseGaussian):
    def state_dict(self):
        return {**super().state_dict(), "moments": [torch.zeros(self.event_shape), self.deviation]}


class ForgetsItsVelocity(PixelwiseGaussian):
    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.velocity = torch.zeros(self.event_shape)


class KeepsObjects(PixelwiseGaussian):
    def state_dict(self):
        return {**super().state_dict(), "made by": type(self)}
