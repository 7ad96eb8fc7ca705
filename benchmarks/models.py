"""The training step and the sampler of every model, with the presets of MNIST.

A step is held against its own matrix products: those that it makes are recorded with their operands and run again
alone, by the same operators and by `torch.mm`.
"""

from __future__ import annotations

import torch

from benchmarks._compat import mnist_model
from benchmarks._ratios import DEVICES, RecordedProducts, medians_in_turns
from ganbench import torch_generator

MODELS = ["adversarial", "dbn", "cae", "gsn"]
PRECISIONS = ["float32", "bfloat16"]
BATCH = 100
STEPS_A_SECOND = {"adversarial": 50, "dbn": 200, "cae": 200, "gsn": 10}  # about, on two cores
SHARE_ON = 0.2  # about the share of pixels that are on in images of digits


def _images(n: int, device: str) -> torch.Tensor:
    generator = torch_generator(0)
    on = torch.rand(n, 28, 28, generator=generator) < SHARE_ON
    return (torch.rand(n, 28, 28, generator=generator) * on).to(device)


class _Training:
    """Epochs of so many steps, one after the other, that what is done once an epoch hardly counts."""

    seconds = 1.0  # about, of an epoch

    def train(self, model, device, precision="float32"):
        """Do the first epoch."""
        self.steps = round(self.seconds * STEPS_A_SECOND[model])
        self.model = mnist_model(model, device, precision=precision, epochs=1_000_000)
        self.epochs = self.model.fit(_images(self.steps * BATCH, device), generator=torch_generator(1, device))
        next(self.epochs)

    def epoch(self):
        return next(self.epochs)


class ShortEpoch(_Training):
    """A few steps, to be timed again and again."""

    params = (MODELS, ["cpu"])
    param_names = ("model", "device")
    seconds = 0.1

    def setup(self, model, device):
        self.train(model, device)

    def time_epoch(self, model, device):
        self.epoch()


class Step(_Training):
    params = (MODELS, PRECISIONS, DEVICES)
    param_names = ("model", "precision", "device")
    timeout = 300

    def setup(self, model, precision, device):
        self.train(model, device, precision)

    def peakmem_epoch(self, model, precision, device):
        self.epoch()

    def track_steps_per_second(self, model, precision, device):
        (seconds,) = medians_in_turns([self.epoch], rounds=9)
        return self.steps / seconds

    track_steps_per_second.unit = "steps/s"


class StepAndItsProducts(_Training):
    params = (MODELS, PRECISIONS, ["cpu"])  # on CUDA a replayed graph hides its products
    param_names = ("model", "precision", "device")
    timeout = 300

    def setup(self, model, precision, device):
        self.train(model, device, precision)
        self.products = RecordedProducts.of_one_of(self.steps, self.epoch)

    def track_time_over_own_products(self, model, precision, device):
        step, alone = medians_in_turns([self.epoch, lambda: self.products.replay(self.steps)], rounds=9)
        return step / alone

    def track_time_over_plain_products(self, model, precision, device):
        plain = self.products.plain()
        step, alone = medians_in_turns([self.epoch, lambda: plain(self.steps)], rounds=9)
        return step / alone

    track_time_over_own_products.unit = track_time_over_plain_products.unit = "ratio"


class _Sampling:
    """Images of a model that was trained for a moment."""

    param_names = ("model", "device")
    timeout = 900

    def setup(self, model, device, **settings):
        self.model = mnist_model(model, device, epochs=1, **settings)  # of every layer
        for _ in self.model.fit(_images(10 * BATCH, device), generator=torch_generator(1, device)):
            pass
        self.generator = torch_generator(2, device)

    def sample(self, n=10_000):
        return self.model.sample(n, generator=self.generator)


class Sampler(_Sampling):
    """One pass of the generator, or chains of 200 steps, a thousand side by side."""

    params = (MODELS, DEVICES)

    def peakmem_10000_samples(self, model, device):
        self.sample()

    def track_samples_per_second(self, model, device):
        (seconds,) = medians_in_turns([self.sample], rounds=1)
        return 10_000 / seconds

    track_samples_per_second.unit = "samples/s"


class AdversarialSampler(_Sampling):
    params = (["adversarial"], ["cpu"])

    def time_10000_samples(self, model, device):
        self.sample()

    def track_time_over_own_products(self, model, device):
        products = RecordedProducts.of_one_of(10, self.sample)  # a thousand images at a time
        whole, alone = medians_in_turns([self.sample, lambda: products.replay(10)], rounds=9)
        return whole / alone

    track_time_over_own_products.unit = "ratio"


class ShortChains(_Sampling):
    """Steps of five hundred chains, to be timed again and again."""

    params = (["dbn", "cae", "gsn"], ["cpu"])

    def setup(self, model, device):
        super().setup(model, device)
        self.model.sampling_steps = 3

    def time_500_samples(self, model, device):
        self.sample(500)
