"""Clouds, a model, and brightness, a metric."""

import torch

from ganbench.metrics import MetricResult, Value


class Clouds:
    """Training images with a little noise."""

    def __init__(self, event_shape, *, device="cpu", deviation=0.1):
        self.deviation, self.epoch, self.images = deviation, 0, torch.zeros(1, *event_shape, device=device)

    def fit(self, train, *, generator):
        while self.epoch < 1:
            self.images, self.epoch = train.clone(), 1
            yield {"images": float(len(train))}

    def sample(self, n, *, generator):
        rows = torch.randint(len(self.images), (n,), generator=generator, device=generator.device)
        noise = torch.randn(n, *self.images.shape[1:], generator=generator, device=generator.device)
        return (self.images[rows] + self.deviation * noise).clamp(0, 1)

    def state_dict(self):
        return {"images": self.images, "epoch": self.epoch}

    def load_state_dict(self, state):
        self.images, self.epoch = state["images"].clone(), state["epoch"]


class Brightness:
    """How far the mean brightness of samples is from that of test images."""

    name, version, direction, needs, symmetric = "brightness", 1, "lower", ("test",), True

    def measure(self, *, generated, test):
        return MetricResult({"brightness_gap": Value((generated.double().mean() - test.double().mean()).abs())})
