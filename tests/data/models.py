"""Toy models: one that keeps the contract, and one for each way of breaking it."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time

import numpy as np
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
of_python = dict


class YieldsNumbers(PixelwiseGaussian):
    def fit(self, train, *, generator):
        yield from (metrics["deviation"] for metrics in super().fit(train, generator=generator))


class YieldsWords(PixelwiseGaussian):
    def fit(self, train, *, generator):
        yield from ({"deviation": "small"} for _ in super().fit(train, generator=generator))


class YieldsHugeNumbers(PixelwiseGaussian):
    def fit(self, train, *, generator):
        yield from ({"deviation": 10**400} for _ in super().fit(train, generator=generator))


class ReturnsNothing(PixelwiseGaussian):
    def fit(self, train, *, generator):
        self._step(train, generator)


class ReturnsANumber(ReturnsNothing):
    def fit(self, train, *, generator):
        super().fit(train, generator=generator)
        return 0.5


class NeverYields(PixelwiseGaussian):
    def fit(self, train, *, generator):
        try:
            while True:
                self.epoch += 1
        except Exception:  # noqa: BLE001 - does not stop the clock
            yield {}


class NeverEnds(PixelwiseGaussian):
    def fit(self, train, *, generator):
        while True:
            self._step(train, generator)
            self.epoch += 1
            yield {"deviation": float(self.deviation.mean())}


class NeverEndsUnannounced(NeverEnds):
    def __init__(self, event_shape, **hyperparameters):
        super().__init__(event_shape, **hyperparameters)
        del self.total_epochs


class AnnouncesNoNumber(PixelwiseGaussian):
    def __init__(self, event_shape, **hyperparameters):
        super().__init__(event_shape, **hyperparameters)
        self.total_epochs = "three"

    def fit(self, train, *, generator):
        while self.epoch < 3:
            self._step(train, generator)
            self.epoch += 1
            yield {}


class Slow(PixelwiseGaussian):
    """No fault: only too slow to be followed to its end."""

    def __init__(self, event_shape, *, device="cpu"):
        super().__init__(event_shape, epochs=1000, seconds=0.02)


class Diverges(PixelwiseGaussian):
    def fit(self, train, *, generator):
        for metrics in super().fit(train, generator=generator):
            if self.epoch >= 2:
                self.mean = torch.full(self.event_shape, float("nan"))
            yield {**metrics, "loss": float(self.mean.sum())}


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


class HalfPrecision(PixelwiseGaussian):
    def sample(self, n, *, generator):
        return super().sample(n, generator=generator).bfloat16()


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


class KeepsNumpyScalars(PixelwiseGaussian):
    def state_dict(self):
        return {**super().state_dict(), "optimiser": {"lr": np.float64(0.1), "steps": [np.int64(3)]}}


class ReturnsNoState(PixelwiseGaussian):
    def state_dict(self):
        return None


class ForgetsItsEpoch(PixelwiseGaussian):
    """Of one epoch, as `training_can_be_interrupted` has nothing to say of."""

    def __init__(self, event_shape, *, device="cpu"):
        super().__init__(event_shape, epochs=1)

    def state_dict(self):
        return {**super().state_dict(), "epoch": 0}


class TrainsTheLoadedState(PixelwiseGaussian):
    def _step(self, train, generator):
        mean = self.mean
        super()._step(train, generator)
        self.mean = mean.copy_(self.mean)

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.mean = state["moments"][0]


class NeedsTraining(PixelwiseGaussian):
    def _step(self, train, generator):
        super()._step(train, generator)
        self.noise = 1.0

    def sample(self, n, *, generator):
        return super().sample(n, generator=generator) * self.noise

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.noise = 1.0


class SaysThatItNeedsTraining(NeedsTraining):
    """No fault."""

    def sample(self, n, *, generator):
        if not self.epoch:
            raise ValueError("train me first: call fit")
        return super().sample(n, generator=generator)


class IsUndefinedBeforeTraining(PixelwiseGaussian):
    def __init__(self, event_shape, **hyperparameters):
        super().__init__(event_shape, **hyperparameters)
        self.mean = torch.full(self.event_shape, float("nan"))

    def _step(self, train, generator):
        if not self.epoch:
            self.mean = torch.full(self.event_shape, 0.5)
        super()._step(train, generator)


class DiffersBeforeTraining(IsUndefinedBeforeTraining):
    made = itertools.count()

    def __init__(self, event_shape, **hyperparameters):
        super().__init__(event_shape, **hyperparameters)
        self.mean = torch.full(self.event_shape, 1e-3 * next(self.made))  # as `torch.empty` may


class DrawsInItsConstructor(PixelwiseGaussian):
    def __init__(self, event_shape, **hyperparameters):
        super().__init__(event_shape, **hyperparameters)
        torch.nn.Linear(2, 2)


class DrawsInStateDict(PixelwiseGaussian):
    def state_dict(self):
        np.random.rand()  # noqa: NPY002 - this is the fault
        return super().state_dict()


class LoadsAtRandom(PixelwiseGaussian):
    def load_state_dict(self, state):
        super().load_state_dict(state)
        torch.rand(())


class LoadsWhatIsGlobal(PixelwiseGaussian):
    def load_state_dict(self, state):
        super().load_state_dict(state)
        with torch.random.fork_rng():
            self.deviation = self.deviation + 1e-9 * torch.rand(())
            self.velocity = self.velocity + 1e-9 * torch.rand(())


class DefaultsToDouble(PixelwiseGaussian):
    def _step(self, train, generator):
        super()._step(train, generator)
        torch.set_default_dtype(torch.float64)


class SetsThreads(PixelwiseGaussian):
    def fit(self, train, *, generator):
        torch.set_num_threads(torch.get_num_threads() + 1)
        yield from super().fit(train, generator=generator)


class LeavesGradientsOff(PixelwiseGaussian):
    def sample(self, n, *, generator):
        torch.set_grad_enabled(False)
        return super().sample(n, generator=generator)


class MovesAway(PixelwiseGaussian):
    def load_state_dict(self, state):
        os.chdir(os.pardir)
        super().load_state_dict(state)
